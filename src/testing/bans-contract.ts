/**
 * The contract of every store of bans, as cases for any test runner.
 *
 * **Answers**: does this store fulfil the contract of `Bans`?
 * **Knows**: how to make an empty store whose first ban lasts 10 minutes and whose long bans begin with the fifth, and how to
 * let time pass for it. **Limits**: it does not test that bans survive a restart.
 *
 * @example
 * ```ts
 * import { bansContract, fixedClock } from 'postern/testing';
 * import { memoryBans } from 'postern/adapters/memory';
 *
 * for (const { name, run } of bansContract(async () => {
 *   const clock = fixedClock();
 *   return { bans: memoryBans({ clock, never: ['203.0.113.0/24'] }), pass: (ms) => clock.pass(ms) };
 * })) {
 *   await run();
 *   console.log(`kept: ${name}`);
 * }
 * ```
 *
 * @module
 */
import type { Ban, Bans } from '../env/index.ts';
import type { ContractCase } from './contract.ts';
import { holds, same } from './contract.ts';

/** An empty store that never bans 203.0.113.0/24, and control over its time. */
export interface BansUnderTest {
  readonly bans: Bans;
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

const MINUTE = 60_000;

type Body = (bans: Bans, pass: BansUnderTest['pass'], moveWall: BansUnderTest['moveWall']) => Promise<void>;

const lasts = (ban: Ban | undefined): number => (ban === undefined ? 0 : ban.until - ban.since);

/** Compares bans; times may differ by a fifth of a second and a hundredth of the ban's length. */
const like = (actual: Ban | undefined, expected: Ban | undefined, what: string): void => {
  const near = (a = 0, b = 0): boolean => Math.abs(a - b) <= 200 + lasts(expected) / 100;
  const plain = (ban: Ban | undefined): unknown => [ban?.prefix, ban?.reason, ban?.times];
  same(plain(actual), plain(expected), what);
  holds(near(actual?.since, expected?.since) && near(actual?.until, expected?.until), `${what}: times`, [
    actual,
    expected,
  ]);
};

const promises: readonly (readonly [name: string, body: Body])[] = [
  [
    'an address is banned: it is found, its neighbour is not',
    async (bans) => {
      const ban = await bans.add('192.0.2.1', 'guessed passwords');
      same(
        [ban?.prefix, ban?.reason, ban?.times, lasts(ban)],
        ['192.0.2.1/32', 'guessed passwords', 1, 10 * MINUTE],
        'ban',
      );
      like(await bans.lookup('192.0.2.1'), ban, 'lookup');
      like((await bans.list())[0], ban, 'list');
      same(await bans.lookup('192.0.2.2'), undefined, 'neighbour');
      same(await bans.lookup('::c000:201'), undefined, 'the other family');
    },
  ],
  [
    'a prefix is banned: every address in it is; host bits are cleared; the longest prefix answers',
    async (bans) => {
      await bans.add('198.51.100.77/24', 'network');
      await bans.add('198.51.100.5', 'host');
      same((await bans.lookup('198.51.100.9'))?.prefix, '198.51.100.0/24', 'within');
      same((await bans.lookup('198.51.100.5'))?.reason, 'host', 'the longer');
      same(await bans.lookup('198.51.101.9'), undefined, 'without');
    },
  ],
  [
    'IPv6: a /64 holds all its addresses; a mapped address is its IPv4 address',
    async (bans) => {
      await bans.add('2001:db8:0:1::/64', 'a');
      await bans.add('::ffff:192.0.2.9', 'b');
      same((await bans.lookup('2001:db8:0:1:ffff::9'))?.reason, 'a', 'within');
      same(await bans.lookup('2001:db8:0:2::1'), undefined, 'without');
      same((await bans.lookup('192.0.2.9'))?.prefix, '192.0.2.9/32', 'mapped');
    },
  ],
  [
    'a ban ends at its time',
    async (bans, pass) => {
      await bans.add('192.0.2.1', 'r', 1_000);
      await bans.add('192.0.2.0/24', 'wider', 60_000);
      same((await bans.lookup('192.0.2.1'))?.reason, 'r', 'before');
      await pass(1_300);
      same((await bans.lookup('192.0.2.1'))?.reason, 'wider', 'after, the wider one still holds');
      same(
        (await bans.list()).map(({ prefix }) => prefix),
        ['192.0.2.0/24'],
        'list',
      );
    },
  ],
  [
    'time grows: twice as long each time, and from the fifth on seven days',
    async (bans, pass) => {
      const lengths: number[] = [];
      for (let i = 0; i < 5; i++) {
        const ban = await bans.add('192.0.2.1', 'again', 100);
        lengths.push(lasts(ban));
        same(ban?.times, i + 1, 'times');
        if (i < 4) await pass(100 * 2 ** i + 150);
      }
      const expected = [100, 200, 400, 800, 7 * 24 * 60 * MINUTE];
      holds(
        lengths.every((ms, i) => Math.abs(ms - (expected[i] as number)) <= 100),
        'lengths',
        lengths,
      );
    },
  ],
  [
    'a ban in force is never shortened',
    async (bans) => {
      const long = await bans.add('192.0.2.1', 'long', 60 * MINUTE);
      const again = await bans.add('192.0.2.1', 'short', MINUTE);
      holds((again?.until ?? 0) >= (long?.until ?? 0), 'it lasts as long', [long, again]);
      same((await bans.lookup('192.0.2.1'))?.times, 2, 'and counts');
    },
  ],
  [
    'lift: the ban is over and forgotten; false where there was none',
    async (bans, pass) => {
      await bans.add('192.0.2.1', 'r', MINUTE);
      same(await bans.lift('192.0.2.1'), true, 'lift');
      same(await bans.lookup('192.0.2.1'), undefined, 'lookup');
      same(await bans.lift('192.0.2.1'), false, 'twice');
      same(await bans.lift('198.51.100.0/24'), false, 'never banned');
      same(await bans.lift('no prefix'), false, 'no prefix');
      same((await bans.add('192.0.2.1', 'r', 100))?.times, 1, 'it begins anew');
      await pass(300);
      same(await bans.lift('192.0.2.1'), false, 'over already');
    },
  ],
  [
    'list: those in force, the newest first',
    async (bans, pass) => {
      same(await bans.list(), [], 'none');
      await bans.add('192.0.2.1', 'first');
      await pass(300);
      await bans.add('2001:db8::/64', 'second');
      await pass(300);
      await bans.add('198.51.100.0/24', 'third');
      same(
        (await bans.list()).map(({ reason }) => reason),
        ['third', 'second', 'first'],
        'list',
      );
    },
  ],
  [
    'who may never be banned is not, and not along with a wider prefix',
    async (bans) => {
      same(await bans.add('203.0.113.5', 'r'), undefined, 'within');
      await bans.add('203.0.112.0/23', 'wider');
      same(await bans.lookup('203.0.113.5'), undefined, 'along with a wider one');
      same((await bans.lookup('203.0.112.5'))?.reason, 'wider', 'its neighbour');
    },
  ],
  [
    'what is no prefix is not banned, and what is no address is not found; nothing is thrown',
    async (bans) => {
      for (const text of ['', 'example.org', '192.0.2.1/33', '010.0.0.1', '192.0.2.1 ', '::/129', 'x'.repeat(10_000)]) {
        same(await bans.add(text, 'r'), undefined, `add ${text.slice(0, 20)}`);
        same(await bans.lookup(text), undefined, `lookup ${text.slice(0, 20)}`);
      }
      same(await bans.list(), [], 'list');
    },
  ],
  ...[-3_600_000, -30 * 86_400_000].map((byMs): readonly [string, Body] => [
    `clock: moved by ${byMs / 3_600_000} hours, a ban lasts as long as before`,
    async (bans, pass, moveWall) => {
      if (moveWall === undefined) return;
      await bans.add('192.0.2.1', 'r', 1_000);
      await moveWall(byMs);
      same((await bans.lookup('192.0.2.1'))?.reason, 'r', 'it holds');
      const again = await bans.add('192.0.2.2', 'r', 1_000);
      holds(lasts(again) <= 1_200, 'a new one is as long as usual', again);
      holds(lasts(await bans.add('192.0.2.2', 'r', 1_000)) <= 2_400, 'and so is the next', await bans.list());
      await pass(1_300);
      same(await bans.lookup('192.0.2.1'), undefined, 'and is over at its time');
      await pass(1_300);
      same(await bans.list(), [], 'all are over');
    },
  ]),
  [
    'a reason is any text, and comes back as it was',
    async (bans) => {
      const reason = 'said "x\u0000y"\r\n, then 密码 × 5 \u{1f512}';
      await bans.add('192.0.2.1', reason);
      same((await bans.lookup('192.0.2.1'))?.reason, reason, 'lookup');
      same((await bans.list())[0]?.reason, reason, 'list');
    },
  ],
];

/**
 * Returns the contract of `Bans` as cases.
 *
 * @param make makes an empty store that never bans 203.0.113.0/24; called once per case
 */
export function bansContract(make: () => Promise<BansUnderTest>): readonly ContractCase[] {
  return promises.map(([name, body]) => ({
    name,
    run: async () => {
      const { bans, pass, moveWall, close } = await make();
      try {
        await body(bans, pass, moveWall);
      } finally {
        await close?.();
      }
    },
  }));
}
