/**
 * A resolver that remembers.
 *
 * **Answers**: what the resolver behind it answers, without asking twice for what is still true.
 * **Knows**: the answers it was given, in bounded memory. **Asks**: the resolver behind it, and `clock`.
 * **Standards**: RFC 1035 §7.4, RFC 2308 (negative answers), RFC 8767 (stale answers), RFC 9520 (failures).
 * **Limits**: an answer with TTL 0 is never kept, and resolvers that do not tell the TTL (Node's own, for most types) say 0:
 * with them only questions that are asked at the same time share an answer. Kept in this process alone.
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
import type { Clock, DnsAnswer, DnsRecord, DnsResolver, RecordType, ResolveOptions } from '../env/index.ts';
import { onAbort } from '../env/index.ts';
import { questionName } from './question-name.ts';

export interface StaleOptions {
  /** Milliseconds after its TTL for which an answer may still be given where asking again fails; RFC 8767 suggests 1 to 3 days. */
  readonly forMs: number;
  /** Milliseconds after which a stale answer is given though the resolver has not yet answered; 1,800 where not given (RFC 8767 §5). */
  readonly answerAfterMs?: number;
}

export interface CacheOptions {
  readonly clock: Clock;
  /** What the answers may take, by a careful estimate; 16 MiB where not given. Those unused for longest go first. */
  readonly maxBytes?: number;
  /** Seconds that an answer is kept at most, whatever its TTL; 86,400 where not given. */
  readonly maxTtl?: number;
  /** Seconds that `nodata` and `nxdomain` are kept at most; 3,600 where not given (RFC 2308 §5 suggests 1 to 3 hours). */
  readonly maxNegativeTtl?: number;
  /** Milliseconds that a `temperror` is kept, so that a dead server is not asked by every session; 1,000 where not given (RFC 9520 §3.2). */
  readonly failureMs?: number;
  /** Give old answers where new ones cannot be had; never where not given. */
  readonly stale?: StaleOptions;
}

/** What a cache has done, for metrics. */
export interface CacheStats {
  readonly hits: number;
  readonly misses: number;
  /** Questions that shared the answer of one already under way. */
  readonly joined: number;
  /** Answers given after their TTL. */
  readonly stale: number;
  readonly entries: number;
  readonly bytes: number;
}

export interface CachedResolver extends DnsResolver {
  readonly stats: CacheStats;
  /** Forgets everything; what is under way goes on, and is not kept. */
  clear(): void;
}

interface Kept {
  readonly answer: DnsAnswer;
  readonly bytes: number;
  /** When its TTL ends. */
  readonly until: number;
  /** When it is no longer given even as a stale answer. */
  readonly staleUntil: number;
}

interface UnderWay {
  readonly answer: Promise<DnsAnswer>;
  readonly abort: (reason: unknown) => void;
  askers: number;
}

/** RFC 8767 §4: the TTL of a stale answer. */
const STALE_TTL = 30;
const STALE_ANSWER_AFTER_MS = 1_800;
/** RFC 8767 §5: after a failure, stale answers are given for so long before the resolver is asked again. */
const RECHECK_AFTER_MS = 30_000;

/** Octets that an entry and a record take beside their texts: objects, map slots, strings' heads. */
const ENTRY_BYTES = 400;
const RECORD_BYTES = 120;

/**
 * Puts a cache before a resolver.
 *
 * Answers are given with the time they have left as TTL. Questions for the same name and type that are under way at the
 * same time are asked once; the one question is aborted when all who asked have given up.
 *
 * @throws TypeError where an option is wrong, with its name, value and what is allowed
 */
export function cached(resolver: DnsResolver, options: CacheOptions): CachedResolver {
  const { clock, stale } = options;
  const maxBytes = number('maxBytes', options.maxBytes ?? 16 * 1024 * 1024);
  const maxTtl = number('maxTtl', options.maxTtl ?? 86_400);
  const maxNegativeTtl = number('maxNegativeTtl', options.maxNegativeTtl ?? 3_600);
  const failureMs = number('failureMs', options.failureMs ?? 1_000);
  const staleMs = stale === undefined ? 0 : number('stale.forMs', stale.forMs);
  const answerAfterMs = number('stale.answerAfterMs', stale?.answerAfterMs ?? STALE_ANSWER_AFTER_MS);

  /** In the order of use: a map keeps the order of insertion, and an entry that is used is inserted anew. */
  const entries = new Map<string, Kept>();
  const underWay = new Map<string, UnderWay>();
  /** Failures, and until when they are kept. Few and short-lived; bounded all the same. */
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
      // Somebody who gave up has learnt nothing about the name.
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
    // RFC 8767 §4: a TTL of 0 asks not to be kept, not even as a stale answer.
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
  /** The entry, where it is still of use; an entry that is used moves to the end. */
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
        // A question that comes after this one was given up must not join it.
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
          // A deadline is a timer, and a timer that fires late, after a stall, fires before the sockets are read: the
          // resolver behind is told, and has a moment to hand over what has arrived.
          if (isTimeout(signal?.reason)) stopDeadline = clock.after(LAST_MOMENT_MS, () => finish(aborted));
          else finish(aborted);
          if (--question.askers === 0) question.abort(signal?.reason);
        };
        let stopDeadline: () => void = () => {};
        // RFC 8767 §5: the question goes on, and refreshes the entry, when the stale answer has long been given.
        const stopWaiting = old === undefined ? undefined : clock.after(answerAfterMs, () => finish(old));
        const withdraw = onAbort(signal, abort);
        question.answer.then((answer) =>
          finish(answer.status === 'temperror' && old !== undefined ? old : (answer as DnsAnswer<T>)),
        );
      });
    },
  };
}

/** How long an asker whose deadline has passed waits for an answer that has arrived. */
const LAST_MOMENT_MS = 100;
const isTimeout = (reason: unknown): boolean => (reason as { name?: unknown } | undefined)?.name === 'TimeoutError';
const aborted = { status: 'temperror', reason: 'aborted' } as const;
/** Failures that are remembered at once. */
const MAX_FAILURES = 10_000;

/** A resolver that breaks its word and throws must not break this one's. */
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

function number(option: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new TypeError(`cached: ${option} ${String(value)} is not a number of 0 or more`);
}
