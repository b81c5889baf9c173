/**
 * The DNS of a test, written down where the test is read.
 *
 * **Answers**: what a resolver would answer, for names that are spelt out; every other name does not exist.
 * **Knows**: the literal it was made from. **Asks**: `clock`, and only where something is delayed.
 * **Standards**: RFC 1034 §3.6.2 (aliases), RFC 4592 (wildcards), RFC 8020 (empty non-terminals), RFC 7505 (null MX).
 * **Limits**: it has no delegations and no DNSSEC; `authentic` is what the literal says.
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
 * The networks that are set apart for documentation and tests (RFC 5737, RFC 3849, RFC 9637). Checks do not count them as
 * public: give them as `publicNetworks` where a test's mail hosts have such addresses.
 */
export const documentationNetworks: readonly string[] = [
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '2001:db8::/32',
  '3fff::/20',
];

/**
 * How a question ends where it is not answered with records. `temperror` is SERVFAIL; `timeout` is a `temperror` that
 * says so at once (or after `delayMs`); `silent` never ends, unless the question is aborted.
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

/** What is known of one name. `{}` is a name that exists and has no records. */
export interface ZoneEntry {
  readonly A?: readonly string[] | ZoneOutcome;
  readonly AAAA?: readonly string[] | ZoneOutcome;
  /** `[preference, exchange]`; the null MX is `[0, '']`. */
  readonly MX?: readonly (readonly [number, string])[] | ZoneOutcome;
  /** One text per record, or the character-strings that it is cut into: `['v=spf1 ', '-all']`. */
  readonly TXT?: readonly (string | readonly string[])[] | ZoneOutcome;
  readonly PTR?: readonly string[] | ZoneOutcome;
  readonly NS?: readonly string[] | ZoneOutcome;
  /** Another name for this one. Nothing else may stand beside it (RFC 1034 §3.6.2). */
  readonly CNAME?: string;
  /** `[primary, minimum in seconds]`. */
  readonly SOA?: readonly [string, number] | ZoneOutcome;
  /** `[priority, weight, port, target]`. */
  readonly SRV?: readonly (readonly [number, number, number, string])[] | ZoneOutcome;
  /** `[usage, selector, matching, data in hexadecimal]`. */
  readonly TLSA?: readonly (readonly [number, number, number, string])[] | ZoneOutcome;
  /** `[flags, tag, value]`. */
  readonly CAA?: readonly (readonly [number, string, string])[] | ZoneOutcome;
  /** What becomes of every type that is not spelt out; `nodata` where not given. */
  readonly outcome?: ZoneOutcome;
  /** How late the answer is: for every type, or `{ TXT: 500 }`. */
  readonly delayMs?: number | { readonly [T in RecordType]?: number | undefined };
  /** Seconds. */
  readonly ttl?: number;
  readonly authentic?: boolean;
}

/** Names (any case, with or without the trailing dot, `*` as first label) and what is known of them. */
export interface ZoneData {
  readonly [name: string]: ZoneEntry | ZoneOutcome;
}

export interface ZoneOptions {
  /** Needed where anything is delayed; with `fixedClock()` a delay takes no time. */
  readonly clock?: Clock;
  /** How late every answer is, unless its entry says otherwise; 0 where not given. */
  readonly delayMs?: number;
  /** Seconds; 300 where not given. Also for names that do not exist. */
  readonly ttl?: number;
  /** Whether answers are marked as validated, unless the entry says otherwise; false where not given. */
  readonly authentic?: boolean;
}

/** One question that was asked. */
export interface ZoneQuestion {
  /** Lower case, without the trailing dot; as it was given where the wire cannot carry it. */
  readonly name: string;
  readonly type: RecordType;
}

/** Everything a server needs to put an answer on the wire. */
export interface ZoneReply {
  readonly outcome: 'found' | ZoneOutcome;
  /** The aliases in the order they were followed. */
  readonly aliases: readonly { readonly name: string; readonly target: string; readonly ttl: number }[];
  /** The name that the records belong to, at the end of the aliases. */
  readonly owner: string;
  readonly records: readonly DnsRecord[];
  /** The character-strings of each TXT record, in the order of `records`. */
  readonly strings: readonly (readonly string[])[];
  /** Seconds; the lowest of the records and aliases. */
  readonly ttl: number;
  readonly authentic: boolean;
  readonly delayMs: number;
  /** Says more where the outcome is `temperror`. */
  readonly reason?: string;
}

/** A resolver whose answers are a literal. */
export interface Zone extends DnsResolver {
  /** What was asked of `resolve`, in order. Empty it with `questions.length = 0`. */
  readonly questions: ZoneQuestion[];
  /** What is so, without delay and without being logged. */
  lookup(name: string, type: RecordType): ZoneReply;
  /** Changes what is known of a name from now on; undefined takes it away. */
  set(name: string, entry: ZoneEntry | ZoneOutcome | undefined): void;
}

/** Aliases that are followed before the chain is called endless. */
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
 * @throws TypeError where the literal cannot be what was meant: a name the wire cannot carry, a text that is no address,
 *   a misspelt type, data beside a CNAME, a delay without a clock
 */
export function zone(data: ZoneData, options: ZoneOptions = {}): Zone {
  const { clock, delayMs = 0, ttl = 300, authentic = false } = options;
  const entries = new Map<string, Held>();
  const questions: ZoneQuestion[] = [];
  if (delayMs > 0 && clock === undefined)
    throw new TypeError('zone: delayMs needs a clock; give it as zone(data, { clock })');

  /** How many known names lie below a name: such a name exists, though nothing is written about it (RFC 8020 §2). */
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
    if (name === undefined) throw new TypeError(`zone: the wire cannot carry the name ${JSON.stringify(text)}`);
    const fallback = { clock, delayMs, ttl, authentic };
    const held =
      entry === undefined ? undefined : read(name, typeof entry === 'string' ? { outcome: entry } : entry, fallback);
    count(name, -1);
    if (held === undefined) entries.delete(name);
    else entries.set(name, held);
    count(name, 1);
  };
  for (const [name, entry] of Object.entries(data)) set(name, entry);

  /** The entry that speaks for a name: its own, or the wildcard below its closest encloser (RFC 4592 §3.3.1). */
  const find = (name: string): Held | 'empty' | undefined => {
    const own = entries.get(name);
    if (own !== undefined) return own;
    if (isNode(name)) return 'empty';
    for (let parent = parentOf(name); ; parent = parentOf(parent)) {
      if (entries.has(parent) || isNode(parent)) return entries.get(parent === '' ? '*' : `*.${parent}`);
    }
  };
  const isNode = (name: string): boolean => name === '' || (below.get(name) ?? 0) > 0;

  /** RFC 2308 §5: how long there will be nothing is what the SOA above the name says. */
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
    if (!settings.has(key))
      throw new TypeError(`${where} has ${JSON.stringify(key)}; known are ${[...settings].join(', ')}`);
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
    throw new TypeError(`${where}: nothing may stand beside a CNAME`);
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

/** Character-strings hold 255 octets at most (RFC 1035 §3.3); a character up to U+00FF stands for one octet. */
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

/** Data may hold names that cannot be asked for, as the world's does; they are kept as they are written. */
const dataName = (text: string): string => questionName(text) ?? text.toLowerCase();

function address(text: string, type: 'A' | 'AAAA', where: string): string {
  const parsed = parseIp(text);
  if (parsed === undefined || (type === 'A') === text.includes(':'))
    throw new TypeError(`${where}: ${JSON.stringify(text)} is no ${type} record`);
  // A mapped address in an AAAA record stays what the record says; checks fold it.
  return type === 'AAAA' && !parsed.includes(':') ? `::ffff:${parsed}` : parsed;
}

function recordsOf(type: RecordType, value: unknown, where: string): readonly DnsRecord[] {
  if (type === 'CNAME') {
    if (typeof value !== 'string') throw new TypeError(`${where}: CNAME is one name, like "www.example.org"`);
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
