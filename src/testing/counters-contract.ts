/**
 * The contract of every store of counters, as cases for any test runner.
 *
 * **Answers**: does this store fulfil the contract of `Counters`?
 * **Knows**: how to make an empty store, and how to let time pass for it.
 * **Limits**: all times are a second or less, and answers may be some tens of milliseconds late, so that a store with its own
 * clock (a server's) can be tested as well.
 *
 * @example
 * ```ts
 * import { countersContract, fixedClock } from 'postern/testing';
 * import { memoryCounters } from 'postern/adapters/memory';
 *
 * const cases = countersContract(async () => {
 *   const clock = fixedClock();
 *   const moveWall = (byMs: number) => clock.setWall(clock.now() + byMs);
 *   return { counters: memoryCounters({ clock }), pass: (ms) => clock.pass(ms), moveWall };
 * });
 * for (const { name, run } of cases) {
 *   await run();
 *   console.log(`kept: ${name}`);
 * }
 * ```
 *
 * @module
 */
import type { Counters, Rate } from '../env/index.ts';
import type { ContractCase } from './contract.ts';
import { holds, same } from './contract.ts';

/** An empty store and control over its time. */
export interface CountersUnderTest {
  readonly counters: Counters;
  /** Lets `ms` milliseconds pass for the store. */
  readonly pass: (ms: number) => Promise<void>;
  /**
   * Moves the store's wall clock by `byMs`, forward or back, without time passing. The cases about a clock that is set check
   * nothing without it.
   */
  readonly moveWall?: (byMs: number) => void | Promise<void>;
  /** Called at the end of the case. */
  readonly close?: () => Promise<void>;
}

const three: Rate = { rate: 3, periodMs: 3_000 };
/** Three at once and one per second, so slow that nothing is refilled while a case runs. */
const slowly: Rate = { rate: 3, periodMs: 60_000 };

type Body = (
  counters: Counters,
  pass: CountersUnderTest['pass'],
  moveWall: CountersUnderTest['moveWall'],
) => Promise<void>;

const promises: readonly (readonly [name: string, body: Body])[] = [
  [
    'rate: what may come at once is allowed, the next is not, and says how long to wait',
    async (counters) => {
      for (const used of [1, 2, 3])
        same(await counters.charge('k', slowly), { allowed: true, limit: 3, used, retryAfterMs: 0 }, `charge ${used}`);
      const { retryAfterMs, ...refused } = await counters.charge('k', slowly);
      same(refused, { allowed: false, limit: 3, used: 3 }, 'charge 4');
      holds(retryAfterMs > 15_000 && retryAfterMs <= 20_000, 'one comes back in a third of the period', retryAfterMs);
    },
  ],
  [
    'rate: one comes back after its interval, all after the period',
    async (counters, pass) => {
      for (let i = 0; i < 3; i++) await counters.charge('k', three);
      await pass(1_100);
      same((await counters.charge('k', three)).allowed, true, 'one came back');
      same((await counters.charge('k', three)).allowed, false, 'and only one');
      await pass(3_100);
      for (const i of [1, 2, 3])
        same((await counters.charge('k', three)).allowed, true, `charge ${i} of the new period`);
    },
  ],
  [
    'rate: burst and rate are apart',
    async (counters) => {
      const rate = { rate: 60, periodMs: 60_000, burst: 2 };
      same((await counters.charge('k', rate)).limit, 2, 'the limit is the burst');
      await counters.charge('k', rate);
      const third = await counters.charge('k', rate);
      same(third.allowed, false, 'the third at once');
      holds(third.retryAfterMs <= 1_000, 'one comes back each second', third);
    },
  ],
  [
    'rate: a refused charge costs nothing',
    async (counters, pass) => {
      for (let i = 0; i < 30; i++) await counters.charge('k', three);
      await pass(1_100);
      same((await counters.charge('k', three)).allowed, true, 'after its time');
    },
  ],
  [
    'rate: peek changes nothing, and answers as charge would',
    async (counters) => {
      for (let i = 0; i < 9; i++) same((await counters.peek('k', slowly)).used, 1, 'peek');
      for (let i = 0; i < 3; i++) await counters.charge('k', slowly);
      same((await counters.peek('k', slowly)).allowed, false, 'peek at a full one');
      same((await counters.peek('other', slowly)).allowed, true, 'peek at another');
    },
  ],
  [
    'rate: a charge may cost more than one, nothing at all, or more than there is',
    async (counters) => {
      same((await counters.charge('k', slowly, 2)).used, 2, 'two');
      same((await counters.charge('k', slowly, 2)).allowed, false, 'two more');
      same(await counters.charge('k', slowly, 0), { allowed: true, limit: 3, used: 2, retryAfterMs: 0 }, 'nothing');
      same((await counters.charge('k', slowly, 1)).used, 3, 'one more');
      same((await counters.charge('new', slowly, 4)).allowed, false, 'four of three');
      same((await counters.charge('new', slowly, 3)).allowed, true, 'which has cost nothing');
    },
  ],
  [
    'rate: a rate of nothing allows nothing, and throws nothing',
    async (counters) => {
      for (const rate of [
        { rate: 0, periodMs: 1_000 },
        { rate: 1, periodMs: 0 },
        { rate: Number.NaN, periodMs: 1_000 },
        { rate: -1, periodMs: 1_000 },
      ])
        same((await counters.charge('k', rate)).allowed, false, JSON.stringify(rate));
    },
  ],
  [
    'rate: many at the same time are never more than are allowed',
    async (counters) => {
      const usages = await Promise.all(
        Array.from({ length: 50 }, () => counters.charge('k', { rate: 10, periodMs: 60_000 })),
      );
      same(usages.filter(({ allowed }) => allowed).length, 10, 'allowed of 50');
    },
  ],
  [
    'rates together: all are charged, in the order asked',
    async (counters) => {
      const usages = await counters.chargeAll([
        { key: 'a', rate: slowly, cost: 2 },
        { key: 'b', rate: slowly },
      ]);
      same(
        usages.map(({ used }) => used),
        [2, 1],
        'used',
      );
      same(await counters.chargeAll([]), [], 'none at all');
    },
  ],
  [
    'rates together: none is charged where one is refused, wherever it stands',
    async (counters) => {
      for (let i = 0; i < 3; i++) await counters.charge('full', slowly);
      const keys = ['a', 'full', 'b'];
      for (const order of [keys, ['full', 'a', 'b'], ['a', 'b', 'full']]) {
        const usages = await counters.chargeAll(order.map((key) => ({ key, rate: slowly })));
        same(usages.length, 3, 'an answer for each');
        same(usages.map(({ allowed }) => allowed)[order.indexOf('full')], false, 'the full one');
      }
      for (const key of ['a', 'b']) same((await counters.charge(key, slowly)).used, 1, `${key} was not charged`);
    },
  ],
  [
    'clear: what was charged, and the values that were seen, are forgotten',
    async (counters) => {
      for (let i = 0; i < 3; i++) await counters.charge('k', slowly);
      await counters.distinct('k', 'x', 1, 60_000);
      await counters.clear('k');
      await counters.clear('never seen');
      same((await counters.charge('k', slowly)).used, 1, 'charge');
      same((await counters.distinct('k', 'y', 1, 60_000)).allowed, true, 'distinct');
    },
  ],
  [
    'places: as many as there are, and one comes back by release',
    async (counters) => {
      same(await counters.acquire('k', 2, 'a'), { allowed: true, limit: 2, used: 1, retryAfterMs: 0 }, 'the first');
      same((await counters.acquire('k', 2, 'b')).used, 2, 'the second');
      same(await counters.acquire('k', 2, 'c'), { allowed: false, limit: 2, used: 2, retryAfterMs: 0 }, 'the third');
      await counters.release('a');
      same((await counters.acquire('k', 2, 'c')).allowed, true, 'after release');
    },
  ],
  [
    'places: a holder takes one of a key, however often it asks',
    async (counters) => {
      await counters.acquire('k', 2, 'a');
      same((await counters.acquire('k', 2, 'a')).used, 1, 'the second time');
      same((await counters.acquire('k', 1, 'a')).allowed, true, 'although the limit is reached by itself');
      await counters.release('a');
      same((await counters.acquire('k', 1, 'b')).allowed, true, 'one release gives it back');
    },
  ],
  [
    'places: release gives back all, or that of one key; of a stranger nothing',
    async (counters) => {
      await counters.acquireAll(
        [
          { key: 'x', limit: 1 },
          { key: 'y', limit: 1 },
          { key: 'z', limit: 1 },
        ],
        'a',
      );
      await counters.release('a', 'x');
      await counters.release('a', 'never taken');
      await counters.release('nobody');
      same((await counters.acquire('x', 1, 'b')).allowed, true, 'x is free');
      same((await counters.acquire('y', 1, 'b')).allowed, false, 'y is not');
      await counters.release('a');
      for (const key of ['y', 'z']) same((await counters.acquire(key, 1, 'b')).allowed, true, `${key} is free`);
      await counters.release('a');
      same((await counters.acquire('x', 1, 'c')).allowed, false, 'what is another holder’s stays');
    },
  ],
  [
    'places together: none is taken where one is full, and none that was held before is lost',
    async (counters) => {
      await counters.acquire('full', 1, 'b');
      await counters.acquire('mine', 2, 'a');
      const usages = await counters.acquireAll(
        [
          { key: 'mine', limit: 2 },
          { key: 'free', limit: 1 },
          { key: 'full', limit: 1 },
        ],
        'a',
      );
      same(usages.map(({ allowed }) => allowed).at(-1), false, 'the full one');
      same((await counters.acquire('free', 1, 'c')).allowed, true, 'free was not taken');
      same((await counters.acquire('mine', 2, 'c')).used, 2, 'mine is still held');
    },
  ],
  [
    'places: many at the same time are never more than there are',
    async (counters) => {
      const usages = await Promise.all(Array.from({ length: 40 }, (_, i) => counters.acquire('k', 10, `h${i}`)));
      same(usages.filter(({ allowed }) => allowed).length, 10, 'allowed of 40');
    },
  ],
  [
    'distinct: a value counts once, one beyond the limit is refused, one that was seen is not',
    async (counters) => {
      for (const [value, used] of [
        ['a', 1],
        ['b', 2],
        ['a', 2],
        ['b', 2],
      ] as const)
        same(await counters.distinct('k', value, 2, 60_000), { allowed: true, limit: 2, used, retryAfterMs: 0 }, value);
      const { retryAfterMs, ...refused } = await counters.distinct('k', 'c', 2, 60_000);
      same(refused, { allowed: false, limit: 2, used: 2 }, 'c');
      holds(retryAfterMs > 0 && retryAfterMs <= 60_000, 'when it would be allowed', retryAfterMs);
      same((await counters.distinct('k', 'a', 2, 60_000)).allowed, true, 'a again');
      same((await counters.distinct('other', 'c', 2, 60_000)).used, 1, 'another key');
    },
  ],
  [
    'distinct: a value is forgotten when it was not seen for the period',
    async (counters, pass) => {
      await counters.distinct('k', 'a', 2, 1_000);
      await counters.distinct('k', 'b', 2, 1_000);
      await pass(600);
      await counters.distinct('k', 'b', 2, 1_000);
      await pass(600);
      same((await counters.distinct('k', 'c', 2, 1_000)).allowed, true, 'a is forgotten');
      same((await counters.distinct('k', 'd', 2, 1_000)).allowed, false, 'b was seen anew');
    },
  ],
  ...[-3_600_000, -30 * 86_400_000].map((byMs): readonly [string, Body] => [
    `clock: moved by ${byMs / 3_600_000} hours, a client waits as long as before, and a value is remembered no longer`,
    async (counters, pass, moveWall) => {
      if (moveWall === undefined) return;
      const daily = { rate: 86_400, periodMs: 86_400_000, burst: 3 };
      for (let i = 0; i < 3; i++) await counters.charge('k', daily);
      await counters.distinct('k', 'a', 1, 1_000);
      await moveWall(byMs);
      const { allowed, retryAfterMs } = await counters.charge('k', daily);
      holds(!allowed && retryAfterMs <= 1_000, 'one second for the next, as before', retryAfterMs);
      await pass(1_100);
      same((await counters.charge('k', daily)).allowed, true, 'a second later');
      same((await counters.distinct('k', 'b', 1, 1_000)).allowed, true, 'the value is forgotten after its period');
      for (const i of [1, 2, 3]) same((await counters.charge('new', daily)).allowed, true, `a new client, charge ${i}`);
    },
  ]),
  [
    'keys: any text is a key, and no two are the same; rates, places and values do not mix',
    async (counters) => {
      const keys = [
        '',
        ' ',
        '\0',
        '__proto__',
        'é',
        'e\u0301',
        '\ud800',
        '*',
        '{a}',
        'a\r\nSET x 1',
        'x'.repeat(10_000),
      ];
      for (const key of keys) same((await counters.charge(key, slowly)).used, 1, JSON.stringify(key.slice(0, 20)));
      for (const key of keys) {
        same((await counters.acquire(key, 9, `holder ${key}`)).used, 1, 'place');
        same((await counters.distinct(key, key, 9, 60_000)).used, 1, 'value');
      }
    },
  ],
];

/**
 * Returns the contract of `Counters` as cases.
 *
 * @param make makes an empty store; called once per case
 */
export function countersContract(make: () => Promise<CountersUnderTest>): readonly ContractCase[] {
  return promises.map(([name, body]) => ({
    name,
    run: async () => {
      const { counters, pass, moveWall, close } = await make();
      try {
        await body(counters, pass, moveWall);
      } finally {
        await close?.();
      }
    },
  }));
}
