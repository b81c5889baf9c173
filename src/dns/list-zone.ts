/**
 * One DNS list, described: where it is asked, what its answers mean, how long it may take.
 *
 * **Answers**: is this a list that can be asked, and what does this answer of it mean?
 * **Knows**: the options it was made from. **Asks**: nothing.
 * **Standards**: RFC 5782 (DNSBL and DNSWL): §2.1 IPv4, §2.4 IPv6, §3 names, §5 test entries.
 * **Limits**: answers are A records; lists that answer only with TXT are not supported.
 *
 * @example
 * ```ts
 * import { listZone, readAnswers } from 'postern/dns';
 *
 * const list = listZone({
 *   zone: 'multi.dnsbl.example',
 *   label: 'Multi',
 *   codes: { '127.0.0.2': { weight: 4, meaning: 'spam source' }, '127.0.1.0/24': 2, '&64': { weight: 1, meaning: 'bulk' } },
 *   errorCodes: { '127.0.1.255': 'addresses must not be asked here' },
 * });
 * readAnswers(list, ['127.0.0.2']); // { status: 'listed', codes: [{ code: '127.0.0.2', meaning: 'spam source', … }], … }
 * readAnswers(list, ['127.255.255.254']); // { status: 'blocked', … }: never a listing
 * ```
 *
 * @module
 */
import { addWeights, isWeight, weightForm } from '../core/index.ts';
import type { IpAddress, Prefix } from '../net/index.ts';
import { ipBytes, parseDomain, parseIp, parsePrefix, prefixHas } from '../net/index.ts';
import { Secret, secret } from './secret.ts';

/** What one code of a list stands for. */
export interface CodeMeaning {
  /** How much a listing under this code weighs; the list's own weight where it is not given. */
  readonly weight?: number;
  /** What the list means by it, for the log: `exploited host`. */
  readonly meaning?: string;
}

/**
 * The codes that count, and what they stand for: a weight, a meaning, or both. A code is
 *
 * - an address: `127.0.0.2`
 * - a prefix: `127.0.1.0/24`
 * - a range: `127.0.0.4-127.0.0.7`, or `127.0.0.4-7`
 * - a bit mask: `&8` is every answer in which bit 3 of the last octet is set; `&256` is the lowest bit of the third
 */
export type ListCodes = { readonly [code: string]: number | string | CodeMeaning } | readonly string[];

/** Whether a test entry of RFC 5782 §5 that is missing speaks against the list. */
export type TestEntries = 'required' | 'expected' | 'none';

/** Options of {@link listZone}. */
export interface ListZoneOptions {
  /** The list's zone, without a key: `zen.dnsbl.example`. */
  readonly zone: string;
  /** What the list is called in replies and logs; it never is its zone, which may hold a customer's key. */
  readonly label?: string;
  /** What is asked: client addresses, names (domains and hosts), or both. `address` where not given. */
  readonly holds?: 'address' | 'name' | 'both';
  /** Which answers are listings; every answer that is no error where it is not given. */
  readonly codes?: ListCodes;
  /** Answers that mean "you were not answered", in addition to those that mean so in every list. */
  readonly errorCodes?: { readonly [code: string]: string } | readonly string[];
  /** A customer's key: the label that stands before the zone in every question. It is never printed. */
  readonly key?: string | Secret;
  /** How long an answer may take, in milliseconds; 5,000 where not given. */
  readonly timeoutMs?: number;
  /** Whether the list holds IPv4 addresses; true where not given. */
  readonly ipv4?: boolean;
  /** Whether the list holds IPv6 addresses. Where not given, it is asked and no IPv6 test entry is missed. */
  readonly ipv6?: boolean;
  /** Ask for the TXT record too once there is a listing; false where not given. */
  readonly text?: boolean;
  /**
   * What the test entries of RFC 5782 §5 must show: `required`: 127.0.0.2 is listed and 127.0.0.1 is not, or the list is
   * suspended; `expected` (the default): a missing 127.0.0.2 is reported, and only a listed 127.0.0.1 suspends; `none`:
   * the list has no test entries.
   */
  readonly testEntries?: TestEntries;
  /** The list cannot be asked without a `key`. */
  readonly keyNeeded?: boolean;
  /** The list is gone, and why; such a list is refused. */
  readonly retired?: string;
}

/** A code of a list, read. */
export interface CodeRule {
  /** As it was written. */
  readonly pattern: string;
  /** Whether the list's answer is one of this rule's codes. */
  readonly matches: (address: IpAddress) => boolean;
  /** Of rules that name an answer, the narrowest speaks; masks always do. */
  readonly width: number;
  readonly weight?: number;
  readonly meaning?: string;
}

/** A DNS list, validated. Made by {@link listZone}. */
export interface ListZone {
  readonly zone: string;
  readonly label: string | undefined;
  readonly holds: 'address' | 'name' | 'both';
  readonly key: Secret | undefined;
  readonly timeoutMs: number;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Whether the author said that the list holds IPv6 addresses, so that its test entries can be missed. */
  readonly ipv6Declared: boolean;
  readonly text: boolean;
  readonly testEntries: TestEntries;
  /** The codes that count; `undefined`: every answer that is no error. */
  readonly codes: readonly CodeRule[] | undefined;
  readonly errorCodes: readonly CodeRule[];
  /** The heaviest sum of weights that one answer can come to; undefined where no code has a weight. */
  readonly heaviest: number | undefined;
  /** The lightest. */
  readonly lightest: number | undefined;
  /** What the list is called where it is kept in memory or a store; without its key. */
  readonly id: string;
}

const DEFAULT_TIMEOUT_MS = 5_000;

/** Where every answer of a list lies (RFC 5782 §2.1). */
const answerSpace: Prefix = parsePrefix('127.0.0.0/8');

/**
 * Answers that are errors in every list, whatever its own codes say. 127.0.0.1 is what several lists give to those they
 * refuse, and never a listing (RFC 5782 §2.1); 127.255.255.0/24 is what Spamhaus and others answer with instead of data.
 */
const errorsEverywhere: readonly (readonly [Prefix, string])[] = [
  [parsePrefix('127.0.0.1'), 'the list refuses to answer'],
  [parsePrefix('127.255.255.252'), 'the list does not know a zone of this name'],
  [parsePrefix('127.255.255.254'), 'the list does not answer public or unnamed resolvers'],
  [parsePrefix('127.255.255.255'), 'the list was asked too often'],
  [parsePrefix('127.255.255.0/24'), 'the list answers with an error code'],
];

/**
 * Describes a DNS list.
 *
 * @param where what the option belongs to, for messages: `dnsbl`
 * @throws TypeError that names the option, the value and what is allowed. A key is never part of a message.
 */
export function listZone(options: ListZoneOptions, where = 'listZone'): ListZone {
  const { label, holds = 'address', timeoutMs = DEFAULT_TIMEOUT_MS, testEntries = 'expected' } = options;
  const { ipv4 = true, ipv6 = true, text = false } = options;
  const wrong = (what: string): TypeError => new TypeError(`${where}: ${what}`);
  const zone = typeof options.zone === 'string' ? parseDomain(options.zone) : undefined;
  if (zone === undefined)
    throw wrong(`zone ${JSON.stringify(options.zone)} is not a domain name; give it like "zen.dnsbl.example"`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a label goes into replies, which hold none
  if (label !== undefined && (typeof label !== 'string' || !/[a-z0-9]/i.test(label) || /[\x00-\x1f\x7f]/.test(label)))
    throw wrong(`label ${JSON.stringify(label)} must be printable and hold a letter or a digit`);
  if (label !== undefined && label.length > 60)
    throw wrong(`label ${JSON.stringify(label)} is longer than 60 characters`);
  if (options.retired !== undefined)
    throw wrong(`zone ${JSON.stringify(zone)} is retired: ${options.retired}; take it out`);
  if (options.keyNeeded === true && options.key === undefined)
    throw wrong(`zone ${JSON.stringify(zone)} is asked with a key; give it as key`);
  if (!['address', 'name', 'both'].includes(holds))
    throw wrong(`holds ${JSON.stringify(holds)} must be "address", "name" or "both"`);
  if (!(timeoutMs > 0) || !Number.isFinite(timeoutMs))
    throw wrong(`timeoutMs ${String(timeoutMs)} must be a number of milliseconds more than 0`);
  if (!['required', 'expected', 'none'].includes(testEntries))
    throw wrong(`testEntries ${JSON.stringify(testEntries)} must be "required", "expected" or "none"`);
  for (const [name, value] of Object.entries({ ipv4, ipv6, text })) {
    if (typeof value !== 'boolean') throw wrong(`${name} ${JSON.stringify(value)} must be true or false`);
  }
  if (!ipv4 && !ipv6) throw wrong('ipv4 and ipv6 are both false, so that the list could never be asked');
  const key = readKey(options.key, zone, wrong);
  const errorCodes = rulesOf(errorEntries(options.errorCodes, wrong), 'errorCodes', wrong);
  const codes = options.codes === undefined ? undefined : rulesOf(codeEntries(options.codes, wrong), 'codes', wrong);
  for (const rule of codes ?? []) {
    if (errorsEverywhere.some(([prefix]) => rule.width > 0 && covers(prefix, rule.pattern)))
      throw wrong(`codes ${JSON.stringify(rule.pattern)} can never be a listing: it is an error code in every list`);
  }
  const weights = (codes ?? []).flatMap(({ weight }) => (weight === undefined ? [] : [weight]));
  return {
    zone,
    label,
    holds,
    key,
    timeoutMs,
    ipv4,
    ipv6,
    ipv6Declared: options.ipv6 === true,
    text,
    testEntries,
    codes,
    errorCodes,
    heaviest:
      weights.length === 0 ? undefined : weights.reduce((sum, weight) => addWeights(sum, Math.max(0, weight)), 0),
    lightest:
      weights.length === 0 ? undefined : weights.reduce((sum, weight) => addWeights(sum, Math.min(0, weight)), 0),
    id: zone,
  };
}

function readKey(key: unknown, zone: string, wrong: (what: string) => TypeError): Secret | undefined {
  if (key === undefined) return undefined;
  if (!(key instanceof Secret) && typeof key !== 'string') throw wrong('key must be a text or a secret()');
  if (key === '') throw wrong('key is empty; leave it out where the list needs none');
  const value = key instanceof Secret ? key : secret(key);
  const text = value.reveal();
  if (parseDomain(text) === undefined || text.endsWith('.') || text.length + zone.length > 180)
    throw wrong('key must be made of labels of letters, digits, hyphens and underscores, short enough for a name');
  return value;
}

function codeEntries(codes: ListCodes, wrong: (what: string) => TypeError): [string, CodeMeaning][] {
  if (typeof codes !== 'object' || codes === null)
    throw wrong(`codes ${JSON.stringify(codes)} must be a list of codes, or an object like { "127.0.0.2": 4 }`);
  const entries: [string, number | string | CodeMeaning][] = Array.isArray(codes)
    ? (codes as readonly string[]).map((code) => [code, {}])
    : Object.entries(codes);
  if (entries.length === 0)
    throw wrong('codes is empty, so that nothing would ever be listed; leave it out for every code');
  return entries.map(([code, value]) => {
    const meant: CodeMeaning =
      typeof value === 'number' ? { weight: value } : typeof value === 'string' ? { meaning: value } : value;
    if (typeof meant !== 'object' || meant === null)
      throw wrong(`codes ${JSON.stringify(code)} must be a weight, a meaning, or { weight, meaning }`);
    if (meant.weight !== undefined && !isWeight(meant.weight))
      throw wrong(`codes ${JSON.stringify(code)} weight must be ${weightForm}, got ${String(meant.weight)}`);
    return [code, meant];
  });
}

function errorEntries(
  codes: ListZoneOptions['errorCodes'],
  wrong: (what: string) => TypeError,
): [string, CodeMeaning][] {
  if (codes === undefined) return [];
  if (typeof codes !== 'object' || codes === null)
    throw wrong(
      `errorCodes ${JSON.stringify(codes)} must be a list of codes, or an object like { "127.0.1.255": "why" }`,
    );
  return Array.isArray(codes)
    ? (codes as readonly string[]).map((code) => [code, { meaning: 'the list answers with an error code' }])
    : Object.entries(codes).map(([code, meaning]) => [code, { meaning: String(meaning) }]);
}

function rulesOf(entries: [string, CodeMeaning][], option: string, wrong: (what: string) => TypeError): CodeRule[] {
  return entries.map(([pattern, { weight, meaning }]) => {
    const read = typeof pattern === 'string' ? readPattern(pattern) : undefined;
    if (read === undefined)
      throw wrong(
        `${option} ${JSON.stringify(pattern)} is no code; give an address in 127.0.0.0/8, a prefix, a range like "127.0.0.4-7", or a bit mask like "&8"`,
      );
    return { pattern, ...read, weight, meaning };
  });
}

const numberOf = (address: IpAddress): number => ipBytes(address).reduce((sum, octet) => sum * 256 + octet, 0);

function readPattern(pattern: string): Pick<CodeRule, 'matches' | 'width'> | undefined {
  const mask = /^&(\d{1,8})$/.exec(pattern);
  if (mask !== null) {
    const bits = Number(mask[1]);
    // Only the 24 bits below the fixed first octet say anything.
    if (bits < 1 || bits > 0xffffff) return undefined;
    return { matches: (address) => (numberOf(address) & bits) !== 0, width: 0 };
  }
  const range = /^([\d.]+)-([\d.]+)$/.exec(pattern);
  if (range !== null) {
    const first = parseIp(range[1] as string);
    const end = range[2] as string;
    const last = first === undefined ? undefined : parseIp(end.includes('.') ? end : first.replace(/\d+$/, end));
    if (first === undefined || last === undefined) return undefined;
    const [from, to] = [numberOf(first), numberOf(last)];
    if (from > to || !prefixHas(answerSpace, first) || !prefixHas(answerSpace, last)) return undefined;
    return { matches: (address) => numberOf(address) >= from && numberOf(address) <= to, width: to - from + 1 };
  }
  try {
    const prefix = parsePrefix(pattern);
    if (!prefixHas(answerSpace, prefix.address) || prefix.length < 8) return undefined;
    return { matches: (address) => prefixHas(prefix, address), width: 2 ** (32 - prefix.length) };
  } catch {
    return undefined;
  }
}

/** Whether all that the pattern names lies in the prefix. */
function covers(prefix: Prefix, pattern: string): boolean {
  if (pattern.includes('-')) {
    const [first, last] = pattern.split('-') as [string, string];
    const from = parseIp(first) as IpAddress;
    const to = parseIp(last.includes('.') ? last : from.replace(/\d+$/, last)) as IpAddress;
    return prefixHas(prefix, from) && prefixHas(prefix, to);
  }
  const named = parsePrefix(pattern);
  return named.length >= prefix.length && prefixHas(prefix, named.address);
}

/** One answer of a list that is a listing. */
export interface ListedCode extends CodeMeaning {
  /** The answer: `127.0.0.2`. */
  readonly code: string;
}

/** What a list's answers mean, taken together. */
export type ListReading =
  | {
      readonly status: 'listed';
      readonly codes: readonly ListedCode[];
      /** The sum of the weights of the codes found, each code's once; undefined where none of them has a weight. */
      readonly weight: number | undefined;
      /** A code was found that has no weight of its own: the list's weight counts, once. */
      readonly plain: boolean;
    }
  | {
      readonly status: 'notListed';
      /** Answers that none of the codes names. */
      readonly unknown: readonly string[];
    }
  | { readonly status: 'blocked' | 'invalid'; readonly reason: string; readonly answers: readonly string[] };

/**
 * Reads all answers of a list. One that is no answer of a list at all (`invalid`), or an error code (`blocked`), speaks
 * for the whole: a resolver or a list in that state is not believed in the rest.
 */
export function readAnswers(list: ListZone, addresses: readonly string[]): ListReading {
  const blocked: string[] = [];
  const invalid: string[] = [];
  const unknown: string[] = [];
  const codes: ListedCode[] = [];
  const counted = new Set<CodeRule>();
  let reason = '';
  let weight: number | undefined;
  let plain = false;
  for (const text of addresses.slice(0, MAX_ANSWERS)) {
    const address = parseIp(text);
    if (address === undefined || !prefixHas(answerSpace, address)) {
      invalid.push(text);
      continue;
    }
    const error =
      errorsEverywhere.find(([prefix]) => prefixHas(prefix, address))?.[1] ??
      list.errorCodes.find((rule) => rule.matches(address))?.meaning;
    if (error !== undefined) {
      blocked.push(address);
      reason ||= error;
      continue;
    }
    if (list.codes === undefined) {
      codes.push({ code: address });
      plain = true;
      continue;
    }
    const rules = rulesFor(list.codes, address);
    if (rules.length === 0) unknown.push(address);
    for (const rule of rules) {
      if (counted.has(rule)) {
        if (rule.width > 1) codes.push({ code: address, ...meaningOf(rule) });
        continue;
      }
      counted.add(rule);
      codes.push({ code: address, ...meaningOf(rule) });
      if (rule.weight === undefined) plain = true;
      else weight = addWeights(weight ?? 0, rule.weight);
    }
  }
  if (invalid.length > 0)
    return { status: 'invalid', reason: 'an answer lies outside 127.0.0.0/8', answers: invalid.slice(0, MAX_SHOWN) };
  if (blocked.length > 0) return { status: 'blocked', reason, answers: blocked.slice(0, MAX_SHOWN) };
  if (codes.length === 0) return { status: 'notListed', unknown: unknown.slice(0, MAX_SHOWN) };
  return { status: 'listed', codes: codes.slice(0, MAX_SHOWN), weight, plain };
}

/** A list gives a handful of answers; what comes beyond this is not read. */
const MAX_ANSWERS = 64;
const MAX_SHOWN = 16;

const meaningOf = ({ weight, meaning }: CodeRule): CodeMeaning => ({
  weight,
  meaning,
});

/** The narrowest code that names the answer, and every mask that it has a bit of. */
function rulesFor(codes: readonly CodeRule[], address: IpAddress): readonly CodeRule[] {
  const matching = codes.filter((rule) => rule.matches(address));
  const narrowest = Math.min(...matching.filter(({ width }) => width > 0).map(({ width }) => width));
  return matching.filter(({ width }) => width === 0 || width === narrowest);
}

/** The text without the list's zone and key: what a resolver or a list says may name the question. */
export function withoutZone(list: ListZone, text: string): string {
  const hidden = list.key === undefined ? text : list.key.redact(text);
  return hidden.replace(new RegExp(list.zone.replace(/[.]/g, '\\.'), 'gi'), '[zone]');
}
