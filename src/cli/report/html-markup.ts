/**
 * Markup that cannot be broken by what stands in it.
 *
 * Everything that is put into a template is escaped, unless it is {@link Markup} itself: a name, a greeting or a
 * certificate from the network can be anything.
 *
 * @module
 */

/** Text that is markup already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** What may be put into a template; what is absent or false leaves nothing. */
export type Piece = Markup | string | number | false | undefined | null | readonly Piece[];

/** Markup, out of a template; each piece is escaped. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  let text = strings[0] ?? '';
  pieces.forEach((piece, index) => {
    text += textOf(piece) + (strings[index + 1] ?? '');
  });
  return new Markup(text);
}

/** Nothing. */
export const nothing: Markup = new Markup('');

/** Pieces with something between them. */
export const joined = (pieces: readonly Piece[], between: string): Markup =>
  new Markup(pieces.map(textOf).join(escaped(between)));

function textOf(piece: Piece): string {
  if (piece instanceof Markup) return piece.text;
  if (piece === undefined || piece === null || piece === false) return '';
  if (typeof piece === 'object') return piece.map(textOf).join('');
  return escaped(String(piece));
}

const entities: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Controls (but line end and tab), signs that turn the direction of writing or cannot be seen, halves of characters, and
 * what no document may contain: shown as `\uXXXX`.
 */
const unseen =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be shown as what they are.
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff0-\uffff]|\p{Cs}/gu;

/** Text as it is shown, in an element or in a quoted attribute. */
export const escaped = (text: string): string =>
  text
    .replace(unseen, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replace(/[&<>"']/g, (character) => entities[character] ?? '');

/** An `id` out of any text: letters, digits, dots, hyphens and underlines. */
export const anchor = (...parts: readonly (string | number)[]): string =>
  parts.map((part) => String(part).replace(/[^\w.-]+/g, '_')).join('.');

/** Text cut in its middle, so that both ends can be read. */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const head = Math.ceil((limit - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (limit - 1 - head))}`;
}
