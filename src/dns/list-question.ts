/**
 * One question to one DNS list, whatever is known of the list's health.
 *
 * **Answers**: what does this list say about these labels?
 * **Knows**: the list and the labels. **Asks**: `dns`, `clock`.
 * **Standards**: RFC 5782 §2.
 * **Limits**: the time in which this process itself stood still does not count against the list.
 *
 * @module
 */
import type { Env } from '../env/index.ts';
import { onAbort } from '../env/index.ts';
import type { ListedCode, ListZone } from './list-zone.ts';
import { readAnswers, withoutZone } from './list-zone.ts';
import { questionName } from './question-name.ts';
import { stallWatch } from './stall.ts';

/** What a list says. Only `listed` is a listing. */
export type ListAnswer =
  | {
      readonly status: 'listed';
      readonly codes: readonly ListedCode[];
      /** The sum of the weights of the codes found; undefined where none of them has a weight of its own. */
      readonly weight: number | undefined;
      /** A code was found that has no weight of its own. */
      readonly plain: boolean;
      /** The list's own words (its TXT record), without its zone and key; where the list is asked for them. */
      readonly text?: string;
      /** Seconds. */
      readonly ttl: number;
    }
  | {
      readonly status: 'notListed';
      /** Answers that none of the list's codes names. */
      readonly unknown: readonly string[];
      readonly ttl: number;
    }
  /** `blocked`: an error code; `invalid`: no answer of a list. Neither is ever a listing. */
  | { readonly status: 'blocked' | 'invalid'; readonly reason: string; readonly answers: readonly string[] }
  | { readonly status: 'timeout' | 'error'; readonly reason: string; readonly aborted?: true; readonly stalled?: true }
  /** The list is not asked until then (milliseconds since the epoch). */
  | { readonly status: 'suspended'; readonly reason: string; readonly until: number };

/** What a question to a list may touch. */
export type ListEnv = Pick<Env, 'dns' | 'clock'>;

/** Asks, whatever is known of the list's health. */
export async function askList(list: ListZone, labels: string, env: ListEnv, signal?: AbortSignal): Promise<ListAnswer> {
  const name = questionName(`${labels}.${list.key === undefined ? '' : `${list.key.reveal()}.`}${list.zone}`);
  // What the wire cannot carry is on no list.
  if (name === undefined || labels === '') return { status: 'notListed', unknown: [], ttl: 0 };
  if (signal?.aborted) return { status: 'error', reason: 'aborted', aborted: true };
  const deadline = startDeadline(list.timeoutMs, env.clock, signal);
  try {
    const found = await Promise.race([env.dns.resolve(name, 'A', { signal: deadline.signal }), deadline.passed]);
    if (found === 'timeout')
      return { status: 'timeout', reason: `no answer within ${list.timeoutMs} ms`, ...stalledIn(deadline) };
    if (found === 'aborted') return { status: 'error', reason: 'aborted', aborted: true };
    if (found.status === 'temperror') {
      // What ends in this process, or on the way to the resolver, says nothing about the list.
      if (signal?.aborted || ownTrouble.has(found.reason))
        return { status: 'error', reason: found.reason, aborted: true };
      return {
        status: late.test(found.reason) ? 'timeout' : 'error',
        reason: withoutZone(list, found.reason),
        ...stalledIn(deadline),
      };
    }
    if (found.status !== 'found') return { status: 'notListed', unknown: [], ttl: found.ttl };
    const reading = readAnswers(
      list,
      found.records.flatMap((record) => (record.type === 'A' ? [record.address] : [])),
    );
    if (reading.status === 'notListed') return { ...reading, ttl: found.ttl };
    if (reading.status !== 'listed') return reading;
    const text = list.text ? await reasonOf(list, name, env, deadline) : undefined;
    return { ...reading, text, ttl: found.ttl };
  } catch (error) {
    // A resolver that throws breaks its contract; what is known of the list stays "nothing".
    const reason = error instanceof Error ? error.message : 'the resolver failed';
    return { status: 'error', reason: withoutZone(list, reason), ...stalledIn(deadline) };
  } finally {
    deadline.end();
  }
}

/** Reasons of a `temperror` that the question did not reach the list: it was given up, or the resolver was not reached. */
const ownTrouble: ReadonlySet<string> = new Set([
  'aborted',
  'closed',
  'overloaded',
  'connection refused',
  'connection closed',
  'unreachable',
  'network error',
  'certificate or TLS error',
]);
const late = /time.?out|timed out|deadline/i;

/**
 * Whether the resolver answers at all, for a name that no list has anything to do with. A new name each time: a cache would
 * answer for a resolver that is dead. Resolvers answer for `invalid` themselves (RFC 6761 §6.4).
 */
export async function resolverAnswers(env: ListEnv, timeoutMs: number): Promise<boolean> {
  const deadline = startDeadline(timeoutMs, env.clock, undefined);
  try {
    const name = `t${Math.round(env.clock.now())}.invalid`;
    const found = await Promise.race([env.dns.resolve(name, 'A', { signal: deadline.signal }), deadline.passed]);
    if (typeof found === 'string') return false;
    return found.status !== 'temperror' || !(ownTrouble.has(found.reason) || late.test(found.reason));
  } catch {
    return false;
  } finally {
    deadline.end();
  }
}

/** How much of a list's own words is kept. */
const MAX_TEXT = 200;

/** The list's own words: one line of printable ASCII. A listing stands without them. */
async function reasonOf(list: ListZone, name: string, env: ListEnv, deadline: Deadline): Promise<string | undefined> {
  const found = await Promise.race([env.dns.resolve(name, 'TXT', { signal: deadline.signal }), deadline.passed]);
  if (typeof found === 'string' || found.status !== 'found') return undefined;
  const first = found.records.find((record) => record.type === 'TXT');
  if (first === undefined) return undefined;
  const text = withoutZone(list, first.text.slice(0, 4 * MAX_TEXT))
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim();
  return text === '' ? undefined : text.slice(0, MAX_TEXT);
}

interface Deadline {
  readonly signal: AbortSignal;
  readonly passed: Promise<'timeout' | 'aborted'>;
  readonly stalled: () => boolean;
  readonly end: () => void;
}

const stalledIn = (deadline: Deadline): { readonly stalled?: true } => (deadline.stalled() ? { stalled: true } : {});

/** What is granted once more where the time was up only because this process stood still: the answer may lie waiting. */
const SECOND_CHANCE_MS = 100;

/** A deadline that does not count the time in which this process itself stood still. */
function startDeadline(ms: number, clock: ListEnv['clock'], parent: AbortSignal | undefined): Deadline {
  const watch = stallWatch(clock);
  const stalledBefore = watch.stalledMs();
  let allowedFor = 0;
  const since = watch.enter();
  const controller = new AbortController();
  let cancel = (): void => {};
  let ended = false;
  let finish: (how: 'timeout' | 'aborted') => void = () => {};
  const passed = new Promise<'timeout' | 'aborted'>((resolve) => {
    finish = (how) => {
      if (ended) return;
      resolve(how);
      controller.abort();
    };
  });
  const due = (): void => {
    const stalled = watch.stalledMs() - stalledBefore;
    const left = ms - (clock.now() - since - stalled);
    if (stalled <= allowedFor) {
      finish('timeout');
      return;
    }
    allowedFor = stalled;
    cancel = clock.after(Math.max(left, SECOND_CHANCE_MS), due);
  };
  cancel = clock.after(ms, due);
  const withdraw = onAbort(parent, () => finish('aborted'));
  return {
    signal: controller.signal,
    passed,
    stalled: () => watch.stalledSince(since),
    end: () => {
      if (ended) return;
      ended = true;
      cancel();
      withdraw();
      watch.leave();
    },
  };
}
