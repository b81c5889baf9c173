/**
 * A DNS cache in front of a resolver.
 *
 * **Answers**: the same as the resolver behind it, without a second query while an answer is valid.
 * **Knows**: earlier answers, in bounded memory. **Asks**: the resolver behind it, and `clock`.
 * **Standards**: RFC 1035 §7.4, RFC 2308 (negative answers), RFC 8767 (stale answers), RFC 9520 (failures).
 * **Limits**: an answer with TTL 0 is not cached. Resolvers that do not know the TTL (Node's own, for most types) report 0:
 * with them, only simultaneous queries share an answer. The cache is not shared between processes.
 *
 * @example
 * ```ts
 * import type { Clock, DnsResolver } from 'postern/env';
 * import { cached } from 'postern/dns';
 *
 * export const remembering = (resolver: DnsResolver, clock: Clock) =>
 *   cached(resolver, { clock, maxBytes: 32 * 1024 * 1024, stale: { forMs: 3_600_000 } });
 * ```
 *
 * @module
 */
import { assertKnownOptions, numberFromZero } from '../core/index.ts';
import type { Clock, DnsAnswer, DnsRecord, DnsResolver, RecordType, ResolveOptions } from '../env/index.ts';
import { onAbort } from '../env/index.ts';
import { questionName } from './questions.ts';
import { LAST_MOMENT_MS } from './stall.ts';

/** Use of expired answers (RFC 8767). */
export interface StaleOptions {
  /** How long an expired answer may be used if a new query fails, in milliseconds. RFC 8767 suggests 1 to 3 days. */
  readonly forMs: number;
  /** How long the resolver may take before an expired answer is used, in milliseconds (RFC 8767 §5). Default: 1,800. */
  readonly answerAfterMs?: number;
}

/** Options of {@link cached}. */
export interface CacheOptions {
  /** Clock for TTLs. */
  readonly clock: Clock;
  /** Estimated memory limit in bytes. The least recently used answers are evicted first. Default: 16,777,216. */
  readonly maxBytes?: number;
  /** Upper limit of TTLs in seconds. Default: 86,400. */
  readonly maxTtl?: number;
  /** Upper limit of the TTL of `nodata` and `nxdomain` in seconds; RFC 2308 §5 suggests 1 to 3 hours. Default: 3,600. */
  readonly maxNegativeTtl?: number;
  /** How long a `temperror` is cached, in milliseconds, so that not every session queries a dead server (RFC 9520 §3.2). Default: 1,000. */
  readonly failureMs?: number;
  /** Use of expired answers if a new query fails. Default: none. */
  readonly stale?: StaleOptions;
}

/** Counters of a cache, for metrics. */
export interface CacheStats {
  readonly hits: number;
  readonly misses: number;
  /** Queries that shared the answer of an outstanding one. */
  readonly joined: number;
  /** Expired answers that were used. */
  readonly stale: number;
  readonly entries: number;
  readonly bytes: number;
}

/** A resolver with a cache. */
export interface CachedResolver extends DnsResolver {
  /** Counters for metrics. */
  readonly stats: CacheStats;
  /** Empties the cache. Outstanding queries continue, and their answers are not cached. */
  clear(): void;
}

interface Kept {
  readonly answer: DnsAnswer;
  readonly bytes: number;
  /** When the TTL ends. */
  readonly until: number;
  /** When the answer can no longer be used even as a stale answer. */
  readonly staleUntil: number;
}

interface UnderWay {
  readonly answer: Promise<DnsAnswer>;
  readonly abort: (reason: unknown) => void;
  /** Callers that have not aborted. */
  askers: number;
}

/** RFC 8767 §4: the TTL of a stale answer. */
const STALE_TTL = 30;
const STALE_ANSWER_AFTER_MS = 1_800;
/** RFC 8767 §5: how long stale answers are used after a failure before the next query. */
const RECHECK_AFTER_MS = 30_000;

/** Bytes of an entry and a record apart from their texts: objects, map slots, string headers. */
const ENTRY_BYTES = 400;
const RECORD_BYTES = 120;

/**
 * Puts a cache in front of a resolver.
 *
 * The TTL of a cached answer is the time it has left. Simultaneous queries for the same name and type are sent once. The
 * query is aborted when all callers have aborted.
 *
 * @throws {TypeError} if an option is wrong
 */
export function cached(resolver: DnsResolver, options: CacheOptions): CachedResolver {
  assertKnownOptions('cached', options, ['clock', 'maxBytes', 'maxTtl', 'maxNegativeTtl', 'failureMs', 'stale']);
  const { clock, stale } = options;
  const number = (option: string, value: number): number => numberFromZero('cached', option, value);
  const maxBytes = number('maxBytes', options.maxBytes ?? 16 * 1024 * 1024);
  const maxTtl = number('maxTtl', options.maxTtl ?? 86_400);
  const maxNegativeTtl = number('maxNegativeTtl', options.maxNegativeTtl ?? 3_600);
  const failureMs = number('failureMs', options.failureMs ?? 1_000);
  const staleMs = stale === undefined ? 0 : number('stale.forMs', stale.forMs);
  const answerAfterMs = number('stale.answerAfterMs', stale?.answerAfterMs ?? STALE_ANSWER_AFTER_MS);

  /** Least recently used first: a used entry is inserted again. */
  const entries = new Map<string, Kept>();
  const underWay = new Map<string, UnderWay>();
  /** Failures and when they expire. Few and short-lived, but bounded all the same. */
  const failures = new Map<string, { readonly answer: DnsAnswer; readonly until: number }>();
  let bytes = 0;
  let hits = 0;
  let misses = 0;
  let joined = 0;
  let staleGiven = 0;
  let generation = 0;

  const drop = (key: string): void => {
    const kept = entries.get(key);
    if (kept === undefined) return;
    entries.delete(key);
    bytes -= kept.bytes;
  };
  const keep = (key: string, answer: DnsAnswer): void => {
    const now = clock.now();
    if (answer.status === 'temperror') {
      // An aborted query says nothing about the name.
      if (
        failureMs === 0 ||
        answer.reason === 'aborted' ||
        answer.reason === 'closed' ||
        answer.reason === 'overloaded'
      )
        return;
      const until = now + (isStale(key) ? Math.max(failureMs, RECHECK_AFTER_MS) : failureMs);
      failures.delete(key);
      failures.set(key, { answer, until });
      for (const [other, failure] of failures) {
        if (failure.until > now && failures.size <= MAX_FAILURES) break;
        failures.delete(other);
      }
      return;
    }
    failures.delete(key);
    drop(key);
    const ttl = Math.min(answer.ttl, answer.status === 'found' ? maxTtl : Math.min(maxTtl, maxNegativeTtl));
    // RFC 8767 §4: an answer with TTL 0 must not be cached, not even as a stale answer.
    if (!(ttl > 0)) return;
    const size = sizeOf(key, answer);
    if (size > maxBytes) return;
    const until = now + ttl * 1_000;
    entries.set(key, { answer, bytes: size, until, staleUntil: until + staleMs });
    bytes += size;
    for (const oldest of entries.keys()) {
      if (bytes <= maxBytes) break;
      drop(oldest);
    }
  };
  const isStale = (key: string): boolean => {
    const kept = entries.get(key);
    return kept !== undefined && clock.now() < kept.staleUntil;
  };
  /** Returns the entry unless it has expired, and marks it as recently used. */
  const find = (key: string): Kept | undefined => {
    const kept = entries.get(key);
    if (kept === undefined) return undefined;
    if (clock.now() >= kept.staleUntil && clock.now() >= kept.until) {
      drop(key);
      return undefined;
    }
    entries.delete(key);
    entries.set(key, kept);
    return kept;
  };

  const ask = (key: string, name: string, type: RecordType): UnderWay => {
    const before = underWay.get(key);
    if (before !== undefined) {
      joined++;
      return before;
    }
    misses++;
    const abort = new AbortController();
    const asked = generation;
    const answer = call(resolver, name, type, abort.signal).then((value) => {
      if (underWay.get(key) === entry) underWay.delete(key);
      if (asked === generation) keep(key, value);
      return value;
    });
    const entry: UnderWay = {
      answer,
      askers: 0,
      abort(reason) {
        // A later query must not join an aborted one.
        if (underWay.get(key) === entry) underWay.delete(key);
        abort.abort(reason);
      },
    };
    underWay.set(key, entry);
    return entry;
  };

  return {
    get stats() {
      return { hits, misses, joined, stale: staleGiven, entries: entries.size, bytes };
    },
    clear() {
      generation++;
      entries.clear();
      failures.clear();
      underWay.clear();
      bytes = 0;
    },
    resolve<T extends RecordType>(text: string, type: T, { signal }: ResolveOptions = {}): Promise<DnsAnswer<T>> {
      const name = questionName(text);
      if (name === undefined) return Promise.resolve({ status: 'nxdomain', ttl: 0 });
      if (signal?.aborted) return Promise.resolve(aborted);
      const key = `${type} ${name}`;
      const now = clock.now();
      const kept = find(key);
      if (kept !== undefined && now < kept.until) {
        hits++;
        return Promise.resolve(withTtl(kept.answer, Math.ceil((kept.until - now) / 1_000)) as DnsAnswer<T>);
      }
      const old = kept === undefined ? undefined : (withTtl(kept.answer, STALE_TTL) as DnsAnswer<T>);
      const failure = failures.get(key);
      if (failure !== undefined && now < failure.until) {
        hits++;
        if (old === undefined) return Promise.resolve(failure.answer as DnsAnswer<T>);
        staleGiven++;
        return Promise.resolve(old);
      }
      const question = ask(key, name, type);
      question.askers++;
      return new Promise((resolve) => {
        let over = false;
        const finish = (answer: DnsAnswer<T>): void => {
          if (over) return;
          over = true;
          stopWaiting?.();
          stopDeadline();
          withdraw();
          if (answer === old) staleGiven++;
          resolve(answer);
        };
        const abort = (): void => {
          // A deadline that fires after a stall fires before the sockets are read. The resolver gets a moment to hand over
          // an answer that has already arrived.
          if (isTimeout(signal?.reason)) stopDeadline = clock.after(LAST_MOMENT_MS, () => finish(aborted));
          else finish(aborted);
          if (--question.askers === 0) question.abort(signal?.reason);
        };
        let stopDeadline: () => void = () => {};
        // RFC 8767 §5: the query continues after the stale answer was used, and refreshes the entry.
        const stopWaiting = old === undefined ? undefined : clock.after(answerAfterMs, () => finish(old));
        const withdraw = onAbort(signal, abort);
        question.answer.then((answer) =>
          finish(answer.status === 'temperror' && old !== undefined ? old : (answer as DnsAnswer<T>)),
        );
      });
    },
  };
}

const isTimeout = (reason: unknown): boolean => (reason as { name?: unknown } | undefined)?.name === 'TimeoutError';
const aborted = { status: 'temperror', reason: 'aborted' } as const;
/** Limit of cached failures. */
const MAX_FAILURES = 10_000;

/** Queries the resolver. One that breaks its contract and throws is answered with `temperror`. */
async function call(resolver: DnsResolver, name: string, type: RecordType, signal: AbortSignal): Promise<DnsAnswer> {
  try {
    return await resolver.resolve(name, type, { signal });
  } catch {
    return { status: 'temperror', reason: 'resolver failed' };
  }
}

const withTtl = (answer: DnsAnswer, ttl: number): DnsAnswer =>
  answer.status === 'temperror' ? answer : { ...answer, ttl };

function sizeOf(key: string, answer: DnsAnswer): number {
  let size = ENTRY_BYTES + 2 * key.length;
  if (answer.status === 'found') for (const record of answer.records) size += RECORD_BYTES + 2 * textLength(record);
  return size;
}

function textLength(record: DnsRecord): number {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.address.length;
    case 'MX':
      return record.exchange.length;
    case 'TXT':
      return record.text.length;
    case 'PTR':
    case 'NS':
    case 'CNAME':
      return record.name.length;
    case 'SOA':
      return record.primary.length;
    case 'SRV':
      return record.target.length;
    case 'TLSA':
      return record.data.length;
    case 'CAA':
      return record.tag.length + record.value.length;
  }
}
