/**
 * Reads an SPF record without evaluating it.
 *
 * **Answers**: which DNS questions will the evaluation ask, and how many addresses does the record authorize?
 * **Knows**: the text of a record. **Asks**: nothing.
 * **Standards**: RFC 7208 §4.5, §4.6, §5, §12.
 * **Limits**: the record is not validated. An invalid record is read as far as possible; the evaluation reports the error.
 *
 * @module
 */
import type { DnsAnswer } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, parsePrefix, prefixHas } from '../../net/index.ts';

/** A term that causes a DNS lookup (RFC 7208 §4.6.4). */
export interface AskingTerm {
  readonly kind: 'include' | 'redirect' | 'a' | 'mx' | 'exists' | 'ptr';
  /** The domain-spec without prefix lengths, not expanded. `''` is the domain of the record. */
  readonly spec: string;
}

/** A record, read but not evaluated. */
export interface SpfRecord {
  readonly text: string;
  /**
   * The terms with DNS lookups that an evaluation may reach, in order. Terms after `all`, or after an `ip4` or `ip6` that
   * contains the client, are never reached.
   */
  readonly asking: readonly AskingTerm[];
  /** Terms that authorize too many addresses. */
  readonly broad: readonly string[];
  /** How many addresses the passing `ip4` terms contain; an address in two terms counts twice. 0 if it is certain to be few. */
  readonly v4: number;
}

const version = /^v=spf1(?: |$)/i;
const term = /^[-+?~]?(?:(include|exists|ptr|a|mx)(?::(.*?))?(\/\d+)?(?:\/(\/\d+))?|(redirect)=(.*))$/i;
const all = /^[-+?~]?all$/i;

/** No organisation has mail servers on all addresses of a /8. */
const BROAD_V4 = 8;
export const BROAD_V4_SIZE: number = 2 ** (32 - BROAD_V4);
/** Registries rarely allocate more than a /19 to one organisation. This leaves room. */
const BROAD_V6 = 16;

/** Returns the SPF record in an answer, or undefined if there is none or more than one (RFC 7208 §4.5). */
export function spfRecord(answer: DnsAnswer | undefined): string | undefined {
  let found: string | undefined;
  if (answer?.status !== 'found') return undefined;
  for (const record of answer.records) {
    if (record.type !== 'TXT' || !version.test(record.text)) continue;
    if (found !== undefined) return undefined;
    found = record.text;
  }
  return found;
}

/** Reads a record for a client. */
export function readRecord(text: string, client: IpAddress): SpfRecord {
  const measured = text.length > LONG || short.test(text);
  if (!measured && onlyAddresses.test(text)) return { text, asking: nothing, broad: nothing, v4: 0 };
  const asking: AskingTerm[] = [];
  const broad: string[] = [];
  let v4 = 0;
  let redirect: AskingTerm | undefined;
  let reached = true;
  /** From here on, `ip4` and `ip6` terms have not been compared with the client. They matter only if a lookup follows. */
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
      redirect = undefined; // RFC 7208 §6.1: ignored if there is an `all`
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

/** A prefix shorter than a /16. Without one, more than 256 terms are needed to contain more than a /8. */
const short = /\/(?:\d|1[0-5])(?!\d)/;
const LONG = 2000;

/** The form of most included records: addresses and a final `all`. */
const onlyAddresses = /^v=spf1(?: +[-+?~]?ip[46]:[^ ]+)* +[-~?]all *$/i;
const nothing: readonly never[] = [];

const PLUS = 0x2b;
const MINUS = 0x2d;
const QUESTION = 0x3f;
const TILDE = 0x7e;

/** Returns 4 if there is an `ip4:` term at `index`, 6 if there is an `ip6:` term, or 0. */
function ipTerm(text: string, index: number): 0 | 4 | 6 {
  let at = index;
  const first = text.charCodeAt(at);
  if (first === PLUS || first === MINUS || first === QUESTION || first === TILDE) at++;
  if ((text.charCodeAt(at) | 0x20) !== 0x69 /* i */ || (text.charCodeAt(at + 1) | 0x20) !== 0x70 /* p */) return 0;
  if (text.charCodeAt(at + 3) !== 0x3a /* : */) return 0;
  const digit = text.charCodeAt(at + 2);
  return digit === 0x34 ? 4 : digit === 0x36 ? 6 : 0;
}

/** Returns whether an `ip4` or `ip6` term in this part of the record contains the client. */
function anyHolds(text: string, from: number, to: number, client: IpAddress): boolean {
  if (to - from < 6) return false;
  const family = ipVersion(client);
  for (const word of text.slice(from, to).split(' ')) {
    if (ipTerm(word, 0) !== family) continue;
    try {
      if (prefixHas(parsePrefix(word.slice(word.indexOf(':') + 1), { hostBits: 'clear' }), client)) return true;
    } catch {
      // Not an address. The evaluation will report that.
    }
  }
  return false;
}

/** Returns the number at `index`, or 128 if there is none. */
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
