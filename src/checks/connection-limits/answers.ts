/**
 * What every limit has in common: its answer, its evidence, and what follows if the store is down.
 *
 * @module
 */
import type { Answer, Awaitable } from '../../core/index.ts';
import { fail, isPromise, oneOf, pass, temperror, wrongOption } from '../../core/index.ts';
import type { Usage } from '../../env/index.ts';

/** What was counted, and how close it is to the limit. Plain data. */
export interface LimitEvidence {
  /** What is limited: `connections`, `connections at once`, `recipients`, … */
  readonly limited: string;
  /** What is counted by: a prefix, a login, an address; `all` for a global count. */
  readonly key: string;
  readonly limit: number;
  readonly used: number;
  /** Milliseconds until it would be allowed; 0 if it is allowed, and if the time is unknown. */
  readonly retryAfterMs: number;
  /** The period of a rate, in milliseconds. */
  readonly periodMs?: number;
  /** The shared store did not answer. */
  readonly degraded?: true;
}

/**
 * The result of a limit while the shared store is down and the process's own count allows the action:
 *
 * - `open`: `pass`
 * - `defer`: `temperror`, so that the rule decides
 * - `closed`: `fail`, as if the limit were reached
 */
export type OnStoreDown = 'open' | 'defer' | 'closed';

/** Returns the option `onStoreDown`. */
export const checkedOnStoreDown = (owner: string, value: OnStoreDown = 'open'): OnStoreDown =>
  oneOf(owner, 'onStoreDown', value, ['open', 'defer', 'closed']);

/** The answer of a limit, with its evidence. */
export type LimitAnswer = Answer<'pass' | 'none' | 'fail' | 'temperror', LimitEvidence>;

/** The refusal when a limit is reached. */
export interface Refusal {
  /** The row of the reply table. Default: the command's usual code. */
  readonly cause?: string;
  readonly status: `${number}.${number}`;
  readonly explanation: string;
}

/** Returns the evidence for one count. */
export function evidence(limited: string, key: string, usage: Usage, periodMs?: number): LimitEvidence {
  return {
    limited,
    key,
    limit: usage.limit,
    used: usage.used,
    retryAfterMs: usage.retryAfterMs,
    periodMs,
    degraded: usage.degraded === true ? true : undefined,
  };
}

/** Returns the answer of a limit for one count. */
export function answerOf(
  allowed: boolean,
  detail: LimitEvidence,
  refusal: Refusal,
  onStoreDown: OnStoreDown,
): LimitAnswer {
  if (!allowed || (detail.degraded === true && onStoreDown === 'closed')) return fail({ ...refusal, detail });
  if (detail.degraded === true && onStoreDown === 'defer')
    return temperror({
      status: '3.0',
      cause: 'policy-engine',
      explanation: 'A policy check could not be completed',
      detail,
    });
  return pass({ detail });
}

/** Returns the index of the first count that is refused, or else of the one closest to its limit. */
export function tightest(usages: readonly Usage[]): number {
  let nearest = 0;
  let part = -1;
  for (let i = 0; i < usages.length; i++) {
    const usage = usages[i] as Usage;
    if (!usage.allowed) return i;
    const now = usage.used / usage.limit;
    if (now > part) {
      part = now;
      nearest = i;
    }
  }
  return nearest;
}

/** Continues at once with a value, and later with a promise, so that counters in memory cost no wait. */
export const after = <T, U>(value: Awaitable<T>, next: (value: T) => Awaitable<U>): Awaitable<U> =>
  isPromise(value) ? value.then(next) : next(value);

/**
 * Returns what the counters report. Counters that throw are treated like a store that is down, so that `onStoreDown` decides
 * what follows.
 */
export function usagesOf(
  query: () => Awaitable<readonly Usage[]>,
  limits: readonly number[],
): Awaitable<readonly Usage[]> {
  const down = (): Usage[] =>
    limits.map((limit) => ({ allowed: true, used: 0, limit, retryAfterMs: 0, degraded: true }));
  try {
    const usages = query();
    return isPromise(usages) ? usages.then(undefined, down) : usages;
  } catch {
    return down();
  }
}

/** Returns a number that is 1 or more. */
export function numberFromOne(owner: string, option: string, value: unknown): number {
  if (typeof value === 'number' && value >= 1 && value < Number.POSITIVE_INFINITY) return value;
  throw wrongOption(owner, option, 'a number, 1 or more', value);
}
