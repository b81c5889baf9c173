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
  /** How many addresses the `ip4` terms that pass hold; an address in two terms counts twice. */
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
  const words = text.split(' ');
  const asking: AskingTerm[] = [];
  const broad: string[] = [];
  let v4 = 0;
  let redirect: AskingTerm | undefined;
  let reached = true;
  /** From here on, `ip4` and `ip6` terms have not been looked at: that is done only where something stands behind them. */
  let from = 1;
  for (let i = 1; i < words.length; i++) {
    const word = words[i]!;
    if (word === '') continue;
    const sign = word.charCodeAt(0);
    const passes = sign !== 0x2d /* - */ && sign !== 0x7e /* ~ */ && sign !== 0x3f; /* ? */
    const ip = ipTerm(word);
    if (ip !== 0) {
      if (!passes) continue;
      const slash = word.indexOf('/');
      const length = slash < 0 ? 128 : lengthAt(word, slash + 1);
      if (ip === 4) v4 += 2 ** (32 - Math.min(32, length));
      if (length < (ip === 4 ? BROAD_V4 : BROAD_V6)) broad.push(word);
      continue;
    }
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
    if (passes && (lengthAt(match[3], 1) < BROAD_V4 || lengthAt(match[4], 1) < BROAD_V6)) broad.push(word);
    reached = reached && !anyHolds(words, from, i, client);
    from = i + 1;
    if (reached) asking.push({ kind, spec: match[2] ?? '' });
  }
  if (redirect !== undefined && reached && !anyHolds(words, from, words.length, client)) asking.push(redirect);
  return { text, asking, broad, v4 };
}

/** 4 for `ip4:…`, 6 for `ip6:…`, or 0. */
function ipTerm(word: string): 0 | 4 | 6 {
  const first = word.charCodeAt(0) | 0x20;
  const at = first === 0x69 /* i */ ? 0 : 1;
  if (word[at + 3] !== ':' || (word.charCodeAt(at) | 0x20) !== 0x69 || (word.charCodeAt(at + 1) | 0x20) !== 0x70)
    return 0;
  const digit = word[at + 2];
  return digit === '4' ? 4 : digit === '6' ? 6 : 0;
}

function anyHolds(words: readonly string[], from: number, to: number, client: IpAddress): boolean {
  const family = ipVersion(client);
  for (let i = from; i < to; i++) {
    const word = words[i]!;
    if (ipTerm(word) !== family) continue;
    try {
      if (prefixHas(parsePrefix(word.slice(word.indexOf(':') + 1), { hostBits: 'clear' }), client)) return true;
    } catch {
      // Not an address; the evaluation will say so.
    }
  }
  return false;
}

/** The number at `index`; where there is none, as long as an address. */
function lengthAt(word: string | undefined, index: number): number {
  if (word === undefined) return 128;
  const length = Number.parseInt(word.slice(index, index + 4), 10);
  return Number.isNaN(length) ? 128 : length;
}
