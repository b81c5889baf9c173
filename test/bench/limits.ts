/**
 * The limiter in memory beside rate-limiter-flexible's, its memory under a flood, and whether bounded memory costs
 * correctness. Prints a table; ends with 1 where a bar is missed. Seeded: the same figures but for the machine's noise.
 */
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { memoryBans, memoryCounters } from '../../src/adapters/memory/index.ts';
import { seededHash } from '../../src/adapters/memory/seeded-hash.ts';
import { systemClock } from '../../src/adapters/system/index.ts';
import { connectionLimits, prefixClasses } from '../../src/checks/connection-limits/index.ts';
import { prefixesOf } from '../../src/checks/connection-limits/prefix-classes.ts';
import { ipBlocklist } from '../../src/checks/ip-blocklist/index.ts';
import { evaluate } from '../../src/core/index.ts';
import type { Rate } from '../../src/env/index.ts';
import type { IpAddress } from '../../src/net/index.ts';
import { PrefixSet } from '../../src/prefix-set/index.ts';

const gc = (globalThis as { gc?: () => void }).gc;
let missed = 0;

/** A line of the table, and whether the bar is met. */
function report(what: string, figure: string, bar = '', met = true): void {
  if (!met) missed++;
  console.log(`${what.padEnd(58)} ${figure.padStart(16)}  ${bar}${met ? '' : '  MISSED'}`);
}

/** mulberry32: the same numbers every time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const address = (n: number): string => `${(n >>> 24) & 255}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
/** Spreads small numbers over the address space, one to one. */
const scattered = (n: number): string => address((Math.imul(n + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0);

/** A window of work, and how many operations it is. */
type Work = readonly [operations: number, run: () => unknown];

/** CPU nanoseconds an operation: of each work the least of its windows, which take turns, so that noise meets them all. */
async function costs(works: readonly Work[], windows = 15): Promise<number[]> {
  const best = works.map(() => Number.POSITIVE_INFINITY);
  for (let window = 0; window < windows; window++) {
    for (const [i, [operations, run]] of works.entries()) {
      const from = process.cpuUsage();
      await run();
      const { user, system } = process.cpuUsage(from);
      best[i] = Math.min(best[i] as number, ((user + system) * 1000) / operations);
    }
  }
  return best;
}

async function besideRateLimiterFlexible(): Promise<void> {
  const clock = systemClock();
  const keys = Array.from({ length: 1_000 }, (_, i) => scattered(i));
  const generous = { rate: 1_000_000, periodMs: 3_600_000 };
  const strict = { rate: 1, periodMs: 3_600_000 };
  const own = (rate: Rate, turns: number): Work => {
    const counters = memoryCounters({ clock });
    const run = (): number => {
      let admitted = 0;
      for (let turn = 0; turn < turns; turn++)
        for (const key of keys) if (counters.charge(key, rate).allowed) admitted++;
      return admitted;
    };
    return [keys.length * turns, run];
  };
  const foreign = ({ rate, periodMs }: Rate, turns: number): Work => {
    const limiter = new RateLimiterMemory({ points: rate, duration: periodMs / 1000 });
    const run = async (): Promise<number> => {
      let admitted = 0;
      for (let turn = 0; turn < turns; turn++)
        for (const key of keys) {
          try {
            await limiter.consume(key);
            admitted++;
          } catch {
            // Refused: it says so by rejecting.
          }
        }
      return admitted;
    };
    return [keys.length * turns, run];
  };
  // As connection-limits asks: an address, its neighbours and the wider network are one decision.
  const nested = keys.map((key) => prefixesOf(key as IpAddress, prefixClasses));
  const ownNested = (rate: Rate, turns: number): Work => {
    const counters = memoryCounters({ clock });
    const charges = nested.map((prefixes) => prefixes.map((key) => ({ key, rate })));
    const run = (): number => {
      let admitted = 0;
      for (let turn = 0; turn < turns; turn++)
        for (const each of charges) if (counters.chargeAll(each).every(({ allowed }) => allowed)) admitted++;
      return admitted;
    };
    return [keys.length * turns, run];
  };
  const foreignNested = ({ rate, periodMs }: Rate, turns: number): Work => {
    const limiters = prefixClasses.map(() => new RateLimiterMemory({ points: rate, duration: periodMs / 1000 }));
    const run = async (): Promise<number> => {
      let admitted = 0;
      for (let turn = 0; turn < turns; turn++)
        for (const prefixes of nested) {
          try {
            await Promise.all(limiters.map((limiter, i) => limiter.consume(prefixes[i] as string)));
            admitted++;
          } catch {
            // Refused by one of them.
          }
        }
      return admitted;
    };
    return [keys.length * turns, run];
  };
  const counters = memoryCounters({ clock });
  const limiter = new RateLimiterMemory({ points: 1, duration: 3600 });
  let next = 0;
  const unseen: readonly Work[] = [
    [
      50_000,
      () => {
        for (let i = 0; i < 50_000; i++) counters.charge(scattered(next++), strict);
      },
    ],
    [
      10_000,
      async () => {
        for (let i = 0; i < 10_000; i++) await limiter.consume(scattered(next++));
      },
    ],
  ];
  const line = async (what: string, works: readonly Work[], bar?: number, windows?: number): Promise<void> => {
    const [a, b] = (await costs(works, windows)) as [number, number];
    report(
      what,
      `${a.toFixed(0)} / ${b.toFixed(0)} ns`,
      `${(b / a).toFixed(1)} x${bar === undefined ? '' : ` (bar ${bar} x)`}`,
      bar === undefined || b / a >= bar,
    );
  };
  await line('charge allowed, ours / rate-limiter-flexible 11.4.0', [own(generous, 200), foreign(generous, 50)], 2);
  await line('charge refused', [own(strict, 200), foreign(strict, 20)], 8);
  const hash = seededHash();
  let read = 0;
  const [time, hashed] = (await costs([
    [
      1_000_000,
      () => {
        for (let i = 0; i < 1_000_000; i++) read += clock.now() & 1;
      },
    ],
    [
      1_000_000,
      () => {
        for (let turn = 0; turn < 1_000; turn++)
          for (const key of keys) {
            hash.of(key);
            read += hash.low & 1;
          }
      },
    ],
  ])) as [number, number];
  report('of which reading the clock, reading the key', `${time.toFixed(0)} + ${hashed.toFixed(0)} ns`);
  if (read === 0) throw new Error('nothing was read');
  await line('three prefixes in one, allowed', [ownNested(generous, 100), foreignNested(generous, 20)], 3);
  await line('three prefixes in one, refused', [ownNested(strict, 100), foreignNested(strict, 10)], 8);
  await line('a new key (the address is written out in both)', unseen, undefined, 5);
}

function memoryUnderFlood(): void {
  if (gc === undefined) {
    report('heap under a flood', 'skipped', 'run node with --expose-gc');
    return;
  }
  const held = (): number => {
    gc();
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  let now = 1e12;
  const before = held();
  const counters = memoryCounters({ clock: { now: () => now, after: () => () => {} } });
  const rate = { rate: 30, periodMs: 60_000 };
  const figures: string[] = [];
  let most = 0;
  let from = 0;
  for (const addresses of [1_000, 10_000, 100_000, 1_000_000, 5_000_000]) {
    for (; from < addresses; from++) {
      if (from % 100 === 0) now++;
      counters.charge(scattered(from), rate);
    }
    const mebibytes = (held() - before) / 2 ** 20;
    most = Math.max(most, mebibytes);
    figures.push(`${addresses.toLocaleString('en')}: ${mebibytes.toFixed(2)}`);
  }
  report(
    'heap and buffers, MiB, by attacking addresses',
    `${most.toFixed(2)} MiB`,
    `(bar 2) ${figures.join(' · ')}`,
    most <= 2,
  );
}

/** 60 s of 100,000 events a second from a million addresses, beside 1,000 abusers of 10/s and 1,000 innocents of 1/4 s. */
function floodAgainstExact(): void {
  let now = 1e12;
  const clock = { now: () => now, after: () => () => {} };
  const rate = { rate: 30, periodMs: 60_000, burst: 30 };
  const counters = memoryCounters({ clock, seed: Uint32Array.of(1, 2, 3, 4) });
  const small = memoryCounters({ clock, seed: Uint32Array.of(1, 2, 3, 4), rates: 8_192 });
  const exact = new Map<string, number>();
  const interval = rate.periodMs / rate.rate;
  const exactly = (key: string): boolean => {
    const paid = Math.max(exact.get(key) ?? 0, now) + interval;
    if (paid - now > interval * rate.burst) return false;
    exact.set(key, paid);
    return true;
  };
  const random = chance(7);
  const admitted = { ours: 0, small: 0, exact: 0 };
  const innocent = { refused: 0, smallRefused: 0 };
  for (let ms = 0; ms < 60_000; ms++) {
    now = 1e12 + ms;
    for (let i = 0; i < 100; i++) {
      const key = scattered(10_000_000 + Math.floor(random() * 1_000_000));
      counters.charge(key, rate);
      small.charge(key, rate);
    }
    for (let abuser = ms % 100; abuser < 1_000; abuser += 100) {
      const key = scattered(abuser);
      if (counters.charge(key, rate).allowed) admitted.ours++;
      if (small.charge(key, rate).allowed) admitted.small++;
      if (exactly(key)) admitted.exact++;
    }
    for (let i = ms % 4_000; i < 1_000; i += 4_000) {
      const key = scattered(5_000_000 + i);
      if (!counters.charge(key, rate).allowed) innocent.refused++;
      if (!small.charge(key, rate).allowed) innocent.smallRefused++;
    }
  }
  const over = (n: number): number => (n / admitted.exact - 1) * 100;
  const line = (what: string, n: number, refusals: number, barred: boolean): void =>
    report(
      what,
      `${over(n).toFixed(2)} %`,
      `${barred ? '(bar 1) ' : ''}${n} of 600000, exact ${admitted.exact}; innocents refused: ${refusals}`,
      !barred || (over(n) <= 1 && refusals === 0),
    );
  line('over-admission of 1,000 abusers among 1M, default table', admitted.ours, innocent.refused, true);
  line('the same with a table of 128 KiB', admitted.small, innocent.smallRefused, false);
}

async function connectStage(): Promise<void> {
  const clock = systemClock();
  const counters = memoryCounters({ clock });
  const limits = connectionLimits({ total: 100_000, perMinute: 1_000_000, concurrent: 10_000 });
  const blocked = PrefixSet.from(Array.from({ length: 100_000 }, (_, i) => `${scattered(i + 1_000_000)}/32`));
  const policy = { connect: [ipBlocklist({ block: blocked }), limits] };
  const clients = Array.from({ length: 4_096 }, (_, i) =>
    i % 16 === 0 ? `2001:db8:${(i * 7).toString(16)}:${i.toString(16)}::${(i + 1).toString(16)}` : scattered(i),
  ) as IpAddress[];
  const facts = clients.map((ip, i) => ({ session: { id: `s${i}`, role: 'mx' as const }, client: { ip } }));
  const { signal } = new AbortController();
  const env = { clock, counters, bans: memoryBans({ clock }) };
  for (let i = 0; i < 10_000; i++) env.bans.add(scattered(i + 2_000_000), 'made for the bench');
  // What an MTA would do without this package: rate-limiter-flexible for the same three prefixes, and nothing else.
  const limiters = prefixClasses.map(() => new RateLimiterMemory({ points: 1_000_000, duration: 3_600 }));
  const prefixes = clients.map((ip) => prefixesOf(ip, prefixClasses));
  const [nanoseconds, alone, theirs] = (await costs([
    [
      facts.length * 4,
      async () => {
        for (let turn = 0; turn < 4; turn++)
          for (const [i, each] of facts.entries()) {
            await evaluate(policy, 'connect', each, env);
            // A thousand connections are open at any time.
            counters.release((facts[(i + facts.length - 1_000) % facts.length] as typeof each).session.id);
          }
      },
    ],
    [
      facts.length * 4,
      () => {
        for (let turn = 0; turn < 4; turn++)
          for (const [i, each] of facts.entries()) {
            limits.examine(each, env, signal);
            counters.release((facts[(i + facts.length - 1_000) % facts.length] as typeof each).session.id);
          }
      },
    ],
    [
      prefixes.length,
      async () => {
        for (const each of prefixes)
          await Promise.all(limiters.map((limiter, i) => limiter.consume(each[i] as string)));
      },
    ],
  ])) as [number, number, number];
  report(
    'connect stage: 100k blocked, 10k bans, limits; and release',
    `${nanoseconds.toFixed(0)} ns`,
    `${(nanoseconds / theirs).toFixed(1)} x rate-limiter-flexible's three prefixes alone, ${theirs.toFixed(0)} ns (bar 4 x)`,
    nanoseconds / theirs <= 4,
  );
  report('of which the limits, without evaluate', `${alone.toFixed(0)} ns`);
}

// First, on a heap that is as small as a server's: the others leave a hundred thousand timers behind.
await connectStage();
await besideRateLimiterFlexible();
memoryUnderFlood();
floodAgainstExact();
process.exitCode = missed > 0 ? 1 : 0;
