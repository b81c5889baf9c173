import { parseDomain, toUnicode } from '../../net/index.ts';

/**
 * A text as a terminal, a log or a table may show it: characters that steer (controls, line and paragraph ends, marks of
 * direction, what has no width) and halves of characters stand there as what they are, `\u001b`.
 */
export const shown = (text: string): string =>
  text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be shown as what they are.
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** A domain as people write it; what the DNS calls it stands behind it, since other letters may look the same. */
export function written(name: string): string {
  const domain = name.includes('xn--') ? parseDomain(name) : undefined;
  const text = domain === undefined ? name : toUnicode(domain);
  return text === name ? name : `${text} (${name})`;
}

/** The beginning of a text, where all of it would be too much. */
export const cut = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;

/** The same text, in which each half of a character is U+FFFD: nothing else can be written as UTF-8. */
export const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '\ufffd');

/**
 * JSON, indented. What steers a terminal or ends a line elsewhere is escaped too, though JSON would bear some of it: its
 * readers read the same.
 */
export const jsonText = (value: unknown): string =>
  `${JSON.stringify(value, undefined, 2)}\n`.replace(/[^\n -~]/gu, (character) =>
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character)
      ? [...Array(character.length).keys()]
          .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
          .join('')
      : character,
  );
