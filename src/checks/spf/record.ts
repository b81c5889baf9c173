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
  /** As the record writes it. */
  readonly text: string;
  /** The domain-spec, without prefix lengths and not expanded; `''` is the record's own domain. */
  readonly spec: string;
}

const isSpf = /^v=spf1(?: |$)/i;

/** The one SPF record among the TXT records of a name; undefined where there is none, or more than one (RFC 7208 §4.5). */
export function spfRecord(texts: readonly string[]): string | undefined {
  let found: string | undefined;
  for (const text of texts) {
    if (!isSpf.test(text)) continue;
    if (found !== undefined) return undefined;
    found = text;
  }
  return found;
}

const asking = /^[-+?~]?(?:(include|exists|ptr|a|mx)(?::(.*?))?(?:\/\d+)?(?:\/\/\d+)?|(redirect)=(.*))$/i;
const literal = /^[-+?~]?ip[46]:(.*)$/i;
const all = /^([-+?~]?)all$/i;

/**
 * The terms that evaluating the record for `client` may come to, in the order of evaluation. What stands behind `all`, or
 * behind an `ip4` or `ip6` that holds the client, is never reached.
 */
export function askingTerms(record: string, client: IpAddress): AskingTerm[] {
  const terms = record.split(' ');
  const found: AskingTerm[] = [];
  let redirect: AskingTerm | undefined;
  let held: string[] = [];
  for (let i = 1; i < terms.length; i++) {
    const text = terms[i]!;
    const first = text.charCodeAt(0) | 0x20;
    // Most terms of most records are ip4 and ip6. They are looked at only where something stands behind them.
    if (first === 0x69 /* i */ && (text[2] === '4' || text[2] === '6')) {
      held.push(text);
      continue;
    }
    if (all.test(text)) return found;
    const match = asking.exec(text);
    if (match === null) {
      if (literal.test(text)) held.push(text);
      continue;
    }
    if (match[3] !== undefined) {
      redirect = { kind: 'redirect', text, spec: match[4]! };
      continue;
    }
    if (held.some((term) => holds(term, client))) return found;
    held = [];
    found.push({ kind: match[1]!.toLowerCase() as AskingTerm['kind'], text, spec: match[2] ?? '' });
  }
  if (redirect !== undefined && !held.some((term) => holds(term, client))) found.push(redirect);
  return found;
}

function holds(term: string, client: IpAddress): boolean {
  const colon = term.indexOf(':');
  if (term.slice(0, colon).includes(ipVersion(client) === 4 ? '6' : '4')) return false;
  try {
    return prefixHas(parsePrefix(term.slice(colon + 1), { hostBits: 'clear' }), client);
  } catch {
    return false;
  }
}

/** More IPv4 addresses than a /8 holds are nobody's mail servers. */
const BROAD_V4 = 2 ** 24;
/** No registry gives one organisation more than a /19; this leaves room. */
const BROAD_V6 = 16;

/**
 * Terms that let in whom nobody can vouch for: `+all`; prefixes with more than a /8 of IPv4 or a /16 of IPv6; and
 * `ip4 total`, where the `ip4` terms of the records together hold more than a /8.
 */
export function broadTerms(records: readonly string[]): string[] {
  const broad = new Set<string>();
  let total = 0;
  for (const record of records) {
    for (const term of record.split(' ')) {
      const first = term.charCodeAt(0);
      if (first === 0x2d /* - */ || first === 0x7e /* ~ */ || first === 0x3f /* ? */) continue;
      const word = first === 0x2b /* + */ ? term.slice(1) : term;
      if (word.length === 3 && word.toLowerCase() === 'all') broad.add(term);
      const version = prefixedBy(word);
      if (version === 0) continue;
      const slash = word.indexOf('/');
      if (version === 6) {
        if (slash > 0 && lengthAt(word, slash + 1) < BROAD_V6) broad.add(term);
        continue;
      }
      const size = slash < 0 ? 1 : 2 ** (32 - Math.min(32, lengthAt(word, slash + 1)));
      if (version === 4) total += size;
      const double = version === 46 ? word.indexOf('//') : -1;
      if ((size > BROAD_V4 && double !== slash) || (double > 0 && lengthAt(word, double + 2) < BROAD_V6))
        broad.add(term);
    }
  }
  if (total > BROAD_V4 && broad.size === 0) broad.add('ip4 total');
  return [...broad];
}

/** Which prefix lengths a term can have: 4, 6, 46 (both), or 0. */
function prefixedBy(word: string): 0 | 4 | 6 | 46 {
  const head = word.slice(0, 4).toLowerCase();
  if (head === 'ip4:') return 4;
  if (head === 'ip6:') return 6;
  return /^(?:a|mx)[:/]/.test(head) && word.includes('/') ? 46 : 0;
}

/** The number at `index`; where there is none, as long as an address. */
function lengthAt(word: string, index: number): number {
  const length = Number.parseInt(word.slice(index), 10);
  return Number.isNaN(length) ? 128 : length;
}
