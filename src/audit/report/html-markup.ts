/**
 * HTML templates that escape what is inserted, unless it is {@link Markup}. Names, greetings and certificates come from
 * the network and may contain anything.
 *
 * @module
 */
import { codeUnits } from './characters.ts';

/** Escaped HTML. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** A value for a template. `undefined`, `null` and `false` insert nothing. */
export type Piece = Markup | string | number | false | undefined | null | readonly Piece[];

/** Builds markup from a template and escapes each piece. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  let text = strings[0] ?? '';
  pieces.forEach((piece, index) => {
    text += textOf(piece) + (strings[index + 1] ?? '');
  });
  return new Markup(text);
}

/** Empty markup. */
export const nothing: Markup = new Markup('');

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
 * Controls except line end and tab, characters that change the writing direction or are invisible, lone surrogates, and
 * characters that HTML forbids.
 */
const unprintable =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to escape.
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff0-\uffff]|\p{Cs}/gu;

/** Escapes text for an element or a quoted attribute. Unprintable characters appear as `\uXXXX`. */
export const escaped = (text: string): string =>
  text.replace(unprintable, codeUnits).replace(/[&<>"']/g, (character) => entities[character] ?? '');

/** Makes an `id` from any text: letters, digits, dots, hyphens and underscores. */
export const anchor = (...parts: readonly (string | number)[]): string =>
  parts.map((part) => String(part).replace(/[^\w.-]+/g, '_')).join('.');

/** Shortens text in the middle, so that both ends remain readable. */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const head = Math.ceil((limit - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (limit - 1 - head))}`;
}
