/**
 * Whether a DNS list can be believed, and what becomes of one that cannot.
 *
 * **Answers**: may this list be asked now; and, after an answer: is it still to be believed?
 * **Knows**: the list's record ({@link ListHealth}). **Asks**: `dns` for the test entries, `clock`.
 * **Standards**: RFC 5782 §5: 127.0.0.2 is listed and 127.0.0.1 is not; `::FFFF:7F00:2` and `::FFFF:7F00:1`; `TEST` and
 * `INVALID`.
 *
 * A list is suspended only by its own test entries: trouble (error codes, silence) makes the watch ask for them, and only
 * if they fail too the list is left alone, for a time that doubles. Silence counts only if the resolver answers for another
 * name at the same time. So neither a lost datagram, nor a process that was stopped, nor a resolver that is dead or has too
 * much to do suspends a list. When the time is up the next question, or the timer of `start()`, tries it again.
 *
 * **Limits**: a list without test entries is tried with the same questions, and may leave them unanswered with "not
 * listed"; only errors and silence suspend it then. Records are read synchronously: a store shared by processes keeps a
 * copy at hand.
 *
 * @example
 * ```ts
 * import { listWatch, listZone } from 'postern/dns';
 * import { fixedClock, zone } from 'postern/testing';
 *
 * const env = { dns: zone({}), clock: fixedClock() };
 * const watch = listWatch({ onEvent: (event) => console.log(event.list, event.state, event.reason) });
 * const stop = watch.start([listZone({ zone: 'zen.dnsbl.example', label: 'ZEN', testEntries: 'required' })], env);
 * stop();
 * ```
 *
 * @module
 */
import type { ListAnswer, ListEnv } from './list-question.ts';
import { askList, resolverAnswers } from './list-question.ts';
import type { ListZone } from './list-zone.ts';
import { knownPublicResolver } from './public-resolvers.ts';
import { stallWatch } from './stall.ts';

/** What is known of a list. Plain JSON. */
export interface ListRecord {
  /** Questions without a usable answer since the last one that had one. */
  readonly failures: number;
  /** When its test entries were last seen to be right; milliseconds since the epoch. */
  readonly provenAt?: number;
  readonly suspended?: { readonly reason: string; readonly since: number; readonly until: number };
  /** How many times it has been suspended without a recovery between. */
  readonly times: number;
}

/** Where records are kept, by {@link ListZone.id}. Never throws. */
export interface ListHealth {
  /** What is known of a list; undefined where it has not been asked yet. */
  read(list: string): ListRecord | undefined;
  /** Keeps what is known of a list from now on. */
  write(list: string, record: ListRecord): void;
}

/** Keeps the records in this process. */
export function memoryListHealth(): ListHealth {
  const records = new Map<string, ListRecord>();
  return {
    read: (list) => records.get(list),
    write: (list, record) => void records.set(list, record),
  };
}

/** Something that a postmaster wants to know of a list. */
export interface ListEvent {
  /** The list's label; never its zone. */
  readonly list: string;
  readonly state: 'suspended' | 'recovered' | 'warning';
  readonly reason: string;
  /** Until when it is not asked; milliseconds since the epoch. */
  readonly until?: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Options of {@link listWatch}. */
export interface ListWatchOptions {
  /** Where records are kept; in this process, for this watch alone, where not given. */
  readonly health?: ListHealth;
  /** Called where a list is suspended, recovers, or where something should be looked at. What it throws is swallowed. */
  readonly onEvent?: (event: ListEvent) => void;
  /** How often `start()` asks for the test entries, in milliseconds; 30 minutes where not given. */
  readonly checkEveryMs?: number;
  /**
   * How long test entries that were right prove a listing, in milliseconds; 60,000 where not given. After that the next
   * listing, and only that, waits for them again: a list that has begun to list everybody refuses nobody for longer.
   */
  readonly provenForMs?: number;
  /** How many questions in a row may go without an answer before the test entries are asked for; 5 where not given. */
  readonly failuresAllowed?: number;
  /** How long a list is left alone the first time, in milliseconds; 60,000 where not given. It doubles. */
  readonly backOffMs?: number;
  /** How long at most; one hour where not given. */
  readonly longestBackOffMs?: number;
}

/** Options of {@link ListWatch.start}. */
export interface StartOptions {
  /** The addresses of the resolvers that are asked: a known public one is warned about. */
  readonly resolvers?: readonly string[];
}

type Suspended = Extract<ListAnswer, { status: 'suspended' }>;

/** Watches over the lists that are asked with it. */
export interface ListWatch {
  /** May the list be asked? Where it is being tried again, what comes of that. */
  admit(list: ListZone, env: ListEnv): { readonly suspended?: Suspended; readonly trial?: Promise<void> };
  /** Takes note of an answer to a question asked at `since`; says so where the answer is not to be believed. */
  note(list: ListZone, env: ListEnv, answer: ListAnswer, since: number): Promise<Suspended | undefined>;
  /** Asks for the test entries now, and draws the consequences. Never rejects. */
  check(list: ListZone, env: ListEnv): Promise<ListRecord>;
  /** Checks the lists now and from time to time. The function returned ends that. */
  start(lists: readonly ListZone[], env: ListEnv, options?: StartOptions): () => void;
  /** What is known of the list. */
  state(list: ListZone): ListRecord;
}

const fresh: ListRecord = { failures: 0, times: 0 };

/**
 * Makes a watch.
 *
 * @throws TypeError for an option that is no positive number
 */
export function listWatch(options: ListWatchOptions = {}): ListWatch {
  const { health = memoryListHealth(), onEvent } = options;
  const checkEveryMs = positive('checkEveryMs', options.checkEveryMs, 1_800_000);
  const provenForMs = positive('provenForMs', options.provenForMs, 60_000);
  const failuresAllowed = positive('failuresAllowed', options.failuresAllowed, 5);
  const backOffMs = positive('backOffMs', options.backOffMs, 60_000);
  const longestBackOffMs = positive('longestBackOffMs', options.longestBackOffMs, 3_600_000);
  const checks = new Map<string, Promise<void>>();
  const warned = new Set<string>();

  const state = (list: ListZone): ListRecord => health.read(list.id) ?? fresh;
  const tell = (list: ListZone, env: ListEnv, event: Omit<ListEvent, 'list' | 'at'>): void => {
    try {
      onEvent?.({ list: list.label ?? 'a DNS list', ...event, at: env.clock.now() });
    } catch {
      // The listener's trouble is not the list's.
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
    if (suspended === undefined) tell(list, env, { state: 'suspended', reason, until });
  };
  const prove = (list: ListZone, env: ListEnv): void => {
    const { suspended } = state(list);
    health.write(list.id, { failures: 0, times: 0, provenAt: env.clock.now() });
    if (suspended !== undefined)
      tell(list, env, { state: 'recovered', reason: 'its test entries are answered as they should be' });
  };
  const suspensionOf = (list: ListZone, env: ListEnv): Suspended | undefined => {
    const { suspended } = state(list);
    if (suspended === undefined || suspended.until <= env.clock.now()) return undefined;
    return { status: 'suspended', reason: suspended.reason, until: suspended.until };
  };

  /** Asks for the test entries; `inTrouble`: silence is held against the list. */
  const examine = async (list: ListZone, env: ListEnv, inTrouble: boolean): Promise<void> => {
    const silenceCounts = inTrouble || state(list).suspended !== undefined;
    const [probe, reachable] = await Promise.all([
      probeList(list, env),
      !silenceCounts || resolverAnswers(env, list.timeoutMs),
    ]);
    if (probe.result === 'stalled') return;
    if (probe.result === 'unanswered' && !(silenceCounts && reachable)) return;
    if (probe.result !== 'good') return suspend(list, env, probe.reason);
    prove(list, env);
    if (probe.missing !== undefined && !warned.has(list.id)) {
      warned.add(list.id);
      tell(list, env, { state: 'warning', reason: probe.missing });
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
      // While the question was out, another one has shown that the list is not to be believed.
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
          // A list that lists everybody lists its own counter-example too: find out before anybody is refused.
          if (!proven) await check(list, env, false);
          break;
        }
        case 'blocked':
        case 'invalid':
          await check(list, env, true);
          break;
        case 'timeout':
        case 'error': {
          // Not the list's fault: nobody waited, or this process stood still and could not have read the answer.
          if (answer.aborted || answer.stalled || stallWatch(env.clock).stalledSince(since)) return undefined;
          const record = state(list);
          health.write(list.id, { ...record, failures: record.failures + 1 });
          // Whoever met the failure need not wait for what comes of it.
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
          tell(list, env, {
            state: 'warning',
            reason: `the resolver ${address} is ${operator}'s public one, which many lists do not answer; run one of your own`,
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

function positive(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (!(value > 0) || !Number.isFinite(value))
    throw new TypeError(`listWatch: ${name} ${String(value)} must be a number more than 0`);
  return value;
}

interface TestEntry {
  readonly labels: string;
  readonly listed: boolean;
  readonly called: string;
}

const nibbles = (last: string): string => `${last}.0.0.0.0.0.f.7.f.f.f.f${'.0'.repeat(20)}`;

/** The test entries of RFC 5782 §5 that this list should have. */
export function testEntriesOf(list: ListZone): readonly TestEntry[] {
  const entries: TestEntry[] = [];
  const both = (called: string, listed: string, notListed: string, names: readonly [string, string]): void => {
    entries.push({ labels: listed, listed: true, called: `${called} ${names[0]}` });
    entries.push({ labels: notListed, listed: false, called: `${called} ${names[1]}` });
  };
  if (list.holds !== 'name') {
    if (list.ipv4) both('address', '2.0.0.127', '1.0.0.127', ['127.0.0.2', '127.0.0.1']);
    // A list that is asked for IPv6 only on suspicion need not have these entries.
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

/** Asks for the test entries, all at once. */
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
        if (!listed) return { result: 'bad', reason: `it lists the ${called}, and so perhaps everybody` };
        break;
      case 'notListed':
        if (!listed && answer.unknown.length > 0)
          return { result: 'bad', reason: `it answers for the ${called}, and so perhaps for everybody` };
        if (listed && answer.unknown.length === 0) missing ??= `it does not list its test entry, the ${called}`;
    }
  }
  if (stalled) return { result: 'stalled' };
  if (unanswered !== undefined) return { result: 'unanswered', reason: unanswered };
  if (missing !== undefined && list.testEntries === 'required') return { result: 'bad', reason: missing };
  return { result: 'good', missing: list.testEntries === 'none' ? undefined : missing };
}
