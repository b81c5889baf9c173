/**
 * A DNS for tests, written as a literal.
 *
 * **Answers**: every query about the names in the literal, as a resolver would; no other name exists.
 * **Knows**: the literal. **Asks**: `clock`, only for delays.
 * **Standards**: RFC 1034 §3.6.2 (aliases), RFC 4592 (wildcards), RFC 8020 (empty non-terminals), RFC 7505 (null MX).
 * **Limits**: no delegations and no DNSSEC; `authentic` is the value in the literal.
 *
 * @example
 * ```ts
 * import { zone } from 'postern/testing';
 *
 * const dns = zone({
 *   'example.org': { MX: [[10, 'mx.example.org']], TXT: ['v=spf1 mx -all'] },
 *   'mx.example.org': { A: ['192.0.2.1'], AAAA: 'temperror' },
 *   'www.example.org': { CNAME: 'example.org' },
 *   'nomail.example': { MX: [[0, '']] },
 *   '*.dynamic.example': { A: ['198.51.100.7'] },
 *   'slow.example': 'silent',
 * });
 * const answer = await dns.resolve('example.org', 'MX');
 * if (answer.status === 'found') answer.records[0]?.exchange; // 'mx.example.org'
 * ```
 *
 * @module
 */
import { questionName } from '../dns/index.ts';
import type { Clock, DnsAnswer, DnsRecord, DnsResolver, RecordOf, RecordType, ResolveOptions } from '../env/index.ts';
import { onAbort } from '../env/index.ts';
import { parseIp } from '../net/index.ts';

/**
 * The networks reserved for documentation and tests (RFC 5737, RFC 3849, RFC 9637). Checks do not treat them as public: pass
 * them as `publicNetworks` if a test's mail hosts have such addresses.
 */
export const documentationNetworks: readonly string[] = [
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '2001:db8::/32',
  '3fff::/20',
];

/**
 * How a query ends without records. `temperror` is SERVFAIL. `timeout` is a `temperror` with that reason, at once or after
 * `delayMs`. `silent` never ends, unless the query is aborted.
 */
export type ZoneOutcome = 'nodata' | 'nxdomain' | 'temperror' | 'refused' | 'timeout' | 'silent';

const outcomes: ReadonlySet<unknown> = new Set<ZoneOutcome>([
  'nodata',
  'nxdomain',
  'temperror',
  'refused',
  'timeout',
  'silent',
]);

/** The data of one name. `{}` is a name that exists without records. */
export interface ZoneEntry {
  readonly A?: readonly string[] | ZoneOutcome;
  readonly AAAA?: readonly string[] | ZoneOutcome;
  /** `[preference, exchange]`; the null MX is `[0, '']`. */
  readonly MX?: readonly (readonly [number, string])[] | ZoneOutcome;
  /** One text per record, or its character-strings: `['v=spf1 ', '-all']`. */
  readonly TXT?: readonly (string | readonly string[])[] | ZoneOutcome;
  readonly PTR?: readonly string[] | ZoneOutcome;
  readonly NS?: readonly string[] | ZoneOutcome;
  /** The name that this one is an alias for. No other data may be beside it (RFC 1034 §3.6.2). */
  readonly CNAME?: string;
  /** `[primary, minimum in seconds]`. */
  readonly SOA?: readonly [string, number] | ZoneOutcome;
  /** `[priority, weight, port, target]`. */
  readonly SRV?: readonly (readonly [number, number, number, string])[] | ZoneOutcome;
  /** `[usage, selector, matching, data in hexadecimal]`. */
  readonly TLSA?: readonly (readonly [number, number, number, string])[] | ZoneOutcome;
  /** `[flags, tag, value]`. */
  readonly CAA?: readonly (readonly [number, string, string])[] | ZoneOutcome;
  /** The outcome for types that are not given. Default: `nodata`. */
  readonly outcome?: ZoneOutcome;
  /** The delay of answers in milliseconds: for every type, or `{ TXT: 500 }`. Default: the zone's. */
  readonly delayMs?: number | { readonly [T in RecordType]?: number | undefined };
  /** The time to live, in seconds. Default: the zone's. */
  readonly ttl?: number;
  readonly authentic?: boolean;
}

/** Names (any case, with or without the trailing dot, `*` as first label) and their data. */
export interface ZoneData {
  readonly [name: string]: ZoneEntry | ZoneOutcome;
}

export interface ZoneOptions {
  /** The clock for delays; required if anything is delayed. With `fixedClock()` a delay takes no time. */
  readonly clock?: Clock;
  /** The delay of every answer, in milliseconds. Default: 0. */
  readonly delayMs?: number;
  /** The time to live of every answer, in seconds, including negative ones. Default: 300. */
  readonly ttl?: number;
  /** Whether answers are marked as validated. Default: false. */
  readonly authentic?: boolean;
}

/** A query that was made. */
export interface ZoneQuestion {
  /** Lower case, without the trailing dot; unchanged if it cannot be encoded in DNS. */
  readonly name: string;
  readonly type: RecordType;
}

/** Everything that a server needs to encode an answer. */
export interface ZoneReply {
  readonly outcome: 'found' | ZoneOutcome;
  /** The aliases, in the order in which they were followed. */
  readonly aliases: readonly { readonly name: string; readonly target: string; readonly ttl: number }[];
  /** The owner of the records, after all aliases. */
  readonly owner: string;
  readonly records: readonly DnsRecord[];
  /** The character-strings of each TXT record, in the order of `records`. */
  readonly strings: readonly (readonly string[])[];
  /** Seconds: the lowest TTL of the records and aliases. */
  readonly ttl: number;
  readonly authentic: boolean;
  readonly delayMs: number;
  /** The reason, if the outcome is `temperror`. */
  readonly reason?: string;
}

/** A resolver that answers from a literal. */
export interface Zone extends DnsResolver {
  /** The queries to `resolve`, in order. Empty it with `questions.length = 0`. */
  readonly questions: ZoneQuestion[];
  /** Returns the outcome without delay, and without recording the query. */
  lookup(name: string, type: RecordType): ZoneReply;
  /** Replaces the data of a name from now on; undefined removes it. */
  set(name: string, entry: ZoneEntry | ZoneOutcome | undefined): void;
}

/** Aliases that are followed before the chain counts as a loop. */
const MAX_ALIASES = 16;
const types: readonly RecordType[] = ['A', 'AAAA', 'MX', 'TXT', 'PTR', 'CNAME', 'NS', 'SOA', 'SRV', 'TLSA', 'CAA'];
const settings: ReadonlySet<string> = new Set([...types, 'outcome', 'delayMs', 'ttl', 'authentic']);

interface Held {
  readonly records: ReadonlyMap<RecordType, readonly DnsRecord[]>;
  readonly strings: readonly (readonly string[])[];
  readonly outcomes: ReadonlyMap<RecordType, ZoneOutcome>;
  readonly outcome: ZoneOutcome;
  readonly delayMs: (type: RecordType) => number;
  readonly ttl: number;
  readonly authentic: boolean;
}

/**
 * Makes a resolver from a literal.
 *
 * @throws {TypeError} if the literal contains a mistake: a name that cannot be encoded in DNS, a text that is not an address,
 *   a misspelt type, data beside a CNAME, a delay without a clock
 */
export function zone(data: ZoneData, options: ZoneOptions = {}): Zone {
  const { clock, delayMs = 0, ttl = 300, authentic = false } = options;
  const entries = new Map<string, Held>();
  const questions: ZoneQuestion[] = [];
  if (delayMs > 0 && clock === undefined)
    throw new TypeError('zone: delayMs needs a clock; give it as zone(data, { clock })');

  /** The number of names below a name: such a name exists, even without data of its own (RFC 8020 §2). */
  const below = new Map<string, number>();
  const count = (name: string, step: 1 | -1): void => {
    const held = entries.get(name);
    if (held === undefined || (held.outcome === 'nxdomain' && held.records.size === 0)) return;
    for (let node = name; node !== ''; ) {
      node = parentOf(node);
      below.set(node, (below.get(node) ?? 0) + step);
    }
  };
  const set = (text: string, entry: ZoneEntry | ZoneOutcome | undefined): void => {
    const name = questionName(text);
    if (name === undefined) throw new TypeError(`zone: the name ${JSON.stringify(text)} cannot be encoded in DNS`);
    const fallback = { clock, delayMs, ttl, authentic };
    const held =
      entry === undefined ? undefined : read(name, typeof entry === 'string' ? { outcome: entry } : entry, fallback);
    count(name, -1);
    if (held === undefined) entries.delete(name);
    else entries.set(name, held);
    count(name, 1);
  };
  for (const [name, entry] of Object.entries(data)) set(name, entry);

  /** Returns the entry for a name: its own, or the wildcard below its closest encloser (RFC 4592 §3.3.1). */
  const find = (name: string): Held | 'empty' | undefined => {
    const own = entries.get(name);
    if (own !== undefined) return own;
    if (isNode(name)) return 'empty';
    for (let parent = parentOf(name); ; parent = parentOf(parent)) {
      if (entries.has(parent) || isNode(parent)) return entries.get(parent === '' ? '*' : `*.${parent}`);
    }
  };
  const isNode = (name: string): boolean => name === '' || (below.get(name) ?? 0) > 0;

  /** Returns the TTL of a negative answer, from the SOA record above the name (RFC 2308 §5). */
  const negativeTtl = (name: string, most: number): number => {
    for (let node = name; ; node = parentOf(node)) {
      const soa = entries.get(node)?.records.get('SOA')?.[0];
      if (soa?.type === 'SOA') return Math.min(most, soa.minimum);
      if (node === '') return most;
    }
  };

  const lookup = (text: string, type: RecordType): ZoneReply => {
    const aliases: { name: string; target: string; ttl: number }[] = [];
    const blank = { aliases, records: [], strings: [], ttl, authentic: false, delayMs };
    let owner = questionName(text);
    if (owner === undefined) return { ...blank, owner: text, outcome: 'nxdomain' };
    let lowest = Number.POSITIVE_INFINITY;
    let latest = 0;
    let vouched = true;
    for (;;) {
      const held = find(owner);
      if (held === undefined || held === 'empty') {
        return {
          ...blank,
          owner,
          outcome: held === undefined ? 'nxdomain' : 'nodata',
          ttl: negativeTtl(owner, Math.min(lowest, ttl)),
          delayMs: Math.max(latest, delayMs),
        };
      }
      lowest = Math.min(lowest, held.ttl);
      latest = Math.max(latest, held.delayMs(type));
      vouched &&= held.authentic;
      const reply = { ...blank, owner, ttl: lowest, authentic: vouched, delayMs: latest };
      const records = held.records.get(type);
      if (records !== undefined)
        return { ...reply, outcome: 'found', records, strings: type === 'TXT' ? held.strings : [] };
      const alias = held.records.get('CNAME')?.[0];
      if (alias?.type !== 'CNAME') {
        return { ...reply, ttl: negativeTtl(owner, lowest), outcome: held.outcomes.get(type) ?? held.outcome };
      }
      aliases.push({ name: owner, target: alias.name, ttl: held.ttl });
      const target = questionName(alias.name);
      if (target === undefined) return { ...reply, owner: alias.name, outcome: 'nxdomain' };
      if (aliases.length > MAX_ALIASES) return { ...reply, outcome: 'temperror', reason: 'too many aliases' };
      owner = target;
    }
  };

  return {
    questions,
    lookup,
    set,
    resolve<T extends RecordType>(name: string, type: T, { signal }: ResolveOptions = {}): Promise<DnsAnswer<T>> {
      questions.push({ name: questionName(name) ?? name, type });
      if (signal?.aborted) return Promise.resolve({ status: 'temperror', reason: 'aborted' });
      const reply = lookup(name, type);
      if (reply.outcome !== 'silent' && reply.delayMs === 0) return Promise.resolve(answerOf<T>(reply));
      return new Promise((done) => {
        const stop =
          reply.outcome === 'silent'
            ? undefined
            : clock?.after(reply.delayMs, () => {
                withdraw();
                done(answerOf<T>(reply));
              });
        const abort = (): void => {
          stop?.();
          done({ status: 'temperror', reason: 'aborted' });
        };
        const withdraw = onAbort(signal, abort);
      });
    },
  };
}

function answerOf<T extends RecordType>({ outcome, records, ttl, authentic, reason }: ZoneReply): DnsAnswer<T> {
  switch (outcome) {
    case 'found':
      return { status: 'found', records: [...records] as RecordOf<T>[], ttl, authentic };
    case 'nodata':
    case 'nxdomain':
      return { status: outcome, ttl };
    default:
      return { status: 'temperror', reason: outcome === 'temperror' ? (reason ?? 'servfail') : outcome };
  }
}

const parentOf = (name: string): string => {
  const dot = name.indexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1);
};

function read(
  name: string,
  entry: ZoneEntry,
  fallback: ZoneOptions & { ttl: number; authentic: boolean; delayMs: number },
): Held {
  const where = `zone: ${JSON.stringify(name)}`;
  for (const key of Object.keys(entry)) {
    if (!settings.has(key)) throw new TypeError(`${where}: unknown key ${key} (known: ${[...settings].join(', ')})`);
  }
  const records = new Map<RecordType, readonly DnsRecord[]>();
  const held = new Map<RecordType, ZoneOutcome>();
  for (const type of types) {
    const value = entry[type];
    if (value === undefined) continue;
    if (type !== 'CNAME' && outcomes.has(value)) {
      held.set(type, value as ZoneOutcome);
      continue;
    }
    const list = recordsOf(type, value, where);
    if (list.length > 0) records.set(type, list);
  }
  if (records.has('CNAME') && records.size + held.size > 1)
    throw new TypeError(`${where}: a CNAME must not have other data beside it`);
  if (entry.outcome !== undefined && !outcomes.has(entry.outcome)) {
    throw new TypeError(
      `${where} is ${JSON.stringify(entry.outcome)}; an outcome is one of ${[...outcomes].join(', ')}`,
    );
  }
  const { delayMs = fallback.delayMs } = entry;
  const delay = (type: RecordType): number =>
    typeof delayMs === 'number' ? delayMs : (delayMs[type] ?? fallback.delayMs);
  if (fallback.clock === undefined && types.some((type) => delay(type) > 0)) {
    throw new TypeError(`${where}: delayMs needs a clock; give it as zone(data, { clock })`);
  }
  return {
    records,
    strings: Array.isArray(entry.TXT)
      ? entry.TXT.map((text: string | readonly string[]) => (typeof text === 'string' ? cut(text) : text))
      : [],
    outcomes: held,
    outcome: entry.outcome ?? 'nodata',
    delayMs: delay,
    ttl: entry.ttl ?? fallback.ttl,
    authentic: entry.authentic ?? fallback.authentic,
  };
}

/** A character-string holds at most 255 bytes (RFC 1035 §3.3). A character up to U+00FF stands for one byte. */
function cut(text: string): readonly string[] {
  const strings: string[] = [];
  let part = '';
  let size = 0;
  for (const character of text) {
    const octets = character <= '\xff' ? 1 : new TextEncoder().encode(character).length;
    if (size + octets > 255) {
      strings.push(part);
      part = '';
      size = 0;
    }
    part += character;
    size += octets;
  }
  return [...strings, part];
}

/** Data may contain names that cannot be queried, as in the real DNS; they are kept as written. */
const dataName = (text: string): string => questionName(text) ?? text.toLowerCase();

function address(text: string, type: 'A' | 'AAAA', where: string): string {
  const parsed = parseIp(text);
  if (parsed === undefined || (type === 'A') === text.includes(':'))
    throw new TypeError(
      `${where}: ${JSON.stringify(text)} is not ${type === 'A' || type === 'AAAA' ? 'an' : 'a'} ${type} record`,
    );
  // A mapped address in an AAAA record stays as it is; checks convert it.
  return type === 'AAAA' && !parsed.includes(':') ? `::ffff:${parsed}` : parsed;
}

function recordsOf(type: RecordType, value: unknown, where: string): readonly DnsRecord[] {
  if (type === 'CNAME') {
    if (typeof value !== 'string') throw new TypeError(`${where}: CNAME must be one name, like "www.example.org"`);
    return [{ type, name: dataName(value) }];
  }
  if (!Array.isArray(value)) {
    throw new TypeError(
      `${where}: ${type} is ${JSON.stringify(value)}; give a list of records, or one of ${[...outcomes].join(', ')}`,
    );
  }
  if (type === 'SOA') return [{ type, primary: dataName(value[0]), minimum: value[1] }];
  return value.map((item) => recordOf(type, item, where));
}

// biome-ignore lint/suspicious/noExplicitAny: the literal's type has said what each item is; this reads it by its key
function recordOf(type: Exclude<RecordType, 'CNAME' | 'SOA'>, item: any, where: string): DnsRecord {
  switch (type) {
    case 'A':
    case 'AAAA':
      return { type, address: address(item, type, where) };
    case 'MX':
      return { type, exchange: dataName(item[1]), preference: item[0] };
    case 'TXT':
      return { type, text: typeof item === 'string' ? item : item.join('') };
    case 'PTR':
    case 'NS':
      return { type, name: dataName(item) };
    case 'SRV':
      return { type, target: dataName(item[3]), port: item[2], priority: item[0], weight: item[1] };
    case 'CAA':
      return { type, critical: (item[0] & 0x80) !== 0, tag: item[1].toLowerCase(), value: item[2] };
    case 'TLSA':
      return { type, usage: item[0], selector: item[1], matching: item[2], data: item[3].toLowerCase() };
  }
}
