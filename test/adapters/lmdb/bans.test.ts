import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lmdbBans } from 'postern/adapters/lmdb';
import { systemClock } from 'postern/adapters/system';
import { bansContract, fixedClock } from 'postern/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const clock = fixedClock();
let folder: string;
let files = 0;
const fresh = (): string => join(folder, `bans-${files++}`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-lmdb-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('lmdbBans', () => {
  test.each(
    bansContract(async () => {
      const bans = lmdbBans({ path: fresh(), clock, never: ['203.0.113.0/24'] });
      return {
        bans,
        pass: (ms) => clock.pass(ms),
        moveWall: (by) => clock.setWall(clock.now() + by),
        close: () => bans.close(),
      };
    }),
  )('$name', ({ run }) => run());

  test('closed and opened again → bans, reasons and counts are there', async () => {
    const path = fresh();
    const first = lmdbBans({ path, clock });
    await first.add('192.0.2.1', 'guessed × 5');
    await first.add('192.0.2.1', 'again');
    await first.add('2001:db8::/48', 'spam\n"x"');
    await first.close();
    const second = lmdbBans({ path, clock });
    expect(second.lookup('192.0.2.1')).toMatchObject({ reason: 'again', times: 2 });
    expect(second.lookup('2001:db8:0:7::1')).toMatchObject({ prefix: '2001:db8::/48', reason: 'spam\n"x"' });
    expect(await second.add('192.0.2.1', 'once more')).toMatchObject({ times: 3 });
    await second.close();
  });

  test('opened again with a clock set back by thirty days, twice → a ban lasts no longer than its length', async () => {
    const path = fresh();
    const first = lmdbBans({ path, clock });
    const ban = await first.add('192.0.2.1', 'r', 60_000);
    await first.close();
    for (const days of [30, 1]) {
      clock.setWall(clock.now() - days * 86_400_000);
      const again = lmdbBans({ path, clock });
      expect(again.lookup('192.0.2.1')?.until).toBe(clock.now() + 60_000);
      await again.close();
    }
    clock.advance(60_001);
    const last = lmdbBans({ path, clock });
    expect(last.lookup('192.0.2.1')).toBeUndefined();
    await last.close();
    clock.setWall(ban!.since);
  });

  test('a ban that is over is remembered over a restart, and forgotten after its week', async () => {
    const path = fresh();
    const first = lmdbBans({ path, clock });
    await first.add('192.0.2.1', 'r', 1_000);
    await first.close();
    clock.advance(60_000);
    const second = lmdbBans({ path, clock });
    expect(second.lookup('192.0.2.1')).toBeUndefined();
    expect(await second.add('192.0.2.1', 'r', 1_000)).toMatchObject({ times: 2 });
    await second.close();
    clock.advance(8 * 24 * 3_600_000);
    const third = lmdbBans({ path, clock });
    expect(await third.add('192.0.2.1', 'r')).toMatchObject({ times: 1 });
    await third.close();
  });

  test('more bans than it may hold → the file does not grow beyond that', async () => {
    const path = fresh();
    const bans = lmdbBans({ path, clock, atMost: 100 });
    for (let from = 0; from < 1_000; from += 50)
      await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          bans.add(`10.0.${(from + i) >> 8}.${(from + i) & 255}`, 'r', 1_000 + from + i),
        ),
      );
    await bans.close();
    const again = lmdbBans({ path, clock, atMost: 10_000 });
    expect(again.list().length).toBeLessThanOrEqual(100);
    expect(again.list().length).toBeGreaterThan(50);
    await again.close();
  });

  test.each([
    [{ path: '' }, /path/],
    [{ survives: 'fire' as never }, /survives "fire"/],
    [{ firstMs: 0 }, /firstMs must be a positive number, got 0/],
    [{ firstMs: 10, longestMs: 5 }, /firstMs must be at most longestMs \(5\), got 10/],
    [{ recidive: { after: 1, forMs: 5 } }, /recidive.after must be a whole number, 2 or more, got 1/],
    [{ atMost: 0 }, /atMost 0/],
    [{ never: ['192.0.2.1/24'] }, /host bits/],
  ])('a wrong option %j → TypeError', (wrong, message) => {
    expect(() => lmdbBans({ path: fresh(), clock, ...wrong })).toThrow(message);
  });

  test.each(['soon', 'later'])(
    'killed with -9 in the midst of bans (%s) → nothing that was acknowledged is lost',
    async (round) => {
      const path = fresh();
      const acknowledged = new Map<string, boolean>();
      const child = spawn(
        process.execPath,
        ['--import', './.config/typescript.mjs', 'test/adapters/lmdb/ban-writer.ts', path],
        { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const enough = { soon: 200, later: 1_500 }[round] as number;
      let rest = '';
      child.stdout.on('data', (data) => {
        const lines = (rest + data).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const [verb, prefix = ''] = line.split(' ');
          acknowledged.set(prefix, verb === 'banned');
        }
        if (acknowledged.size >= enough) child.kill('SIGKILL');
      });
      await once(child, 'close');
      expect(acknowledged.size).toBeGreaterThanOrEqual(enough);
      const bans = lmdbBans({ path, clock: systemClock() });
      const wrong = [...acknowledged].filter(
        ([prefix, banned]) => (bans.lookup(prefix.replace('/32', '')) !== undefined) !== banned,
      );
      expect(wrong).toEqual([]);
      await bans.close();
    },
  );
});
