import fc from 'fast-check';
import { canonicalPrefix, parseIp, parsePrefix, prefixHas, printPrefix } from 'postern/net';
import { PrefixOverlay } from 'postern/prefix-set';
import { describe, expect, test } from 'vitest';

const NOW = 1_893_456_000_000;
const overlay = (max = 1_000, seed = 1): PrefixOverlay => new PrefixOverlay({ max, seed });

describe('prefix overlay', () => {
  test('an entry is in force until it ends, to the millisecond where that is a tenth of a second', () => {
    const bans = overlay();
    expect(bans.add('192.0.2.7', NOW + 600_000, NOW, 5)).toBe(true);
    expect([
      bans.has('192.0.2.7', NOW),
      bans.has('192.0.2.7', NOW + 599_999),
      bans.has('192.0.2.7', NOW + 600_000),
    ]).toEqual([true, true, false]);
    expect(bans.lookup('::ffff:192.0.2.7', NOW)).toEqual({ prefix: '192.0.2.7/32', expires: NOW + 600_000, value: 5 });
    expect(bans.has('192.0.2.8', NOW)).toBe(false);
  });
  test('an end between two tenths is rounded up: never too early', () => {
    const bans = overlay();
    bans.add('192.0.2.7', NOW + 250, NOW);
    expect([bans.has('192.0.2.7', NOW + 250), bans.has('192.0.2.7', NOW + 300)]).toEqual([true, false]);
  });
  test('the longest prefix that has not ended answers, whatever its length', () => {
    const bans = overlay();
    bans.add('192.0.2.0/24', NOW + 9_000, NOW, 24);
    bans.add('192.0.2.7', NOW + 1_000, NOW, 32);
    bans.add('2001:db8::/32', NOW + 9_000, NOW, 1);
    bans.add('2001:db8::/64', NOW + 5_000, NOW, 2);
    bans.add('2001:db8::1', NOW + 1_000, NOW, 3);
    const values = (at: number): (number | undefined)[] =>
      ['192.0.2.7', '2001:db8::1', '2001:db8:1::1'].map((ip) => bans.lookup(ip, NOW + at)?.value);
    expect(values(0)).toEqual([32, 3, 1]);
    expect(values(1_000)).toEqual([24, 2, 1]);
    expect(values(5_000)).toEqual([24, 1, 1]);
    expect(values(9_000)).toEqual([undefined, undefined, undefined]);
    expect(bans.lookup('2001:db8::5', NOW)).toEqual({ prefix: '2001:db8::/64', expires: NOW + 5_000, value: 2 });
  });
  test('given again, it has the new time and value; let go, it is gone', () => {
    const bans = overlay();
    bans.add('192.0.2.7', NOW + 1_000, NOW, 1);
    bans.add('192.0.2.7/32', NOW + 2_000, NOW, 2);
    expect(bans.size).toBe(1);
    expect(bans.get('192.0.2.7')).toEqual({ prefix: '192.0.2.7/32', expires: NOW + 2_000, value: 2 });
    expect([bans.delete('192.0.2.7'), bans.delete('192.0.2.7'), bans.has('192.0.2.7', NOW)]).toEqual([
      true,
      false,
      false,
    ]);
  });
  test('for good', () => {
    const bans = overlay();
    bans.add('192.0.2.0/24', Number.POSITIVE_INFINITY, NOW);
    expect(bans.lookup('192.0.2.1', NOW + 3e11)?.expires).toBe(Number.POSITIVE_INFINITY);
  });
  test('what has ended goes by the way: size does not grow with what came and went', () => {
    const bans = overlay(1_000_000);
    let most = 0;
    for (let i = 0; i < 30_000; i++) {
      const now = NOW + i * 10;
      bans.add(`198.${18 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`, now + 10_000, now);
      if (i > 5_000) most = Math.max(most, bans.size);
    }
    // 1,000 are in force at any time.
    expect(most).toBeLessThan(2_500);
    const left = bans.entries(NOW + 300_000 - 10).length;
    expect(left >= 1_000 && left <= 1_010).toBe(true);
    for (let i = 0; i < 100; i++) bans.sweep(NOW + 9e9, 1_000);
    expect(bans.size).toBe(0);
    expect(bans.byteLength).toBeLessThan(256 * 8 * 12 + 1);
  });
  test('at the cap, what ends soonest of a few gives way, and nothing that lasts longer', () => {
    const bans = overlay(1_000);
    for (let i = 0; i < 1_000; i++) bans.add(`198.18.${i >> 8}.${i & 255}`, NOW + 60_000, NOW);
    let refused = 0;
    for (let i = 0; i < 1_000; i++) if (!bans.add(`198.19.${i >> 8}.${i & 255}`, NOW + 1_000, NOW)) refused++;
    expect(refused).toBe(1_000);
    expect(bans.size).toBe(1_000);
    let taken = 0;
    for (let i = 0; i < 500; i++) if (bans.add(`198.19.${i >> 8}.${i & 255}`, NOW + 99_000, NOW)) taken++;
    expect(taken).toBeGreaterThan(490);
    expect(bans.size).toBeLessThanOrEqual(1_000);
  });
  test('what is no address → an error, never "not held"', () => {
    const bans = overlay();
    for (const text of ['', '010.1.1.1', 'x']) {
      expect(() => bans.has(text, NOW)).toThrow(TypeError);
      expect(() => bans.add(text, NOW + 1, NOW)).toThrow(TypeError);
    }
    expect(bans.add('192.0.2.1', NOW, NOW)).toBe(false);
    expect(() => new PrefixOverlay({ max: 0 })).toThrow(/max must be .*, got 0/);
    expect(() => new PrefixOverlay({ max: 5, v6Length: 128 })).toThrow(/v6Length must be .*, got 128/);
  });

  test('against a model', () => {
    const prefixes = [
      '192.0.2.1',
      '192.0.2.2',
      '192.0.2.0/24',
      '192.0.0.0/16',
      '198.51.100.7',
      '2001:db8::/64',
      '2001:db8::1',
      '2001:db8::/48',
      '2001:db8:0:1::/64',
      '::ffff:192.0.2.3',
    ];
    const addresses = [
      '192.0.2.1',
      '192.0.2.3',
      '192.0.3.1',
      '198.51.100.7',
      '198.51.100.8',
      '2001:db8::1',
      '2001:db8::2',
      '2001:db8:0:1::9',
      '2001:db8:0:2::',
      '2001:db9::',
    ];
    const step = fc.tuple(
      fc.constantFrom('add', 'add', 'delete', 'pass', 'sweep'),
      fc.integer({ min: 0, max: prefixes.length - 1 }),
      fc.integer({ min: 1, max: 50 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer(), (steps, seed) => {
        const bans = new PrefixOverlay({ max: 1_000, seed });
        const model = new Map<string, { expires: number; value: number }>();
        let now = NOW;
        steps.forEach(([verb, which, amount], i) => {
          const prefix = prefixes[which]!;
          const key = printPrefix(parsePrefix(prefix));
          if (verb === 'add') {
            // Asked for, then changed, then asked for again: each time the same text.
            const before = bans.get(prefix);
            expect(before === undefined || before.prefix === key).toBe(true);
            bans.add(prefix, now + amount * 100, now, i);
            model.set(key, { expires: now + amount * 100, value: i });
            expect(bans.get(prefix)).toEqual({ prefix: key, expires: now + amount * 100, value: i });
            expect(bans.get(key)?.value).toBe(i);
          } else if (verb === 'delete') {
            const held = (model.get(key)?.expires ?? 0) > now;
            model.delete(key);
            if (held) expect(bans.delete(prefix)).toBe(true);
            else bans.delete(prefix);
          } else if (verb === 'pass') now += amount * 100;
          else bans.sweep(now, amount * 20);
          for (const text of addresses) {
            const ip = parseIp(text)!;
            const best = [...model]
              .filter(([prefix, { expires }]) => expires > now && prefixHas(parsePrefix(prefix), ip))
              .sort(([a], [b]) => parsePrefix(b).length - parsePrefix(a).length)[0];
            expect(bans.lookup(text, now)).toEqual(best === undefined ? undefined : { prefix: best[0], ...best[1] });
          }
        });
      }),
      { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 60) },
    );
  });
});

describe('canonical prefix', () => {
  test.each([
    ['192.0.2.9', '192.0.2.9/32'],
    ['192.0.2.9/32', '192.0.2.9/32'],
    ['192.0.2.9/24', '192.0.2.0/24'],
    ['192.0.2.9/0', '0.0.0.0/0'],
    ['::ffff:192.0.2.9', '192.0.2.9/32'],
    ['::ffff:1.2.3.4/120', '1.2.3.0/24'],
    ['::FFFF:1.2.3.4/128', '1.2.3.4/32'],
    ['2001:DB8:0:0::1', '2001:db8::1/128'],
    ['2001:db8::1/64', '2001:db8::/64'],
    ['::/0', '::/0'],
    ['::ffff:1.2.3.4/95', undefined],
    ['fe80::1%eth0', undefined],
    ['192.0.2.9/33', undefined],
    ['192.0.2.9/', undefined],
    ['192.0.2.9/024', undefined],
    ['010.0.0.1', undefined],
    ['', undefined],
    ['1.2.3.4\0', undefined],
    ['1'.repeat(5_000), undefined],
    [`192.0.2.9/${'2'.repeat(5_000)}`, undefined],
  ])('%s → %s', (text, canonical) => {
    expect(canonicalPrefix(text)).toBe(canonical);
    expect(overlay().canonical(text)).toBe(canonical);
  });
  test('it is what the slow parser prints', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    const ip = fc.oneof(
      fc.array(octet, { minLength: 4, maxLength: 4 }).map((octets) => octets.join('.')),
      fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.map((g) => g.toString(16)).join(':')),
      fc.array(octet, { minLength: 4, maxLength: 4 }).map((octets) => `::ffff:${octets.join('.')}`),
    );
    fc.assert(
      fc.property(ip, fc.integer({ min: -1, max: 129 }), (address, length) => {
        const text = length < 0 ? address : `${address}/${length}`;
        let slow: string | undefined;
        try {
          slow = printPrefix(parsePrefix(text, { hostBits: 'clear' }));
        } catch {
          slow = undefined;
        }
        expect(canonicalPrefix(text)).toBe(slow);
      }),
      { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 500) },
    );
  });
});
