import { setTimeout as sleep } from 'node:timers/promises';
import { rateLimiterFlexible } from 'postern/adapters/rate-limiter-flexible';
import { systemClock } from 'postern/adapters/system';
import type { Counters } from 'postern/env';
import { countersContract } from 'postern/testing';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { describe, expect, test } from 'vitest';

const clock = systemClock();
const hourly = (rate: number) => ({ rate, periodMs: 3_600_000 });

/** Two processes that share one store. */
function fleet(): readonly [Counters, Counters] {
  const shared = new Map<string, RateLimiterMemory>();
  const make = (): Counters =>
    rateLimiterFlexible({
      clock,
      deadlineMs: 2_000,
      limiter: (options) => {
        const limiter = shared.get(options.keyPrefix) ?? new RateLimiterMemory(options);
        shared.set(options.keyPrefix, limiter);
        return limiter;
      },
    });
  return [make(), make()];
}

describe('rateLimiterFlexible', () => {
  // What the store cannot do (it gives back all at a window's end) is told in the module's limits.
  test.each(
    countersContract(async () => ({ counters: fleet()[0], pass: (ms) => sleep(ms) })).filter(
      ({ name }) => !/one comes back|refused charge costs nothing/.test(name),
    ),
  )('$name', ({ run }) => run());

  test('what one process was charged counts for the other', async () => {
    const [one, two] = fleet();
    for (let i = 0; i < 3; i++) expect(await one.charge('k', hourly(4))).toMatchObject({ allowed: true });
    expect(await two.peek('k', hourly(4))).toMatchObject({ allowed: true, used: 4 });
    expect(await two.charge('k', hourly(4))).toMatchObject({ allowed: true, used: 4 });
    const refused = await two.charge('k', hourly(4));
    expect(refused).toMatchObject({ allowed: false, limit: 4, used: 4 });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    expect(await two.peek('k', hourly(4))).toMatchObject({ allowed: false });
  });

  test('a refused charge costs nothing, in the store and at home', async () => {
    const [one, two] = fleet();
    await one.charge('k', hourly(4), 2);
    for (let i = 0; i < 5; i++) expect(await two.charge('k', hourly(4), 3)).toMatchObject({ allowed: false });
    expect(await two.charge('k', hourly(4), 2)).toMatchObject({ allowed: true });
  });

  test('several at once, and the store refuses one → the others are given back', async () => {
    const [one, two] = fleet();
    await one.charge('full', hourly(1));
    const both = [
      { key: 'free', rate: hourly(1) },
      { key: 'full', rate: hourly(1) },
    ];
    expect((await two.chargeAll(both)).map(({ allowed }) => allowed)).toEqual([true, false]);
    expect(await two.charge('free', hourly(1))).toMatchObject({ allowed: true });
  });

  test.each<[string, () => Promise<never>]>([
    ['never answers', () => new Promise(() => {})],
    ['throws', () => Promise.reject(new Error('connection refused'))],
    [
      'throws at once',
      () => {
        throw new Error('no such table');
      },
    ],
  ])('the store %s → the own count decides, and says that it is alone', async (_, trouble) => {
    const broken = {
      consume: trouble,
      get: trouble,
      delete: trouble,
      reward: trouble,
    } as unknown as RateLimiterAbstract;
    const counters = rateLimiterFlexible({ clock, deadlineMs: 20, limiter: () => broken });
    expect(await counters.charge('k', hourly(1))).toMatchObject({ allowed: true, degraded: true });
    expect(await counters.charge('k', hourly(1))).toMatchObject({ allowed: false });
    expect(await counters.peek('other', hourly(1))).toMatchObject({ allowed: true, degraded: true });
    await counters.clear('k');
    expect(await counters.charge('k', hourly(1))).toMatchObject({ allowed: true });
  });

  test('a wrong option → TypeError', () => {
    expect(() => rateLimiterFlexible({ clock } as never)).toThrow(/limiter must be a function/);
    expect(() => rateLimiterFlexible({ clock, limiter: () => ({}) as never, deadlineMs: 0 })).toThrow(
      /deadlineMs must be a positive number, got 0/,
    );
  });
});
