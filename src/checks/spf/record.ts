/**
 * What can be read off a record without evaluating it: which questions it leads to, and how many addresses it lets in.
 *
 * **Knows**: the text of a record. **Asks**: nothing.
 * **Standards**: RFC 7208 §4.5, §4.6, §5, §12.
 * **Limits**: it does not validate. A record that is wrong is read as far as it can be; the evaluation judges it.
 *
 * @module
 */
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, parsePrefix, prefixHas } from '../../net/index.ts';

/** A term of a record that asks the DNS (RFC 7208 §4.6.4). */
export interface AskingTerm {
  readonly kind: 'include' | 'redirect' | 'a' | 'mx' | 'exists' | 'ptr';
  /** The domain-spec, without prefix lengths and not expanded; `''` is the record's own domain. */
  readonly spec: string;
}

/** What was read off a record. */
export interface SpfRecord {
  readonly text: string;
  /**
   * The terms that an evaluation may come to, in its order. What stands behind `all`, or behind an `ip4` or `ip6` that
   * holds the client, is never reached.
   */
  readonly asking: readonly AskingTerm[];
  /** Terms that let in more than anybody can vouch for. */
  readonly broad: readonly string[];
  /** How many addresses the `ip4` terms that pass hold; an address in two terms counts twice. 0 where it is surely few. */
  readonly v4: number;
}

const version = /^v=spf1(?: |$)/i;
const term = /^[-+?~]?(?:(include|exists|ptr|a|mx)(?::(.*?))?(\/\d+)?(?:\/(\/\d+))?|(redirect)=(.*))$/i;
const all = /^[-+?~]?all$/i;

/** Nobody's mail servers are more than the IPv4 addresses of a /8. */
const BROAD_V4 = 8;
export const BROAD_V4_SIZE: number = 2 ** (32 - BROAD_V4);
/** No registry gives one organisation much more than a /19; this leaves room. */
const BROAD_V6 = 16;

/** The one SPF record among the TXT records of a name; undefined where there is none, or more than one (RFC 7208 §4.5). */
export function spfRecord(texts: Iterable<string>): string | undefined {
  let found: string | undefined;
  for (const text of texts) {
    if (!version.test(text)) continue;
    if (found !== undefined) return undefined;
    found = text;
  }
  return found;
}

export function readRecord(text: string, client: IpAddress): SpfRecord {
  const measured = text.length > LONG || short.test(text);
  if (!measured && onlyAddresses.test(text)) return { text, asking: nothing, broad: nothing, v4: 0 };
  const asking: AskingTerm[] = [];
  const broad: string[] = [];
  let v4 = 0;
  let redirect: AskingTerm | undefined;
  let reached = true;
  /** From here on, `ip4` and `ip6` terms have not been looked at: that is done only where something stands behind them. */
  let from = 0;
  for (let start = 0, end = text.indexOf(' '); start < text.length; start = end + 1, end = text.indexOf(' ', start)) {
    if (end < 0) end = text.length;
    if (end === start) continue;
    const sign = text.charCodeAt(start);
    const passes = sign !== MINUS && sign !== TILDE && sign !== QUESTION;
    const ip = ipTerm(text, start);
    if (ip !== 0) {
      if (!passes || !measured) continue;
      const slash = text.indexOf('/', start);
      const length = slash < 0 || slash > end ? 128 : numberAt(text, slash + 1);
      if (ip === 4) v4 += length >= 32 ? 1 : 2 ** (32 - length);
      if (length < (ip === 4 ? BROAD_V4 : BROAD_V6)) broad.push(text.slice(start, end));
      continue;
    }
    const word = text.slice(start, end);
    if (all.test(word)) {
      if (passes) broad.push(word);
      redirect = undefined; // RFC 7208 §6.1: it is ignored where there is an `all`
      reached = false;
      break;
    }
    const match = term.exec(word);
    if (match === null) continue;
    if (match[5] !== undefined) {
      redirect = { kind: 'redirect', spec: match[6]! };
      continue;
    }
    const kind = match[1]!.toLowerCase() as AskingTerm['kind'];
    if (passes && (prefix(match[3]) < BROAD_V4 || prefix(match[4]) < BROAD_V6)) broad.push(word);
    reached = reached && !anyHolds(text, from, start, client);
    from = end;
    if (reached) asking.push({ kind, spec: match[2] ?? '' });
  }
  if (redirect !== undefined && reached && !anyHolds(text, from, text.length, client)) asking.push(redirect);
  return { text, asking, broad, v4 };
}

/** A prefix shorter than a /16. Where there is none, it takes more than 256 terms to hold more than a /8. */
const short = /\/(?:\d|1[0-5])(?!\d)/;
const LONG = 2000;

/** Most records that are included: addresses, and no word for the others. */
const onlyAddresses = /^v=spf1(?: +[-+?~]?ip[46]:[^ ]+)* +[-~?]all *$/i;
const nothing: readonly never[] = [];

const PLUS = 0x2b;
const MINUS = 0x2d;
const QUESTION = 0x3f;
const TILDE = 0x7e;

/** 4 where `ip4:` stands at `index`, 6 where `ip6:` does, or 0. */
function ipTerm(text: string, index: number): 0 | 4 | 6 {
  let at = index;
  const first = text.charCodeAt(at);
  if (first === PLUS || first === MINUS || first === QUESTION || first === TILDE) at++;
  if ((text.charCodeAt(at) | 0x20) !== 0x69 /* i */ || (text.charCodeAt(at + 1) | 0x20) !== 0x70 /* p */) return 0;
  if (text.charCodeAt(at + 3) !== 0x3a /* : */) return 0;
  const digit = text.charCodeAt(at + 2);
  return digit === 0x34 ? 4 : digit === 0x36 ? 6 : 0;
}

/** Whether an `ip4` or `ip6` term between the two places holds the client. */
function anyHolds(text: string, from: number, to: number, client: IpAddress): boolean {
  if (to - from < 6) return false;
  const family = ipVersion(client);
  for (const word of text.slice(from, to).split(' ')) {
    if (ipTerm(word, 0) !== family) continue;
    try {
      if (prefixHas(parsePrefix(word.slice(word.indexOf(':') + 1), { hostBits: 'clear' }), client)) return true;
    } catch {
      // Not an address; the evaluation will say so.
    }
  }
  return false;
}

/** The number that stands at `index`; where there is none, as long as an address. */
function numberAt(text: string, index: number): number {
  let number = -1;
  for (let i = index; i < index + 3; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    number = (number < 0 ? 0 : number * 10) + digit;
  }
  return number < 0 ? 128 : number;
}

const prefix = (written: string | undefined): number => (written === undefined ? 128 : numberAt(written, 1));
