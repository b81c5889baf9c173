import { parseDomain, toUnicode } from '../../net/index.ts';

/** Characters that control a terminal, end a line, change the writing direction or have no width, and lone surrogates. */
const unprintable =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to escape.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

/** Escapes text for a terminal, log or table: unprintable characters appear as `\u001b`. */
export const escapeUnprintable = (text: string): string => text.replace(unprintable, codeUnits);

/** Writes a character as `\uXXXX`, one escape for each UTF-16 code unit. */
export const codeUnits = (character: string): string =>
  [...Array(character.length).keys()]
    .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
    .join('');

/** Shows a domain in Unicode, followed by its A-labels because different letters can look the same. */
export function unicodeName(name: string): string {
  const domain = name.includes('xn--') ? parseDomain(name) : undefined;
  const text = domain === undefined ? name : toUnicode(domain);
  return text === name ? name : `${text} (${name})`;
}

/** Shortens text to `length` characters. */
export const truncate = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;

/** Replaces lone surrogates by U+FFFD, since UTF-8 cannot encode them. */
export const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '\ufffd');

/**
 * Wraps text at spaces into lines of at most `room` characters. Longer words are split.
 *
 * @internal
 */
export function wrapWords(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((one) => pieces(one, room))) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

const pieces = (word: string, room: number): string[] =>
  Array.from({ length: Math.max(1, Math.ceil(word.length / room)) }, (_, i) => word.slice(i * room, (i + 1) * room));
