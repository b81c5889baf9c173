/**
 * One DNS list: its options and the meaning of its answers.
 *
 * **Answers**: can this list be queried, and is this answer a listing?
 * **Knows**: the options of {@link listZone}. **Asks**: nothing.
 * **Standards**: RFC 5782 (DNSBL and DNSWL): §2.1 IPv4, §2.4 IPv6, §3 names, §5 test entries.
 * **Limits**: answers are A records. Lists that answer with TXT records only are not supported.
 *
 * @example
 * ```ts
 * import { listZone, readAnswers } from 'postern/dns';
 *
 * const list = listZone({
 *   zone: 'multi.dnsbl.example',
 *   label: 'Multi',
 *   codes: { '127.0.0.2': { weight: 4, meaning: 'spam source' }, '127.0.1.0/24': 2, '&64': { weight: 1, meaning: 'bulk' } },
 *   errorCodes: { '127.0.1.255': 'the list holds no addresses' },
 * });
 * readAnswers(list, ['127.0.0.2']); // { status: 'listed', codes: [{ code: '127.0.0.2', meaning: 'spam source', … }], … }
 * readAnswers(list, ['127.255.255.254']); // { status: 'blocked', … }: never a listing
 * ```
 *
 * @module
 */
import {
  addWeights,
  assertKnownOptions,
  isWeight,
  oneOf,
  positiveNumber,
  weightForm,
  wrongOption,
} from '../core/index.ts';
import type { IpAddress, Prefix } from '../net/index.ts';
import { ipBytes, parseDomain, parseIp, parsePrefix, prefixHas } from '../net/index.ts';
import { Secret, secret } from './secret.ts';

/** The meaning of one code of a list. */
export interface CodeMeaning {
  /** Weight of a listing with this code. Default: the weight of the list. */
  readonly weight?: number;
  /** The meaning in words, for the log: `exploited host`. */
  readonly meaning?: string;
}

/**
 * The codes that count as listings, each with a weight, a meaning, or both. A code is
 *
 * - an address: `127.0.0.2`
 * - a prefix: `127.0.1.0/24`
 * - a range: `127.0.0.4-127.0.0.7`, or `127.0.0.4-7`
 * - a bit mask: `&8` matches every answer with bit 3 of the last octet set; `&256` is the lowest bit of the third octet
 */
export type ListCodes = { readonly [code: string]: number | string | CodeMeaning } | readonly string[];

/** What follows if a test entry of RFC 5782 §5 is missing. */
export type TestEntries = 'required' | 'expected' | 'none';

/** Options of {@link listZone}. */
export interface ListZoneOptions {
  /** The zone of the list, without a key: `zen.dnsbl.example`. */
  readonly zone: string;
  /** Name of the list in replies and logs. Replies never show the zone, since it may contain a customer's key. */
  readonly label?: string;
  /** What the list contains: client addresses, names (domains and hosts), or both. Default: `address`. */
  readonly holds?: 'address' | 'name' | 'both';
  /** Which answers are listings. Default: any non-error answer. */
  readonly codes?: ListCodes;
  /** Answers that are errors, with their meanings, in addition to the error codes that all lists share. */
  readonly errorCodes?: { readonly [code: string]: string } | readonly string[];
  /** A customer's key: the label before the zone in every query. It is never printed. */
  readonly key?: string | Secret;
  /** Deadline of one query in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
  /** Whether the list contains IPv4 addresses. Default: true. */
  readonly ipv4?: boolean;
  /** Whether the list contains IPv6 addresses. Default: true, except that no IPv6 test entry is expected. */
  readonly ipv6?: boolean;
  /** Queries the TXT record too if there is a listing. Default: false. */
  readonly text?: boolean;
  /**
   * What the test entries of RFC 5782 §5 must show. `required`: the list is suspended unless 127.0.0.2 is listed and
   * 127.0.0.1 is not. `expected`: a missing 127.0.0.2 is reported, and only a listed 127.0.0.1 suspends the list. `none`:
   * the list has no test entries. Default: `expected`.
   */
  readonly testEntries?: TestEntries;
  /** Whether the list requires a `key`. Default: false. */
  readonly keyNeeded?: boolean;
  /** Why the list has been closed. Such a list is refused. */
  readonly retired?: string;
}

/** The names of all options of {@link listZone}. @internal */
export const listZoneOptionNames: readonly (keyof ListZoneOptions)[] = [
  'zone',
  'label',
  'holds',
  'codes',
  'errorCodes',
  'key',
  'timeoutMs',
  'ipv4',
  'ipv6',
  'text',
  'testEntries',
  'keyNeeded',
  'retired',
];

/** One code of a list, parsed. */
export interface CodeRule {
  /** The code as the options have it. */
  readonly pattern: string;
  /** Whether an answer of the list matches the code. */
  readonly matches: (address: IpAddress) => boolean;
  /** How many answers the code matches. Of codes that match an answer, the narrowest counts. 0 for a mask, which always counts. */
  readonly width: number;
  readonly weight?: number;
  readonly meaning?: string;
}

/** A DNS list with validated options. Returned by {@link listZone}. */
export interface ListZone {
  readonly zone: string;
  readonly label: string | undefined;
  readonly holds: 'address' | 'name' | 'both';
  readonly key: Secret | undefined;
  readonly timeoutMs: number;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Whether `ipv6: true` was given, so that IPv6 test entries are expected. */
  readonly ipv6Declared: boolean;
  readonly text: boolean;
  readonly testEntries: TestEntries;
  /** The codes that count as listings. `undefined`: any non-error answer does. */
  readonly codes: readonly CodeRule[] | undefined;
  readonly errorCodes: readonly CodeRule[];
  /** The largest sum of weights that one answer can have. `undefined` if no code has a weight. */
  readonly heaviest: number | undefined;
  /** The smallest such sum. */
  readonly lightest: number | undefined;
  /** The identity of the list in health records. It does not contain the key. */
  readonly id: string;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** Limit of `label` in characters: it must fit into a reply line. */
const MAX_LABEL = 60;
/** Limit of key and zone together, in characters: an IPv6 query takes 64 more. */
const MAX_KEY_AND_ZONE = 180;

/** All answers of a list are in this prefix (RFC 5782 §2.1). */
const answerSpace: Prefix = parsePrefix('127.0.0.0/8');

/**
 * Answers that are errors in every list, whatever its own codes are. Several lists answer 127.0.0.1 to clients they refuse,
 * and it is never a listing (RFC 5782 §2.1). Spamhaus and others use 127.255.255.0/24 for errors.
 */
const errorsEverywhere: readonly (readonly [Prefix, string])[] = [
  [parsePrefix('127.0.0.1'), 'the list refuses to answer'],
  [parsePrefix('127.255.255.252'), 'the list has no zone of this name'],
  [parsePrefix('127.255.255.254'), 'the list does not answer public or unnamed resolvers'],
  [parsePrefix('127.255.255.255'), 'the list reports too many queries'],
  [parsePrefix('127.255.255.0/24'), 'the list answers with an error code'],
];

/**
 * Validates the options of one DNS list.
 *
 * @throws {TypeError} if an option is wrong. The message never contains the key.
 */
export function listZone(options: ListZoneOptions): ListZone {
  assertKnownOptions('listZone', options, listZoneOptionNames);
  return readListZone('listZone', options);
}

/** Does the same for the options of another function, `owner`, which may have more. @internal */
export function readListZone(owner: string, options: ListZoneOptions): ListZone {
  const { label, timeoutMs = DEFAULT_TIMEOUT_MS, ipv4 = true, ipv6 = true, text = false } = options;
  const zone = typeof options.zone === 'string' ? parseDomain(options.zone) : undefined;
  if (zone === undefined) throw wrongOption(owner, 'zone', 'a domain name like "zen.dnsbl.example"', options.zone);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: replies quote the label and must not contain control characters
  if (label !== undefined && (typeof label !== 'string' || !/[a-z0-9]/i.test(label) || /[\x00-\x1f\x7f]/.test(label)))
    throw wrongOption(owner, 'label', 'printable, with a letter or a digit', label);
  if (label !== undefined && label.length > MAX_LABEL)
    throw wrongOption(owner, 'label', `at most ${MAX_LABEL} characters long`, label);
  if (options.retired !== undefined)
    throw new TypeError(`${owner}: zone ${JSON.stringify(zone)} is retired: ${options.retired}; remove it`);
  if (options.keyNeeded === true && options.key === undefined)
    throw new TypeError(`${owner}: zone ${JSON.stringify(zone)} requires a key; set the option key`);
  const holds = oneOf(owner, 'holds', options.holds ?? 'address', ['address', 'name', 'both']);
  positiveNumber(owner, 'timeoutMs', timeoutMs);
  const testEntries = oneOf(owner, 'testEntries', options.testEntries ?? 'expected', ['required', 'expected', 'none']);
  for (const [name, value] of Object.entries({ ipv4, ipv6, text })) {
    if (typeof value !== 'boolean') throw wrongOption(owner, name, 'true or false', value);
  }
  if (holds === 'address' && !ipv4 && !ipv6)
    throw new TypeError(`${owner}: zone ${JSON.stringify(zone)} contains no addresses: ipv4 and ipv6 are both false`);
  const key = readKey(owner, options.key, zone);
  const errorCodes = readCodes(owner, 'errorCodes', errorEntries(owner, options.errorCodes));
  const codes = options.codes === undefined ? undefined : readCodes(owner, 'codes', codeEntries(owner, options.codes));
  for (const rule of codes ?? []) {
    if (errorsEverywhere.some(([prefix]) => rule.width > 0 && covers(prefix, rule.pattern)))
      throw new TypeError(
        `${owner}: codes ${JSON.stringify(rule.pattern)} can never be a listing: it is an error code in every list`,
      );
  }
  const weights = (codes ?? []).flatMap(({ weight }) => (weight === undefined ? [] : [weight]));
  const sum = (bound: (weight: number) => number): number | undefined =>
    weights.length === 0 ? undefined : weights.reduce((total, weight) => addWeights(total, bound(weight)), 0);
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
    heaviest: sum((weight) => Math.max(0, weight)),
    lightest: sum((weight) => Math.min(0, weight)),
    id: zone,
  };
}

function readKey(owner: string, key: unknown, zone: string): Secret | undefined {
  if (key === undefined) return undefined;
  // Messages never contain the key, not even a wrong one.
  if ((!(key instanceof Secret) && typeof key !== 'string') || key === '')
    throw new TypeError(`${owner}: key must be a non-empty string or a secret()`);
  const value = secret(key);
  const text = value.reveal();
  if (parseDomain(text) === undefined || text.endsWith('.') || text.length + zone.length > MAX_KEY_AND_ZONE)
    throw new TypeError(
      `${owner}: key must consist of labels of letters, digits, hyphens and underscores, with at most ${MAX_KEY_AND_ZONE} characters together with the zone`,
    );
  return value;
}

function codeEntries(owner: string, codes: ListCodes): [string, CodeMeaning][] {
  if (typeof codes !== 'object' || codes === null)
    throw wrongOption(owner, 'codes', 'an array of codes, or an object like { "127.0.0.2": 4 }', codes);
  const entries: [string, number | string | CodeMeaning][] = Array.isArray(codes)
    ? (codes as readonly string[]).map((code) => [code, {}])
    : Object.entries(codes);
  if (entries.length === 0)
    throw new TypeError(`${owner}: codes must not be empty; omit it to count any non-error answer as a listing`);
  return entries.map(([code, value]) => {
    const option = `codes[${JSON.stringify(code)}]`;
    const meant: CodeMeaning =
      typeof value === 'number' ? { weight: value } : typeof value === 'string' ? { meaning: value } : value;
    if (typeof meant !== 'object' || meant === null)
      throw wrongOption(owner, option, 'a weight, a meaning, or { weight, meaning }', value);
    if (meant.weight !== undefined && !isWeight(meant.weight))
      throw wrongOption(owner, `${option}.weight`, weightForm, meant.weight);
    return [code, meant];
  });
}

function errorEntries(owner: string, codes: ListZoneOptions['errorCodes']): [string, CodeMeaning][] {
  if (codes === undefined) return [];
  if (typeof codes !== 'object' || codes === null)
    throw wrongOption(owner, 'errorCodes', 'an array of codes, or an object like { "127.0.1.255": "why" }', codes);
  return Array.isArray(codes)
    ? (codes as readonly string[]).map((code) => [code, { meaning: 'the list answers with an error code' }])
    : Object.entries(codes).map(([code, meaning]) => [code, { meaning: String(meaning) }]);
}

function readCodes(owner: string, option: string, entries: [string, CodeMeaning][]): CodeRule[] {
  return entries.map(([pattern, { weight, meaning }]) => {
    const read = typeof pattern === 'string' ? readPattern(pattern) : undefined;
    if (read === undefined)
      throw wrongOption(
        owner,
        `a code in ${option}`,
        'an address in 127.0.0.0/8, a prefix, a range like "127.0.0.4-7", or a bit mask like "&8"',
        pattern,
      );
    return { pattern, ...read, weight, meaning };
  });
}

const numberOf = (address: IpAddress): number => ipBytes(address).reduce((sum, octet) => sum * 256 + octet, 0);

function readPattern(pattern: string): Pick<CodeRule, 'matches' | 'width'> | undefined {
  const mask = /^&(\d{1,8})$/.exec(pattern);
  if (mask !== null) {
    const bits = Number(mask[1]);
    // The first octet is always 127, so only the 24 bits below it carry information.
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

/** Whether the prefix contains every answer that the code matches. */
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

/** One listing in an answer. */
export interface ListedCode extends CodeMeaning {
  /** The code: `127.0.0.2`. */
  readonly code: string;
}

/** The meaning of all records of one answer. */
export type ListReading =
  | {
      readonly status: 'listed';
      readonly codes: readonly ListedCode[];
      /** Sum of the weights of the codes found, each counted once. `undefined` if none of them has a weight. */
      readonly weight: number | undefined;
      /** Whether a code without a weight of its own was found: the weight of the list is then added once. */
      readonly plain: boolean;
    }
  | {
      readonly status: 'notListed';
      /** Answers that match no code of the list. */
      readonly unknown: readonly string[];
    }
  | { readonly status: 'blocked' | 'invalid'; readonly reason: string; readonly answers: readonly string[] };

/**
 * Interprets all records of an answer.
 *
 * One record outside 127.0.0.0/8 makes the whole answer `invalid`, and one error code makes it `blocked`: a resolver or a
 * list in that state is not trusted for the rest.
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
    return { status: 'invalid', reason: 'an answer is outside 127.0.0.0/8', answers: invalid.slice(0, MAX_SHOWN) };
  if (blocked.length > 0) return { status: 'blocked', reason, answers: blocked.slice(0, MAX_SHOWN) };
  if (codes.length === 0) return { status: 'notListed', unknown: unknown.slice(0, MAX_SHOWN) };
  return { status: 'listed', codes: codes.slice(0, MAX_SHOWN), weight, plain };
}

/** Limit of records read from one answer. Lists return a handful. */
const MAX_ANSWERS = 64;
/** Limit of records reported of one answer. */
const MAX_SHOWN = 16;

const meaningOf = ({ weight, meaning }: CodeRule): CodeMeaning => ({ weight, meaning });

/** Returns the narrowest code that matches the answer, and every mask that does. */
function rulesFor(codes: readonly CodeRule[], address: IpAddress): readonly CodeRule[] {
  const matching = codes.filter((rule) => rule.matches(address));
  const narrowest = Math.min(...matching.filter(({ width }) => width > 0).map(({ width }) => width));
  return matching.filter(({ width }) => width === 0 || width === narrowest);
}

/** Removes the zone and the key of the list from a text: a resolver's or list's words may quote the query. @internal */
export function withoutZone(list: ListZone, text: string): string {
  const hidden = list.key === undefined ? text : list.key.redact(text);
  return hidden.replace(new RegExp(list.zone.replace(/[.]/g, '\\.'), 'gi'), '[zone]');
}
