import fc from 'fast-check';
import { memoryCounters, type PoolFull } from 'postern/adapters/memory';
import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 60);
const seed = Uint32Array.of(1, 2, 3, 4);
const minutely = (rate: number) => ({ rate, periodMs: 60_000 });

/** The generic cell rate algorithm as its definition says it, in a Map that forgets nothing. */
function exactly(clock: { now(): number }) {
  const paid = new Map<string, number>();
  return (key: string, rate: number, burst: number, periodMs: number, cost: number): boolean => {
    const interval = periodMs / rate;
    const owed = Math.max(paid.get(key) ?? 0, clock.now()) + interval * cost - clock.now();
    // A charge 1/64 of an interval early is on time. No case falls on that bound: waits are whole milliseconds.
    if (owed > interval * burst + interval / 64) return false;
    paid.set(key, clock.now() + owed);
    return true;
  };
}

describe('rates', () => {
  test('whatever is charged when, it is allowed as by the definition', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      cost: fc.integer({ min: 1, max: 4 }),
      waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_000 })),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(1_000, 7_000, 60_000),
        fc.array(step, { maxLength: 60 }),
        (rate, burst, periodMs, steps) => {
          const clock = fixedClock();
          const counters = memoryCounters({ clock, seed });
          const exact = exactly(clock);
          for (const { key, cost, waitMs } of steps) {
            clock.advance(waitMs);
            const peeked = counters.peek(key, { rate, periodMs, burst }, cost);
            const usage = counters.charge(key, { rate, periodMs, burst }, cost);
            expect(usage.allowed).toBe(exact(key, rate, burst, periodMs, cost));
            expect(usage).toEqual(peeked);
            expect(usage.used).toBeLessThanOrEqual(burst);
            expect(usage.retryAfterMs > 0).toBe(!usage.allowed);
          }
        },
      ),
      { numRuns: runs },
    );
  });

  test('whoever waits as long as it was told is let in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 9 }), (rate, cost) => {
        const clock = fixedClock();
        const counters = memoryCounters({ clock, seed });
        for (let i = 0; i < rate; i++) counters.charge('k', minutely(rate));
        const { allowed, retryAfterMs } = counters.peek('k', minutely(rate), Math.min(cost, rate));
        expect(allowed).toBe(false);
        clock.advance(retryAfterMs);
        expect(counters.charge('k', minutely(rate), Math.min(cost, rate)).allowed).toBe(true);
      }),
      { numRuns: runs },
    );
  });

  test('ten thousand a second → fractions of a millisecond are not lost', () => {
    const clock = fixedClock();
    const counters = memoryCounters({ clock, seed });
    const rate = { rate: 10_000, periodMs: 1_000, burst: 1_000 };
    let allowed = 0;
    for (let ms = 0; ms < 1_000; ms++) {
      for (let i = 0; i < 20; i++) if (counters.charge('k', rate).allowed) allowed++;
      clock.advance(1);
    }
    // The burst, and ten each millisecond after the first.
    expect(allowed).toBeGreaterThanOrEqual(10_980);
    expect(allowed).toBeLessThanOrEqual(11_000);
  });

  test('the clock is set back by a day → nobody waits longer than the rate says', () => {
    let now = 2e12;
    const counters = memoryCounters({ clock: { now: () => now, after: () => () => {} }, seed });
    for (let i = 0; i < 3; i++) counters.charge('k', minutely(3));
    now -= 86_400_000;
    expect(counters.charge('k', minutely(3)).retryAfterMs).toBeLessThanOrEqual(20_000);
    now += 20_000;
    expect(counters.charge('k', minutely(3)).allowed).toBe(true);
    expect(counters.charge('never seen', minutely(3))).toMatchObject({ allowed: true, used: 1 });
  });

  test('nothing is used → that is 0, and never -0', () => {
    const clock = fixedClock();
    const counters = memoryCounters({ clock, seed });
    expect(counters.peek('new', minutely(3), 0).used).toBe(0);
    expect(counters.charge('new', minutely(3), 0).used).toBe(0);
    counters.charge('paid', minutely(3));
    clock.advance(19_999.9);
    expect(counters.peek('paid', minutely(3), 0).used).toBe(0);
    expect(counters.charge('greater than all', minutely(3), 5)).toMatchObject({ allowed: false, used: 0 });
  });

  test('a limit is lowered → the old debt counts, and no more than that', () => {
    const clock = fixedClock();
    const counters = memoryCounters({ clock, seed });
    for (let i = 0; i < 100; i++) counters.charge('k', minutely(100));
    expect(counters.charge('k', minutely(10))).toMatchObject({ allowed: false, used: 10 });
    clock.advance(6_000);
    expect(counters.charge('k', minutely(10)).allowed).toBe(true);
  });
});

describe('a table that is too small for the flood', () => {
  test('a flood of new keys → the bytes stay, the heavy abuser stays, and no innocent is refused', () => {
    const clock = fixedClock();
    const counters = memoryCounters({ clock, seed, rates: 1_024 });
    const { rateBytes } = counters.size();
    let abuse = 0;
    let innocentRefused = 0;
    for (let ms = 0; ms < 60_000; ms += 10) {
      clock.advance(10);
      for (let i = 0; i < 4; i++) counters.charge(`attacker ${ms * 4 + i}`, minutely(30));
      for (let i = 0; i < 2; i++) if (counters.charge('abuser', minutely(30)).allowed) abuse++;
      if (ms % 4_000 === 0 && !counters.charge(`innocent ${ms % 100}`, minutely(30)).allowed) innocentRefused++;
    }
    expect(counters.size().rateBytes).toBe(rateBytes);
    expect(abuse).toBeGreaterThanOrEqual(58);
    expect(abuse).toBeLessThanOrEqual(61);
    expect(innocentRefused).toBe(0);
  });

  test('a day’s small debt and a minute’s full one → the full one stays', () => {
    const clock = fixedClock();
    const counters = memoryCounters({ clock, seed, rates: 8 });
    for (let i = 0; i < 30; i++) counters.charge('abuser', minutely(30));
    for (let i = 0; i < 1_000; i++) counters.charge(`once a day ${i}`, { rate: 50, periodMs: 86_400_000 });
    expect(counters.charge('abuser', minutely(30)).allowed).toBe(false);
  });

  test('pools do not evict each other, and one that is full says so, once a minute at most', () => {
    const clock = fixedClock();
    const events: PoolFull[] = [];
    const counters = memoryCounters({
      clock,
      seed,
      rates: 64,
      onFull: (event) => {
        events.push(event);
        throw new Error('a hook that fails');
      },
    });
    const daily = { rate: 50, periodMs: 86_400_000, pool: 'day' };
    for (let i = 0; i < 20; i++) counters.charge(`day ${i}`, daily);
    for (let i = 0; i < 5_000; i++) {
      counters.charge(`flood ${i}`, { rate: 1, periodMs: 86_400_000, pool: 'once' });
      clock.advance(24);
    }
    for (let i = 0; i < 20; i++) expect(counters.peek(`day ${i}`, daily, 0).used).toBe(1);
    expect(events.map(({ pool, entries }) => [pool, entries])).toEqual([
      ['once', 64],
      ['once', 64],
    ]);
    expect(events[1]!.evicted).toBeGreaterThan(2_000);
    expect(events[1]!.largestShare).toBeGreaterThan(0.9);
    expect(counters.size().evicted).toBeGreaterThan(4_900);
    counters.clear('day 3');
    expect(counters.peek('day 3', daily, 0).used).toBe(0);
  });

  test('a policy that makes up names of pools → memory stays bounded', () => {
    const counters = memoryCounters({ clock: fixedClock(), seed, rates: 64 });
    for (let i = 0; i < 500; i++) counters.charge('k', { rate: 5, periodMs: 1_000, pool: `p${i}` });
    expect(counters.size().rateBytes).toBeLessThanOrEqual(16 * 1_024);
  });

  test('another seed puts keys in other places → nobody can aim at a set', () => {
    const collisions = (numbers: Uint32Array): string => {
      const counters = memoryCounters({ clock: fixedClock(), seed: numbers, rates: 64 });
      for (let i = 0; i < 200; i++) counters.charge(`k${i}`, minutely(10));
      return Array.from({ length: 200 }, (_, i) => counters.peek(`k${i}`, minutely(10)).used).join('');
    };
    expect(collisions(Uint32Array.of(1, 2, 3, 4))).toBe(collisions(Uint32Array.of(1, 2, 3, 4)));
    expect(collisions(Uint32Array.of(1, 2, 3, 4))).not.toBe(collisions(Uint32Array.of(5, 6, 7, 8)));
  });
});

describe('keys', () => {
  test('ten thousands of addresses, prefixes and long texts → no two are one', () => {
    const counters = memoryCounters({ clock: fixedClock(), seed, rates: 2 ** 20 });
    const keys = new Set<string>();
    for (let i = 0; i < 20_000; i++) keys.add(`conn 10.${i >> 8}.${i & 255}.${(i * 7) & 255}/32`);
    for (let i = 0; i < 15_000; i++) keys.add(`conn 2001:db8:${i.toString(16)}::/64`);
    // Runs of two letters that fool a plain polynomial hash, whatever its multiplier.
    let run = 'ab';
    for (let i = 0; i < 11; i++) {
      run += run.replace(/./g, (c) => (c === 'a' ? 'b' : 'a'));
      keys.add(run).add(run.replace(/./g, (c) => (c === 'a' ? 'b' : 'a')));
    }
    let shared = 0;
    for (const key of keys) if (counters.charge(key, minutely(10)).used !== 1) shared++;
    expect(shared).toBe(0);
  });
});

describe('places', () => {
  test('whoever takes and gives back what, the book agrees with a plain one', () => {
    const step = fc.record({
      what: fc.constantFrom('take', 'take', 'take all', 'give', 'give one'),
      key: fc.integer({ min: 0, max: 40 }),
      holder: fc.integer({ min: 0, max: 20 }),
      limit: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const counters = memoryCounters({ clock: fixedClock(), seed });
        const book = new Map<string, Set<string>>();
        const at = (key: string): Set<string> => book.get(key) ?? book.set(key, new Set()).get(key)!;
        for (const { what, key, holder, limit } of steps) {
          const [name, who] = [`key ${key}`, `holder ${holder}`];
          const fits = (k: string): boolean => at(k).has(who) || at(k).size < limit;
          if (what === 'take') {
            const allowed = fits(name);
            if (allowed) at(name).add(who);
            expect(counters.acquire(name, limit, who)).toMatchObject({ allowed, used: at(name).size });
          } else if (what === 'take all') {
            const names = [name, `key ${(key + 1) % 41}`, `key ${(key + 7) % 41}`];
            const allowed = names.map(fits);
            if (allowed.every(Boolean)) for (const each of names) at(each).add(who);
            const usages = counters.acquireAll(
              names.map((each) => ({ key: each, limit })),
              who,
            );
            expect(usages.map((usage) => usage.allowed)).toEqual(allowed);
          } else if (what === 'give') {
            counters.release(who);
            for (const holders of book.values()) holders.delete(who);
          } else {
            counters.release(who, name);
            at(name).delete(who);
          }
        }
        const places = [...book.values()].reduce((sum, { size }) => sum + size, 0);
        const holders = new Set([...book.values()].flatMap((set) => [...set]));
        expect(counters.size()).toMatchObject({ places, holders: holders.size });
      }),
      { numRuns: runs },
    );
  });

  test('connections come and go, thousands at a time → nothing is left over', () => {
    const counters = memoryCounters({ clock: fixedClock(), seed });
    for (let i = 0; i < 30_000; i++) {
      const places = [
        { key: `c ${i % 1_500}`, limit: 100 },
        { key: 'all', limit: 1_000_000 },
      ];
      expect(counters.acquireAll(places, `s${i}`)[1]?.allowed).toBe(true);
      if (i >= 5_000) counters.release(`s${i - 5_000}`);
    }
    expect(counters.size()).toMatchObject({ places: 10_000, holders: 5_000 });
    for (let i = 25_000; i < 30_000; i++) counters.release(`s${i}`);
    expect(counters.size()).toMatchObject({ places: 0, holders: 0 });
  });
});

describe('distinct values', () => {
  test('a flood of keys with one value each → bounded, and the key with many values keeps them', () => {
    const clock = fixedClock();
    const counters = memoryCounters({ clock, seed, values: 1_024 });
    for (let i = 0; i < 50; i++) counters.distinct('guesser', `user ${i}`, 50, 60_000);
    for (let i = 0; i < 20_000; i++) counters.distinct(`once ${i}`, 'x', 50, 60_000);
    expect(counters.size().values).toBeLessThanOrEqual(1_024);
    expect(counters.distinct('guesser', 'user 50', 50, 60_000)).toMatchObject({ allowed: false, used: 50 });
  });

  test('one key takes all the room there is → its oldest value goes', () => {
    const counters = memoryCounters({ clock: fixedClock(), seed, values: 8 });
    for (let i = 0; i < 30; i++) expect(counters.distinct('k', `v${i}`, 100, 60_000).allowed).toBe(true);
    expect(counters.size().values).toBeLessThanOrEqual(8);
  });
});

test.each([
  [{ rates: 1_000 }, /rates 1000 must be a power of two/],
  [{ rates: 4 }, /rates 4 /],
  [{ values: 1.5 }, /values 1.5 /],
  [{ seed: Uint32Array.of(1) }, /seed has 1 numbers/],
  [{ clock: undefined as never }, /clock is missing/],
])('a wrong option %j → TypeError', (wrong, message) => {
  expect(() => memoryCounters({ clock: fixedClock(), ...wrong })).toThrow(message);
});
