/**
 * Rates in any store that `rate-limiter-flexible` knows: Postgres, MySQL, DynamoDB, Memcached, Mongo, Prisma …
 *
 * **Answers**: how much has this client used, over all processes that share the store?
 * **Knows**: this process's own counters, which decide first, and alone where the store is away.
 * **Asks**: the limiters that you make; a clock, for the deadline.
 * **Limits**: the store counts in fixed windows: `rate` per `periodMs`, all given back at once at the window's end; `burst`
 * is kept by the own counters only. What is charged together is charged one by one and given back where one is refused.
 * Places and distinct values are this process's own: the library has neither. For those, and for one round trip, there is
 * `postern/adapters/redis`.
 *
 * @example
 * ```ts
 * import { RateLimiterMemory } from 'rate-limiter-flexible';
 * import { rateLimiterFlexible } from 'postern/adapters/rate-limiter-flexible';
 * import { systemClock } from 'postern/adapters/system';
 *
 * export const counters = rateLimiterFlexible({
 *   clock: systemClock(),
 *   limiter: (options) => new RateLimiterMemory(options), // or RateLimiterPostgres({ ...options, storeClient })
 * });
 * ```
 *
 * @module
 */

import type { RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { positiveNumber } from '../../core/index.ts';
import type { Charge, Clock, Counters, Rate, Usage } from '../../env/index.ts';
import type { MemoryCounters } from '../memory/index.ts';
import { memoryCounters } from '../memory/index.ts';

/** What a limiter is made with. */
export interface LimiterOptions {
  readonly keyPrefix: string;
  readonly points: number;
  /** In seconds. */
  readonly duration: number;
}

export interface RateLimiterFlexibleOptions {
  readonly clock: Clock;
  /** Makes the limiter of one rate; called once for each rate that the policy has. */
  readonly limiter: (options: LimiterOptions) => RateLimiterAbstract;
  /** How long a call may take, in milliseconds; 50 where not given. */
  readonly deadlineMs?: number;
  readonly local?: MemoryCounters;
}

/** A policy has a handful of rates; one that makes them up as it goes would fill the memory with limiters. */
const MAX_LIMITERS = 1_000;

/** What the store said: the state of the key, or that it refuses; `undefined`: nothing in time. */
interface Answer {
  readonly refused: boolean;
  readonly state: RateLimiterRes;
}

/**
 * Counters whose rates lie in a store of `rate-limiter-flexible`.
 *
 * @throws TypeError for a wrong option
 */
export function rateLimiterFlexible(options: RateLimiterFlexibleOptions): Counters {
  const { clock, limiter: make, deadlineMs = 50 } = options;
  if (typeof clock?.after !== 'function')
    throw new TypeError('rateLimiterFlexible: clock is missing; give systemClock()');
  if (typeof make !== 'function')
    throw new TypeError('rateLimiterFlexible: limiter must be a function that makes a limiter of { points, duration }');
  positiveNumber('rateLimiterFlexible', 'deadlineMs', deadlineMs);
  const local = options.local ?? memoryCounters({ clock });
  const limiters = new Map<string, RateLimiterAbstract>();

  const limiterOf = (rate: Rate): RateLimiterAbstract | undefined => {
    const name = `${rate.rate}/${rate.periodMs}`;
    let limiter = limiters.get(name);
    if (limiter === undefined && limiters.size < MAX_LIMITERS) {
      const points = Math.max(1, Math.floor(rate.rate));
      limiter = make({ keyPrefix: `postern-${name}`, points, duration: rate.periodMs / 1000 });
      limiters.set(name, limiter);
    }
    return limiter;
  };

  /** The answer of the store, whether it resolves or rejects with it, within the deadline. */
  const inTime = (ask: () => Promise<RateLimiterRes | null>): Promise<Answer | null | undefined> =>
    new Promise((resolve) => {
      const cancel = clock.after(deadlineMs, () => resolve(undefined));
      const end = (answer: Answer | null | undefined): void => {
        cancel();
        resolve(answer);
      };
      const asked = async (): Promise<RateLimiterRes | null> => ask();
      asked().then(
        (state) => end(state === null ? null : { refused: false, state }),
        // A refusal is a rejection with the state; anything else that is thrown is trouble.
        (reason) => end(isState(reason) ? { refused: true, state: reason } : undefined),
      );
    });

  const consume = async ({ key, rate, cost = 1 }: Charge): Promise<Answer | undefined> => {
    const limiter = limiterOf(rate);
    if (limiter === undefined || cost === 0) return undefined;
    const answer = await inTime(() => limiter.consume(key, Math.ceil(cost)));
    // It counts what it refuses; here a refused charge costs nothing.
    if (answer?.refused === true) giveBack({ key, rate, cost });
    return answer ?? undefined;
  };
  const giveBack = ({ key, rate, cost = 1 }: Charge): void => {
    const limiter = limiterOf(rate);
    if (limiter !== undefined) void inTime(() => limiter.reward(key, Math.ceil(cost)));
  };

  /** The stricter of the two: the own count knows of the burst, the store of the fleet. */
  const both = (own: Usage, { refused, state }: Answer, { rate, cost = 1 }: Charge): Usage => {
    const limit = Math.max(1, Math.floor(rate.rate));
    if (!refused) return { ...own, used: Math.max(own.used, Math.min(own.limit, state.consumedPoints)) };
    const used = Math.max(0, Math.min(limit, state.consumedPoints - Math.ceil(cost)));
    return { allowed: false, limit, used, retryAfterMs: Math.max(1, Math.ceil(state.msBeforeNext)) };
  };

  const chargeAll = async (charges: readonly Charge[]): Promise<readonly Usage[]> => {
    const own = local.chargeAll(charges);
    if (own.some(({ allowed }) => !allowed)) return own;
    const answers = await Promise.all(charges.map(consume));
    const usages = own.map((usage, i) => {
      const [answer, charge] = [answers[i], charges[i] as Charge];
      if (answer !== undefined) return both(usage, answer, charge);
      return charge.cost === 0 ? usage : { ...usage, degraded: true };
    });
    if (usages.every(({ allowed }) => allowed)) return usages;
    for (const [i, charge] of charges.entries()) {
      local.refund(charge.key, charge.rate, charge.cost);
      if (answers[i]?.refused === false) giveBack(charge);
    }
    return usages;
  };

  return {
    async peek(key, rate, cost = 1) {
      const own = local.peek(key, rate, cost);
      const limiter = limiterOf(rate);
      if (!own.allowed || limiter === undefined) return own;
      const answer = await inTime(() => limiter.get(key));
      if (answer === undefined) return { ...own, degraded: true };
      if (answer === null) return own;
      const after = answer.state.consumedPoints + Math.ceil(cost);
      const limit = Math.max(1, Math.floor(rate.rate));
      if (after <= limit) return { ...own, used: Math.max(own.used, Math.min(own.limit, after)) };
      const retryAfterMs = Math.max(1, Math.ceil(answer.state.msBeforeNext));
      return { allowed: false, limit, used: Math.min(limit, answer.state.consumedPoints), retryAfterMs };
    },
    async charge(key, rate, cost = 1) {
      return (await chargeAll([{ key, rate, cost }]))[0] as Usage;
    },
    chargeAll,
    async clear(key) {
      local.clear(key);
      await Promise.all(
        [...limiters.values()].map((limiter) =>
          inTime(async () => {
            await limiter.delete(key);
            return null;
          }),
        ),
      );
    },
    acquire: (key, limit, holder) => local.acquire(key, limit, holder),
    acquireAll: (places, holder) => local.acquireAll(places, holder),
    release: (holder, key) => local.release(holder, key),
    distinct: (key, value, limit, periodMs) => local.distinct(key, value, limit, periodMs),
  };
}

const isState = (reason: unknown): reason is RateLimiterRes =>
  typeof reason === 'object' && reason !== null && 'msBeforeNext' in reason && 'consumedPoints' in reason;
