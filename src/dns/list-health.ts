/**
 * Whether a DNS list can be trusted: queries with a watch over the health of the list.
 *
 * **Answers**: is this address or name on this list, and can the answer be trusted?
 * **Knows**: the list ({@link listZone}), the labels, and the health record of the list ({@link ListHealth}).
 * **Asks**: `dns` for the entry, and for the test entries of the list; `clock`.
 * **Standards**: RFC 5782 §2 (queries) and §5 (test entries: 127.0.0.2 is listed and 127.0.0.1 is not; `::FFFF:7F00:2` and
 * `::FFFF:7F00:1`; `TEST` and `INVALID`).
 *
 * A list is suspended only because of its own test entries. Trouble (error codes, no answers) makes the watch query them,
 * and only if they fail too is the list suspended, for a time that doubles. A missing answer counts only if the resolver
 * answers for another name at the same time. So a lost datagram, a stopped process, or a dead or overloaded resolver does
 * not suspend a list. When the suspension ends, the next query, or the timer of `start()`, tries the list again.
 *
 * **Limits**: a list without test entries is queried for them too, and may answer "not listed"; only errors and missing
 * answers suspend it then. Health records are read synchronously: a store shared by several processes needs a local copy.
 * Answers are cached by the resolver, not here.
 *
 * @example
 * ```ts
 * import { listWatch, listZone, queryList } from 'postern/dns';
 * import { parseIp, reverseLabels } from 'postern/net';
 * import { fixedClock, zone } from 'postern/testing';
 *
 * const env = { dns: zone({ '1.2.0.192.zen.dnsbl.example': { A: ['127.0.0.4'] } }), clock: fixedClock() };
 * const list = listZone({ zone: 'zen.dnsbl.example', label: 'ZEN' });
 * const watch = listWatch({ onEvent: (event) => console.log(event.list, event.state, event.reason) });
 * const stop = watch.start([list], env);
 * const answer = await queryList(list, reverseLabels(parseIp('192.0.2.1')!), env, { watch });
 * switch (answer.status) {
 *   case 'listed':    answer.codes;  break; // [{ code: '127.0.0.4' }]
 *   case 'notListed': break;
 *   case 'blocked':   // an error code: the list refuses to answer this resolver
 *   case 'invalid':   // an address outside 127.0.0.0/8: not an answer of a list
 *   case 'suspended': // the list has failed before and is not queried for a while
 *   case 'timeout':
 *   case 'error':     answer.reason;
 * }
 * stop();
 * ```
 *
 * @module
 */
import { assertFunction, assertKnownOptions, positiveNumber } from '../core/index.ts';
import type { ListZone } from './dns-list.ts';
import type { ListAnswer, ListEnv } from './list-query.ts';
import { askList, resolverAnswers } from './list-query.ts';
import { knownPublicResolver } from './public-resolvers.ts';
import { stallWatch } from './stall.ts';

/** Options of {@link queryList}. */
export interface QueryListOptions {
  /** Aborts the query. */
  readonly signal?: AbortSignal;
  /** Watches over the health of the list. Default: every answer is trusted. */
  readonly watch?: ListWatch;
}

/**
 * Queries one DNS list. Never rejects.
 *
 * @param labels what comes before the zone: `reverseLabels()` of an address, or a domain name
 */
export async function queryList(
  list: ListZone,
  labels: string,
  env: ListEnv,
  options: QueryListOptions = {},
): Promise<ListAnswer> {
  const { watch, signal } = options;
  if (watch === undefined) return askList(list, labels, env, signal);
  const admission = watch.admit(list, env);
  if (admission.suspended !== undefined) return admission.suspended;
  const since = env.clock.now();
  const answer = await askList(list, labels, env, signal);
  if (admission.trial !== undefined) await admission.trial;
  return (await watch.note(list, env, answer, since)) ?? answer;
}

/** The health of one list. Plain JSON. */
export interface ListRecord {
  /** Consecutive queries without a usable answer. */
  readonly failures: number;
  /** When the test entries were last correct, in milliseconds since the epoch. */
  readonly provenAt?: number;
  readonly suspended?: { readonly reason: string; readonly since: number; readonly until: number };
  /** How often the list has been suspended since it last recovered. */
  readonly times: number;
}

/** Stores health records by {@link ListZone.id}. Must not throw. */
export interface ListHealth {
  /** Returns the record of a list, or undefined if it has none. */
  read(list: string): ListRecord | undefined;
  /** Replaces the record of a list. */
  write(list: string, record: ListRecord): void;
}

/** Stores health records in the memory of this process. */
export function memoryListHealth(): ListHealth {
  const records = new Map<string, ListRecord>();
  return {
    read: (list) => records.get(list),
    write: (list, record) => void records.set(list, record),
  };
}

/** A change in the health of a list, for the postmaster. */
export interface ListEvent {
  /** The label of the list, never its zone. */
  readonly list: string;
  readonly state: 'suspended' | 'recovered' | 'warning';
  readonly reason: string;
  /** When the suspension ends, in milliseconds since the epoch. */
  readonly until?: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Options of {@link listWatch}. */
export interface ListWatchOptions {
  /** Store of the health records. Default: the memory of this watch. */
  readonly health?: ListHealth;
  /** Called if a list is suspended, recovers or needs attention. Exceptions are ignored. Default: none. */
  readonly onEvent?: (event: ListEvent) => void;
  /** How often `start()` queries the test entries, in milliseconds. Default: 1,800,000. */
  readonly checkEveryMs?: number;
  /**
   * How long correct test entries confirm listings, in milliseconds. Afterwards the next listing waits until they have been
   * queried again, so that a list which starts to list every address is not believed for longer. Default: 60,000.
   */
  readonly provenForMs?: number;
  /** How many consecutive queries may fail before the test entries are queried. Default: 5. */
  readonly failuresAllowed?: number;
  /** Duration of the first suspension in milliseconds. It doubles each time. Default: 60,000. */
  readonly backOffMs?: number;
  /** Longest suspension in milliseconds. Default: 3,600,000. */
  readonly longestBackOffMs?: number;
}

/** Options of {@link ListWatch.start}. */
export interface StartOptions {
  /** Addresses of the resolvers in use. `onEvent` gets a warning for each known public resolver. Default: none. */
  readonly resolvers?: readonly string[];
}

type Suspended = Extract<ListAnswer, { status: 'suspended' }>;

/** Watches over the health of the lists that are queried with it. */
export interface ListWatch {
  /** Returns the suspension of the list, or a promise of its trial if a suspension has just ended. */
  admit(list: ListZone, env: ListEnv): { readonly suspended?: Suspended; readonly trial?: Promise<void> };
  /** Records an answer to a query sent at `since`. Resolves to a suspension if the answer cannot be trusted. */
  note(list: ListZone, env: ListEnv, answer: ListAnswer, since: number): Promise<Suspended | undefined>;
  /** Queries the test entries now and updates the health record. Never rejects. */
  check(list: ListZone, env: ListEnv): Promise<ListRecord>;
  /** Checks the lists now and at intervals. Returns a function that stops this. */
  start(lists: readonly ListZone[], env: ListEnv, options?: StartOptions): () => void;
  /** Returns the health record of the list. */
  state(list: ListZone): ListRecord;
}

const fresh: ListRecord = { failures: 0, times: 0 };

const DEFAULTS = {
  checkEveryMs: 1_800_000,
  provenForMs: 60_000,
  failuresAllowed: 5,
  backOffMs: 60_000,
  longestBackOffMs: 3_600_000,
};

/**
 * Creates a watch over the health of DNS lists.
 *
 * @throws {TypeError} if an option is wrong
 */
export function listWatch(options: ListWatchOptions = {}): ListWatch {
  assertKnownOptions('listWatch', options, ['health', 'onEvent', ...Object.keys(DEFAULTS)]);
  const { health = memoryListHealth(), onEvent } = options;
  if (onEvent !== undefined) assertFunction('listWatch', 'onEvent', onEvent);
  const number = (name: keyof typeof DEFAULTS): number =>
    positiveNumber('listWatch', name, options[name] ?? DEFAULTS[name]);
  const checkEveryMs = number('checkEveryMs');
  const provenForMs = number('provenForMs');
  const failuresAllowed = number('failuresAllowed');
  const backOffMs = number('backOffMs');
  const longestBackOffMs = number('longestBackOffMs');
  const checks = new Map<string, Promise<void>>();
  const warned = new Set<string>();

  const state = (list: ListZone): ListRecord => health.read(list.id) ?? fresh;
  const report = (list: ListZone, env: ListEnv, event: Omit<ListEvent, 'list' | 'at'>): void => {
    try {
      onEvent?.({ list: list.label ?? 'a DNS list', ...event, at: env.clock.now() });
    } catch {
      // An error in the listener says nothing about the list.
    }
  };
  const suspend = (list: ListZone, env: ListEnv, reason: string): void => {
    const { times, suspended } = state(list);
    const now = env.clock.now();
    const until = now + Math.min(longestBackOffMs, backOffMs * 2 ** Math.min(times, 30));
    health.write(list.id, {
      failures: 0,
      times: times + 1,
      suspended: { reason, since: suspended?.since ?? now, until },
    });
    if (suspended === undefined) report(list, env, { state: 'suspended', reason, until });
  };
  const prove = (list: ListZone, env: ListEnv): void => {
    const { suspended } = state(list);
    health.write(list.id, { failures: 0, times: 0, provenAt: env.clock.now() });
    if (suspended !== undefined)
      report(list, env, { state: 'recovered', reason: 'its test entries are correct again' });
  };
  const suspensionOf = (list: ListZone, env: ListEnv): Suspended | undefined => {
    const { suspended } = state(list);
    if (suspended === undefined || suspended.until <= env.clock.now()) return undefined;
    return { status: 'suspended', reason: suspended.reason, until: suspended.until };
  };

  /** Queries the test entries. `inTrouble`: missing answers count against the list. */
  const examine = async (list: ListZone, env: ListEnv, inTrouble: boolean): Promise<void> => {
    const lateCounts = inTrouble || state(list).suspended !== undefined;
    const [probe, reachable] = await Promise.all([
      probeList(list, env),
      !lateCounts || resolverAnswers(env, list.timeoutMs),
    ]);
    if (probe.result === 'stalled') return;
    if (probe.result === 'unanswered' && !(lateCounts && reachable)) return;
    if (probe.result !== 'good') return suspend(list, env, probe.reason);
    prove(list, env);
    if (probe.missing !== undefined && !warned.has(list.id)) {
      warned.add(list.id);
      report(list, env, { state: 'warning', reason: probe.missing });
    }
  };
  const check = (list: ListZone, env: ListEnv, inTrouble: boolean): Promise<void> => {
    const running = checks.get(list.id);
    if (running !== undefined) return running;
    const begun = examine(list, env, inTrouble).finally(() => checks.delete(list.id));
    checks.set(list.id, begun);
    return begun;
  };

  return {
    state,
    async check(list, env) {
      await check(list, env, false);
      return state(list);
    },
    admit(list, env) {
      const suspended = suspensionOf(list, env);
      if (suspended !== undefined) return { suspended };
      return state(list).suspended === undefined ? {} : { trial: check(list, env, true) };
    },
    async note(list, env, answer, since) {
      const already = suspensionOf(list, env);
      // Another query has suspended the list while this one was outstanding.
      if (already !== undefined) return answer.status === 'listed' ? already : undefined;
      switch (answer.status) {
        case 'suspended':
          return undefined;
        case 'notListed':
        case 'listed': {
          const record = state(list);
          if (record.failures > 0) health.write(list.id, { ...record, failures: 0 });
          if (answer.status === 'notListed') break;
          const proven = record.provenAt !== undefined && env.clock.now() - record.provenAt < provenForMs;
          // A list that lists every address lists 127.0.0.1 too. Find out before a client is refused.
          if (!proven) await check(list, env, false);
          break;
        }
        case 'blocked':
        case 'invalid':
          await check(list, env, true);
          break;
        case 'timeout':
        case 'error': {
          // Not evidence about the list: the query was aborted, or this process stalled and could not read the answer.
          if (answer.aborted || answer.stalled || stallWatch(env.clock).stalledSince(since)) return undefined;
          const record = state(list);
          health.write(list.id, { ...record, failures: record.failures + 1 });
          // This caller does not wait for the check.
          if (record.failures + 1 >= failuresAllowed) void check(list, env, true);
          return undefined;
        }
      }
      return answer.status === 'notListed' ? undefined : suspensionOf(list, env);
    },
    start(lists, env, { resolvers = [] } = {}) {
      for (const address of resolvers) {
        const operator = knownPublicResolver(address);
        if (operator === undefined) continue;
        for (const list of lists) {
          report(list, env, {
            state: 'warning',
            reason: `${address} is a public resolver (${operator}); many lists do not answer it, so run your own resolver`,
          });
        }
      }
      const every = Math.min(checkEveryMs, backOffMs);
      let cancel = (): void => {};
      const checkedAt = new Map<string, number>();
      const tick = (): void => {
        const now = env.clock.now();
        for (const list of lists) {
          const { suspended } = state(list);
          const due = suspended?.until ?? (checkedAt.get(list.id) ?? Number.NEGATIVE_INFINITY) + checkEveryMs;
          if (due > now) continue;
          checkedAt.set(list.id, now);
          void check(list, env, false);
        }
        cancel = env.clock.after(every, tick);
      };
      tick();
      return () => cancel();
    },
  };
}

interface TestEntry {
  readonly labels: string;
  readonly listed: boolean;
  readonly called: string;
}

const nibbles = (last: string): string => `${last}.0.0.0.0.0.f.7.f.f.f.f${'.0'.repeat(20)}`;

/** Returns the test entries of RFC 5782 §5 that this list should have. @internal */
export function testEntriesOf(list: ListZone): readonly TestEntry[] {
  const entries: TestEntry[] = [];
  const both = (called: string, listed: string, notListed: string, names: readonly [string, string]): void => {
    entries.push({ labels: listed, listed: true, called: `${called} ${names[0]}` });
    entries.push({ labels: notListed, listed: false, called: `${called} ${names[1]}` });
  };
  if (list.holds !== 'name') {
    if (list.ipv4) both('address', '2.0.0.127', '1.0.0.127', ['127.0.0.2', '127.0.0.1']);
    // A list that did not declare IPv6 may lack these entries.
    if (list.ipv6 && (list.ipv6Declared || !list.ipv4))
      both('address', nibbles('2'), nibbles('1'), ['::FFFF:7F00:2', '::FFFF:7F00:1']);
  }
  if (list.holds !== 'address') both('name', 'test', 'invalid', ['TEST', 'INVALID']);
  return entries;
}

type Probe =
  | { readonly result: 'good'; readonly missing?: string }
  | { readonly result: 'bad' | 'unanswered'; readonly reason: string }
  | { readonly result: 'stalled' };

/** Queries all test entries in parallel. */
async function probeList(list: ListZone, env: ListEnv): Promise<Probe> {
  const entries = testEntriesOf(list);
  const answers = await Promise.all(entries.map(({ labels }) => askList(list, labels, env)));
  let missing: string | undefined;
  let unanswered: string | undefined;
  let stalled = false;
  for (const [i, { listed, called }] of entries.entries()) {
    const answer = answers[i] as ListAnswer;
    switch (answer.status) {
      case 'blocked':
      case 'invalid':
        return { result: 'bad', reason: answer.reason };
      case 'timeout':
      case 'error':
        unanswered ??= `no answer for its test entry (${answer.reason})`;
        stalled ||= answer.stalled === true || answer.aborted === true;
        break;
      case 'listed':
        if (!listed) return { result: 'bad', reason: `it lists the ${called}, and so probably every entry` };
        break;
      case 'notListed':
        if (!listed && answer.unknown.length > 0)
          return { result: 'bad', reason: `it answers for the ${called}, and so probably for every entry` };
        if (listed && answer.unknown.length === 0) missing ??= `it does not list its test entry, the ${called}`;
    }
  }
  if (stalled) return { result: 'stalled' };
  if (unanswered !== undefined) return { result: 'unanswered', reason: unanswered };
  if (missing !== undefined && list.testEntries === 'required') return { result: 'bad', reason: missing };
  return { result: 'good', missing: list.testEntries === 'none' ? undefined : missing };
}
