import fc from 'fast-check';
import { memoryBans } from 'postern/adapters/memory';
import type { IpAddress } from 'postern/net';
import { parsePrefix, prefixHas } from 'postern/net';
import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 60);
const DAY = 86_400_000;

describe('memoryBans', () => {
  test('whatever is banned and lifted when, look-ups agree with a plain list', () => {
    const prefix = fc
      .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 7 }), fc.constantFrom(8, 20, 24, 30, 32))
      .map(([c, d, length]) => `10.0.${c}.${d}/${length}`);
    const step = fc.record({
      what: fc.constantFrom('add', 'add', 'lift', 'wait'),
      prefix,
      forMs: fc.integer({ min: 1, max: 50 }).map((n) => n * 100),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = fixedClock();
        const bans = memoryBans({ clock, longestMs: DAY });
        const plain = new Map<string, number>();
        for (const { what, prefix: text, forMs } of steps) {
          const { address, length } = parsePrefix(text, { hostBits: 'clear' });
          const key = `${address}/${length}`;
          if (what === 'wait') clock.advance(forMs);
          else if (what === 'lift') {
            expect(bans.lift(text)).toBe((plain.get(key) ?? 0) > clock.now());
            plain.delete(key);
          } else plain.set(key, bans.add(text, 'r', forMs)?.until as number);
          for (const ip of ['10.0.0.0', '10.0.1.3', '10.0.3.7', '10.200.0.1', '11.0.0.1'] as IpAddress[]) {
            const longest = [...plain]
              .filter(([each, until]) => until > clock.now() && prefixHas(parsePrefix(each), ip))
              .map(([each]) => parsePrefix(each).length)
              .sort((a, b) => b - a)[0];
            const found = bans.lookup(ip);
            expect(found === undefined ? undefined : parsePrefix(found.prefix).length).toBe(longest);
          }
        }
      }),
      { numRuns: runs },
    );
  });

  test('10 min, 20 min, 40 min, 80 min, then a week; after a week of quiet it begins anew', () => {
    const clock = fixedClock();
    const bans = memoryBans({ clock });
    const minutes: number[] = [];
    for (let i = 0; i < 6; i++) {
      const ban = bans.add('192.0.2.1', 'r')!;
      minutes.push((ban.until - ban.since) / 60_000);
      clock.advance(ban.until - ban.since + 1_000);
    }
    expect(minutes).toEqual([10, 20, 40, 80, 7 * 1440, 7 * 1440]);
    clock.advance(8 * DAY);
    expect(bans.add('192.0.2.1', 'r')?.times).toBe(1);
  });

  test('ever more attackers are banned → no more are held than may be', () => {
    const clock = fixedClock();
    const bans = memoryBans({ clock, atMost: 2_000 });
    for (let i = 0; i < 20_000; i++) bans.add(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 'r');
    expect(bans.size).toBeLessThanOrEqual(2_000);
    expect(bans.list().length).toBeGreaterThan(1_500);
  });

  test('more different reasons than there is room for → the later ones read "other", and all bans hold', () => {
    const clock = fixedClock();
    const bans = memoryBans({ clock });
    for (let i = 0; i < 5_000; i++) bans.add(`10.0.${i >> 8}.${i & 255}`, `reason ${i}`);
    expect(bans.lookup('10.0.0.7')?.reason).toBe('reason 7');
    expect(bans.lookup('10.0.19.135')?.reason).toBe('other');
  });

  test('a ban is restored: as it stands, not beyond its time, and never of a spared address', () => {
    const clock = fixedClock();
    const now = clock.now();
    const bans = memoryBans({ clock, never: ['203.0.113.0/24'] });
    const ban = { prefix: '192.0.2.1/32', reason: 'r', since: now - 1_000, until: now + 5_000, times: 3 };
    expect(bans.restore(ban)).toBe(true);
    expect(bans.lookup('192.0.2.1')).toMatchObject({ times: 3, until: now + 5_000 });
    expect(bans.restore({ ...ban, prefix: '203.0.113.9/32' })).toBe(false);
    expect(bans.restore({ ...ban, prefix: 'nonsense' })).toBe(false);
    bans.restore({ ...ban, prefix: '192.0.2.2/32', until: now - 1 });
    expect(bans.lookup('192.0.2.2')).toBeUndefined();
    expect(bans.add('192.0.2.2', 'again')?.times).toBe(4);
  });
});
