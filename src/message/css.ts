import type { UriCollector } from './collector.ts';
import type { LinkPlace } from './facts.ts';
import { parseLink } from './link.ts';

/** Links in a style sheet or a `style` attribute: `url()`, `src()`, `@import`, and the strings of `image-set()`. */
export function scanStyle(css: string, collector: UriCollector, where: LinkPlace): void {
  let i = 0;
  const { length } = css;
  while (i < length) {
    const c = css.charCodeAt(i);
    if (c === 47 && css.charCodeAt(i + 1) === 42) {
      const end = css.indexOf('*/', i + 2);
      // An open comment hides the rest from a browser.
      if (end < 0) return;
      i = end + 2;
    } else if (c === 40) {
      const name = functionBefore(css, i);
      if (name === 'url' || name === 'src') i = argument(css, i + 1, collector, where);
      else if (name.endsWith('image-set')) i = argument(css, i + 1, collector, where);
      else i++;
    } else if (c === 64 && css.slice(i, i + 7).toLowerCase() === '@import') {
      i = importRule(css, i + 7, collector, where);
    } else if (c === 44) {
      // The next image of an `image-set()`; elsewhere a string after a comma is no link.
      const at = skipSpace(css, i + 1);
      const quote = css.charCodeAt(at);
      i =
        (quote === 34 || quote === 39) && /^.(?:https?:|\/\/)/i.test(css.slice(at, at + 8))
          ? argument(css, at, collector, where)
          : i + 1;
    } else i++;
  }
}

/** The identifier before an opening bracket, its escapes resolved; at most 24 characters are looked at. */
function functionBefore(css: string, bracket: number): string {
  let start = bracket;
  while (start > 0 && bracket - start < 24 && /[\w\\ -]/.test(css[start - 1] as string)) start--;
  const name = unescapeCss(css.slice(start, bracket)).toLowerCase();
  return name.slice(name.lastIndexOf(' ') + 1);
}

function importRule(css: string, from: number, collector: UriCollector, where: LinkPlace): number {
  const at = skipSpace(css, from);
  const quote = css.charCodeAt(at);
  // `@import url(…)` is met as a function.
  return quote === 34 || quote === 39 ? argument(css, at, collector, where) : at;
}

/** Reads the string or the bare link at this place; answers where it ends. */
function argument(css: string, from: number, collector: UriCollector, where: LinkPlace): number {
  let i = skipSpace(css, from);
  const quote = css.charCodeAt(i);
  const quoted = quote === 34 || quote === 39;
  if (quoted) i++;
  const start = i;
  for (; i < css.length; i++) {
    const c = css.charCodeAt(i);
    if (c === 92) i++;
    else if (quoted ? c === quote || c === 10 : c === 41) break;
  }
  const written = unescapeCss(css.slice(start, Math.min(i, start + collector.context.maxLength)));
  addLink(written, collector, where);
  return i + 1;
}

function addLink(written: string, collector: UriCollector, where: LinkPlace): void {
  const link = parseLink(written, collector.schemedOnly);
  if (link !== undefined) collector.link(link, where);
}

function skipSpace(css: string, from: number): number {
  let i = from;
  while (i < css.length && css.charCodeAt(i) <= 32) i++;
  return i;
}

/** CSS escapes: `\68 ttp` (CSS Syntax §4.3.7). */
export const unescapeCss = (text: string): string =>
  text.includes('\\')
    ? text.replace(
        /\\(?:([0-9a-fA-F]{1,6})[ \t\n\r\f]?|([^\n\r\f]))/g,
        (_, hex: string | undefined, other: string | undefined) => {
          if (hex === undefined) return other as string;
          const code = Number.parseInt(hex, 16);
          return code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)
            ? '\ufffd'
            : String.fromCodePoint(code);
        },
      )
    : text;
