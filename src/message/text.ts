import {
  ASCII_WORD,
  classOf,
  DELIMITER,
  DOT,
  IDEOGRAPHIC_DOT,
  IGNORED,
  isSpace,
  OTHER_WORD,
  UNSPACED_WORD,
} from './characters.ts';
import type { UriCollector } from './collector.ts';
import type { LinkPlace } from './facts.ts';
import { canonicalHost, isAddress, isPublicName, isWebScheme } from './host.ts';
import { isMeantAsHost } from './name.ts';
import { authorityInText, type TextHost } from './text-authority.ts';

/** Longer runs of name characters are skipped. */
const MAX_RUN = 1_024;
/** Maximum length of a scheme before `://`. */
const MAX_SCHEME = 24;
/** Maximum number of characters checked for the rest of a mail address's local part. */
const MAX_LOCAL_PART = 64;

/** Starts of rare forms: other dots, spaced-out schemes, dots in brackets. */
const RARE = [': / /', '\u3002', '\uff61', '\uff0e', '(dot)', '[dot]'];

const NO_HOST = /^(?:file|cid|mid|data|javascript|mailto|chrome|resource|about|tel|sms|urn|tag)$/;

/**
 * Finds links in running text, with or without a scheme. Makes one pass and reads each character a bounded number of
 * times.
 */
export class TextScan {
  private readonly text: string;
  private readonly collector: UriCollector;
  private readonly where: LinkPlace;
  /** Everything before this position has been processed. */
  private position = 0;
  /** End of a run that starts with `www.` and precedes `@`: userinfo, not the local part of a mailbox. */
  private userinfoEnd = -1;

  constructor(text: string, collector: UriCollector, where: LinkPlace) {
    this.text = text;
    this.collector = collector;
    this.where = where;
  }

  /** Finds the links; stops after the first one if `once` is true. */
  run(once = false): void {
    const { text } = this;
    const dots = new Search(text, '.');
    const slashes = new Search(text, '//');
    const backslashes = new Search(text, ':\\');
    const rare = RARE.filter((sought) => text.includes(sought)).map((sought) => new Search(text, sought));
    for (;;) {
      const from = this.position;
      const dot = dots.from(from);
      const slash = slashes.from(from);
      const backslash = backslashes.from(from);
      let next = Math.min(dot, slash, backslash);
      for (const search of rare) next = Math.min(next, search.from(from));
      if (next === Number.POSITIVE_INFINITY || (once && this.collector.firstHost !== undefined)) return;
      if (next === dot) this.dotAt(next);
      else if (next === slash) this.slashesAt(next);
      else if (next === backslash) this.schemeAt(next, next + 1);
      else if (text.charCodeAt(next) === 58) this.spacedSchemeAt(next);
      else this.dotAt(next);
    }
  }

  /** Reads `//`: after a scheme, or before a host in a scheme-relative link. */
  private slashesAt(at: number): void {
    const before = at === 0 ? 32 : this.text.charCodeAt(at - 1);
    if (before === 58) {
      this.schemeAt(at - 1, at);
      return;
    }
    if (before === 47 || before === 46 || before === 92 || classOf(before) !== DELIMITER) {
      this.position = at + 2;
      return;
    }
    const host = authorityInText(this.text, skipSlashes(this.text, at), this.collector.context.maxLength);
    if (host === undefined || isAddress(host.host) || !isPublicName(host.host)) this.position = at + 2;
    else this.found('http', at + 2, host, false);
  }

  /** Reads a link from the colon after its scheme and the position of its slashes. */
  private schemeAt(colon: number, slashes: number): void {
    const start = skipSlashes(this.text, slashes);
    const scheme = this.schemeBefore(colon);
    this.position = start;
    if (scheme === undefined || NO_HOST.test(scheme.name)) return;
    const host = authorityInText(this.text, start, this.collector.context.maxLength, isWebScheme(scheme.name));
    if (host !== undefined) this.found(scheme.name, start, host, scheme.disguised);
  }

  /**
   * Returns the scheme that ends at the colon. A common scheme is accepted at the end of any word, because letters may
   * be glued to its front (`seehttp://`).
   */
  private schemeBefore(colon: number): { name: string; disguised: boolean } | undefined {
    let start = colon;
    while (start > 0 && colon - start < MAX_SCHEME && isSchemeCharacter(this.text.charCodeAt(start - 1))) start--;
    const word = this.text.slice(start, colon).toLowerCase();
    const common = /(?:https?|ftp|wss?)$/.exec(word);
    if (common !== null) return { name: common[0], disguised: false };
    const masked = /h(?:xx|tx|xt|\*\*)p(s?)$/.exec(word);
    if (masked !== null) return { name: `http${masked[1]}`, disguised: true };
    const other = /^[^a-z]*([a-z][a-z0-9+.-]*)$/.exec(word);
    return other === null ? undefined : { name: other[1] as string, disguised: false };
  }

  /** Reads a spaced-out link: `h t t p : / / example . com`. */
  private spacedSchemeAt(colon: number): void {
    this.position = colon + 1;
    const before = this.text.slice(Math.max(0, colon - 12), colon).toLowerCase();
    const scheme = /h t t p( s)? ?$/.exec(before);
    if (scheme === null) return;
    let at = colon + 5;
    let name = '';
    for (let words = 0; words < 8; words++) {
      while (this.text.charCodeAt(at) === 32) at++;
      const start = at;
      while (classOf(this.text.charCodeAt(at)) === ASCII_WORD || this.text.charCodeAt(at) === 46) at++;
      if (at - start > 253) return;
      const word = this.text.slice(start, at);
      if (words > 0 && !name.endsWith('.') && !word.startsWith('.')) {
        at = start;
        break;
      }
      name += word;
      if (word === '') break;
    }
    while (this.text.charCodeAt(at - 1) === 32) at--;
    const host = canonicalHost(name);
    if (host !== undefined && (isAddress(host) || isPublicName(host)))
      this.found(scheme[1] === undefined ? 'http' : 'https', at, { host, written: name, end: at }, true);
  }

  /** Reads a dot between two name characters: a host without a scheme, or a mail address. */
  private dotAt(at: number): void {
    const { text } = this;
    // The end of a sentence is the most common case.
    if (text.charCodeAt(at + 1) <= 32) {
      this.position = at + 1;
      return;
    }
    const core = dotLength(text, at - 1) === 3 ? at - 1 : at;
    const length = dotLength(text, core);
    if (length === 0 || core < this.position || !isWord(text, core - 1) || !isWord(text, core + length)) {
      this.position = at + 1;
      return;
    }
    let start = core;
    while (start > this.position) {
      if (isWord(text, start - 1) || text.charCodeAt(start - 1) === 46) start--;
      else break;
    }
    let end = core;
    while (end < text.length) {
      if (isWord(text, end)) end++;
      else {
        const dot = dotLength(text, end);
        if (dot === 0) break;
        end += dot;
      }
    }
    this.position = end;
    if (end - start <= MAX_RUN) this.names(start, end);
  }

  /** Reads a run of name characters and dots. Prose in a script without spaces may be glued to a name. */
  private names(start: number, end: number): void {
    const { text } = this;
    let from = start;
    for (let i = start + 1; i < end; i++) {
      if (text.charCodeAt(i) < 128 && text.charCodeAt(i - 1) < 128) continue;
      const one = classOf(text.charCodeAt(i - 1));
      const two = classOf(text.charCodeAt(i));
      const glued =
        (one === UNSPACED_WORD && isAsciiAlphanumeric(text.charCodeAt(i))) ||
        (two === UNSPACED_WORD && isAsciiAlphanumeric(text.charCodeAt(i - 1)));
      if (!glued) continue;
      this.name(from, i);
      if (this.position > end) return;
      from = i;
    }
    this.name(from, end);
  }

  private name(from: number, to: number): void {
    const { text } = this;
    let start = from;
    let end = to;
    while (start < end && isEdge(text.charCodeAt(start))) start++;
    while (end > start && isEdge(text.charCodeAt(end - 1))) end--;
    if (text.charCodeAt(start - 1) === 37 && /^[0-9a-f]{2}[a-z0-9]/i.test(text.slice(start, start + 3))) start += 2;
    if (end - start < 4 || !endsInSuffix(text, start, end)) return;
    const before = start === 0 ? 32 : text.charCodeAt(start - 1);
    if ((before === 47 || text.charCodeAt(from - 1) === 47) && this.userinfoEnd !== start - 1) return;
    const written = plainName(text.slice(start, end));
    if (!written.includes('.')) return;
    const www = /^www\./i.test(written);
    if (!www && isInsideName(text, from, start, end, to)) return;
    // `xyz..example.com` has an empty label and is not a name. After an ellipsis, only `www.` starts a name.
    if (!www && text.charCodeAt(start - 1) === 46 && text.charCodeAt(start - 2) === 46 && isWord(text, start - 3))
      return;
    if (text.charCodeAt(end) === 64) {
      if (www) this.userinfoEnd = end;
      return;
    }
    if (before === 64 && !www && this.userinfoEnd !== start - 1) {
      this.mailbox(start, written);
      return;
    }
    if (!www && isLocalPart(text, end)) return;
    const after = afterName(text, end);
    const host = canonicalHost(written);
    if (host === undefined) return;
    const disguised = written.length !== end - start && /[[(]/.test(text.slice(start, end));
    if (isAddress(host)) {
      if (after.path && isPlainAddress(written) && !isPrefixLength(text, end))
        this.found('http', start, { host, written, end: after.end }, disguised);
      return;
    }
    if (text.charCodeAt(end) === 40 && !www) return;
    if (!isMeantAsHost(host, written, after.path || after.port)) return;
    this.found('http', start, { host, written, end: after.end }, disguised);
  }

  private mailbox(start: number, written: string): void {
    const { text } = this;
    // Mailboxes in the header are reported separately.
    if (this.where.kind === 'header') return;
    if (start < 2 || !isLocalCharacter(text.charCodeAt(start - 2))) return;
    this.collector.mail(`x@${written}`, this.where);
  }

  /** Adds a link: the host and the path that follows it. */
  private found(scheme: string, start: number, { host, end, written }: TextHost, disguised: boolean): void {
    const { text } = this;
    const stop = pathEnd(text, end, this.collector.context.maxLength, text.charCodeAt(start - 1) === 39);
    const trimmed = trimPunctuation(text, end, stop);
    const prefix = `${scheme}://`;
    const authority = written === '' ? text.slice(start, end) : written;
    const path = Math.min(portOf(text, end).length, trimmed - end);
    this.collector.link(
      {
        uri: prefix + authority + text.slice(end, trimmed),
        scheme,
        host,
        path: prefix.length + authority.length + path,
      },
      this.where,
      disguised,
    );
    this.position = Math.max(this.position, stop);
  }
}

/** Finds the next occurrence of a string. Searches each part of the text once. */
class Search {
  private readonly text: string;
  private readonly sought: string;
  private next = -1;

  constructor(text: string, sought: string) {
    this.text = text;
    this.sought = sought;
  }

  from(position: number): number {
    if (this.next < position) {
      const found = this.text.indexOf(this.sought, position);
      this.next = found < 0 ? Number.POSITIVE_INFINITY : found;
    }
    return this.next;
  }
}

function skipSlashes(text: string, from: number): number {
  let i = from;
  for (let c = text.charCodeAt(i); c === 47 || c === 92; c = text.charCodeAt(i)) i++;
  return i;
}

const isSchemeCharacter = (c: number): boolean =>
  (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 122) || c === 42 || c === 43 || c === 45 || c === 46;

const isAsciiAlphanumeric = (c: number): boolean => (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 122);

/** Reports whether the character belongs to a name and is not a dot. */
function isWord(text: string, at: number): boolean {
  if (at < 0 || at >= text.length) return false;
  const found = classOf(text.charCodeAt(at));
  return (
    found === ASCII_WORD ||
    found === OTHER_WORD ||
    found === UNSPACED_WORD ||
    (found === IGNORED && text.charCodeAt(at) !== 0x200b)
  );
}

/** Returns the length of a dot at this position: `.`, `．`, `。` between ASCII letters, `[.]`, `(.)`, `[dot]`, `(dot)`. */
function dotLength(text: string, at: number): number {
  const c = text.charCodeAt(at);
  if (c < 128 && c !== 46 && c !== 91 && c !== 40) return 0;
  if (c === 91 || c === 40) {
    const close = c === 91 ? 93 : 41;
    if (text.charCodeAt(at + 1) === 46 && text.charCodeAt(at + 2) === close) return 3;
    if (text.charCodeAt(at + 4) === close && text.slice(at + 1, at + 4).toLowerCase() === 'dot') return 5;
    return 0;
  }
  const found = classOf(c);
  if (found === DOT) return 1;
  if (found !== IDEOGRAPHIC_DOT) return 0;
  return isAsciiAlphanumeric(text.charCodeAt(at - 1)) && isAsciiAlphanumeric(text.charCodeAt(at + 1)) ? 1 : 0;
}

const isEdge = (c: number): boolean => c === 45 || c === 46 || c === 95 || classOf(c) === IGNORED;

/** `_dmarc.example.com` is not a web host (but `_example.com_` is one in italics); `docs\\a.com` is a file. */
function isInsideName(text: string, from: number, start: number, end: number, to: number): boolean {
  if (text.slice(from, start).includes('_') && !text.slice(end, to).includes('_')) return true;
  return text.charCodeAt(start - 1) === 92 && isWord(text, start - 2);
}

/** Reports whether the last label can be a suffix. No suffix starts with a digit, so other names must be full addresses. */
function endsInSuffix(text: string, start: number, end: number): boolean {
  const last = text.charCodeAt(end - 1);
  if (last >= 128 || last === 93 || last === 41) return true;
  let i = end - 1;
  while (i > start && classOf(text.charCodeAt(i - 1)) === ASCII_WORD) i--;
  const first = text.charCodeAt(i);
  if (!(first >= 48 && first <= 57)) return end - i > 1;
  return end - start >= 7 && isPlainAddress(text.slice(start, end));
}

/** Returns the name with plain dots and without zero-width characters. */
function plainName(text: string): string {
  const plain = text.replace(/[[(](?:\.|dot)[\])]/gi, '.');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII
  if (/^[\x00-\x7f]*$/.test(plain)) return plain;
  const dotted = plain.replace(/[\u3002\uff61\uff0e]/g, '.');
  // `example.com。Next`: the name ends with the sentence.
  const stop = plain.search(/[\u3002\uff61]/);
  if (stop > 0 && plain.slice(0, stop).includes('.') && isPublicName(plain.slice(0, stop).toLowerCase()))
    return plain.slice(0, stop);
  return dotted;
}

const isLocalCharacter = (c: number): boolean =>
  c > 32 && c !== 64 && c !== 60 && c !== 40 && c !== 44 && c !== 58 && c !== 34 && c !== 62;

/** Reports whether the name is the start of a mail address: `first.last+tag@example.com`. */
function isLocalPart(text: string, end: number): boolean {
  for (let i = end; i < text.length && i < end + MAX_LOCAL_PART; i++) {
    const c = text.charCodeAt(i);
    if (c === 64) return isWord(text, i + 1);
    if (!(isAsciiAlphanumeric(c) || "!#$%&'*+-=^_`{|}~.".includes(String.fromCharCode(c)))) return false;
    // The start of a path, query or port ends the local part. `#` and `?` are ambiguous and are left to the path.
    if (c === 35) return false;
  }
  return false;
}

/** Reports whether a port or a path follows a name. */
function afterName(text: string, from: number): { end: number; port: boolean; path: boolean } {
  const end = from + portOf(text, from).length;
  const c = text.charCodeAt(end);
  const path = (c === 47 || c === 63 || c === 35) && end + 1 < text.length && !isSpace(text.charCodeAt(end + 1));
  return { end: from, port: end > from, path };
}

/** `:8080` with at least one digit, or nothing. */
export function portOf(text: string, at: number): string {
  if (text.charCodeAt(at) !== 58) return '';
  let end = at + 1;
  while (end - at < 8 && text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++;
  return end > at + 1 ? text.slice(at, end) : '';
}

const isPlainAddress = (written: string): boolean => /^\d{1,3}(?:\.\d{1,3}){3}$/.test(written);

/** `192.0.2.0/24`: a network, not a link. */
const isPrefixLength = (text: string, at: number): boolean => /^\/\d{1,3}(?![\w/.?-])/.test(text.slice(at, at + 6));

/** Returns the end of a path: at a space, a quote, an unmatched closing bracket, or a script without spaces. */
function pathEnd(text: string, from: number, maxLength: number, quoted: boolean): number {
  const first = text.charCodeAt(from);
  let i = from;
  if (first === 58) i += portOf(text, from).length;
  const c0 = text.charCodeAt(i);
  if (c0 !== 47 && c0 !== 63 && c0 !== 35 && c0 !== 92) return i;
  let round = 0;
  let square = 0;
  const limit = Math.min(text.length, from + maxLength);
  for (; i < limit; i++) {
    const c = text.charCodeAt(i);
    if (c < 128) {
      if (c <= 32 || c === 34 || c === 60 || c === 62 || c === 96 || c === 127) break;
      if (c === 39 && quoted) break;
      if (c === 40) round++;
      else if (c === 41 && --round < 0) break;
      else if (c === 91) square++;
      else if (c === 93 && --square < 0) break;
    } else {
      const found = classOf(c);
      if (found === UNSPACED_WORD || found === IDEOGRAPHIC_DOT || isSpace(c)) break;
      if (found === DELIMITER && !(c >= 0x2010 && c <= 0x2019)) break;
    }
  }
  return i;
}

function trimPunctuation(text: string, from: number, to: number): number {
  let end = to;
  while (end > from && '.,;:!?\'")]}*_'.includes(text[end - 1] as string)) end--;
  return end;
}
