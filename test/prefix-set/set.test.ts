import fc from 'fast-check';
import { Address4, Address6 } from 'ip-address';
import { parsePrefix, printPrefix } from 'postern/net';
import type { PrefixEntry } from 'postern/prefix-set';
import { PrefixSet, PrefixSetBuilder } from 'postern/prefix-set';
import { describe, expect, test } from 'vitest';
import { randomNumbers, seed } from '../fuzz/generated.ts';

const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 100);

describe('prefix set: what is listed', () => {
  const set = PrefixSet.from([
    '192.0.2.0/24',
    '198.51.100.7',
    '10.0.0.0/8',
    '2001:db8::/32',
    '2001:db8:1::1',
    'fe80::/10',
  ]);
  test.each([
    ['192.0.2.1', true],
    ['192.0.3.1', false],
    ['198.51.100.7', true],
    ['198.51.100.8', false],
    ['10.255.0.1', true],
    ['11.0.0.0', false],
    ['2001:db8:ffff::1', true],
    ['2001:DB8::1', true],
    ['2001:db9::', false],
    ['::ffff:192.0.2.1', true],
    ['::ffff:c000:201', true],
    ['fe80::1%eth0', true],
  ])('%s → %s', (address, listed) => {
    expect(set.has(address)).toBe(listed);
    expect(set.lookup(address) !== undefined).toBe(listed);
  });

  test.each([
    '',
    'example.com',
    '010.1.1.1',
    '10.1.1',
    '0x0a000001',
    '10.1.1.1:25',
    '[10.1.1.1]',
    '10.1.1.1%eth0',
    ' 10.1.1.1',
    '::1%',
    '2001:db8::1%eth0',
  ])('unparsable %j → an error, never "not listed"', (text) => {
    for (const verb of ['has', 'lookup', 'explain'] as const) expect(() => set[verb](text)).toThrow(TypeError);
  });

  test('what is no string → an error', () => {
    expect(() => set.has(undefined as never)).toThrow(/PrefixSet\.has: undefined is not an IP address/);
    expect(() => PrefixSet.from('10.0.0.0/8')).toThrow(TypeError);
  });

  test.each([
    ['010.1.1.1/8', /leading zero/],
    ['192.0.2.1/24', /host bits/],
    ['192.0.2.0/33', /length/],
    ['192.0.2.0/024', /length/],
    ['192.0.2.0/', /length/],
    ['::ffff:192.0.2.0/90', /both families/],
    ['fe80::1%eth0', /zone/],
    ['example.com', /not an IP address or prefix/],
  ])('entry %j → an error that says why', (text, why) => {
    expect(() => PrefixSet.from(['192.0.2.0/24', text])).toThrow(why);
  });

  test('a mapped prefix is the IPv4 prefix', () => {
    const mapped = PrefixSet.from(['::ffff:192.0.2.0/120']);
    expect(mapped.has('192.0.2.9')).toBe(true);
    expect(mapped.lookup('192.0.2.9')).toEqual({ prefix: '192.0.2.0/24' });
  });

  test('the families never match each other: everything of one holds nothing of the other', () => {
    expect(PrefixSet.from(['::/0']).has('192.0.2.1')).toBe(false);
    expect(PrefixSet.from(['0.0.0.0/0']).has('2001:db8::1')).toBe(false);
    expect(PrefixSet.from(['0.0.0.0/0']).has('::ffff:192.0.2.1')).toBe(true);
  });

  test('host bits are cleared where that is asked for', () => {
    expect([...PrefixSet.from(['192.0.2.1/24'], { hostBits: 'clear' })]).toEqual([{ prefix: '192.0.2.0/24' }]);
    expect(() => PrefixSet.from([], { hostBits: 'keep' as never })).toThrow(/hostBits must be .*, got "keep"/);
  });

  test('an empty set', () => {
    const empty = PrefixSet.from([]);
    expect(empty.size).toBe(0);
    expect(empty.has('192.0.2.1')).toBe(false);
    expect(PrefixSet.fromBytes(empty.toBytes()).has('::1')).toBe(false);
  });
});

describe('prefix set: which entry', () => {
  const set = PrefixSet.from([
    { prefix: '192.0.2.0/24', list: 'drop', reason: 'hijacked' },
    { prefix: '192.0.2.0/24', list: 'local', reason: 'spam' },
    { prefix: '192.0.0.0/16', list: 'wide' },
    { prefix: '192.0.2.25', list: 'partners', allow: true },
    { prefix: '192.0.2.25', list: 'late' },
    { prefix: '192.0.2.64/26', except: true },
    { prefix: '198.51.100.0/24', reason: 'for a while', added: 500, expires: 1000 },
    { prefix: '203.0.113.0/24' },
    { prefix: '203.0.113.5', allow: true, expires: 1000 },
  ]);

  test('entries of one prefix keep their own reasons, longest prefix first', () => {
    expect(set.explain('192.0.2.1')).toEqual([
      { prefix: '192.0.2.0/24', list: 'drop', reason: 'hijacked' },
      { prefix: '192.0.2.0/24', list: 'local', reason: 'spam' },
      { prefix: '192.0.0.0/16', list: 'wide' },
    ]);
  });
  test('allow wins at equal length', () => {
    expect(set.lookup('192.0.2.25')).toEqual({ prefix: '192.0.2.25/32', list: 'partners', allow: true });
    expect(set.has('192.0.2.25')).toBe(false);
  });
  test('an exception is not listed, whatever is around it', () => {
    expect(set.has('192.0.2.65')).toBe(false);
    expect(set.lookup('192.0.2.65')).toEqual({ prefix: '192.0.2.64/26', except: true });
  });
  test('an entry that has ended counts no more, from the millisecond it ends', () => {
    expect([set.has('198.51.100.1'), set.has('198.51.100.1', 999), set.has('198.51.100.1', 1000)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(set.explain('198.51.100.1', 1000)).toEqual([]);
  });
  test('an allowance that has ended gives way to what is around it', () => {
    expect([set.has('203.0.113.5', 999), set.has('203.0.113.5', 1000)]).toEqual([false, true]);
  });
  test('size counts distinct prefixes, iteration gives every entry', () => {
    expect(set.size).toBe(7);
    expect([...set]).toHaveLength(9);
  });
  test.each([
    [{ prefix: '192.0.2.1', expires: 'soon' }, /expires "soon" is not a number/],
    [{ prefix: '192.0.2.1', expires: Number.NaN }, /expires/],
    [{ prefix: '192.0.2.1', list: 5 }, /list 5 is not a string/],
    [{ cidr: '192.0.2.1' }, /must be a prefix/],
    [null, /must be a prefix/],
  ])('entry %j → an error', (entry, why) => {
    expect(() => PrefixSet.from([entry as never])).toThrow(why);
  });
});

// A model that knows nothing of the structure: big integers from the reference parser.
interface ModelPrefix {
  readonly version: 4 | 6;
  readonly value: bigint;
  readonly length: number;
  readonly note: { readonly list?: string; readonly allow?: true };
}
const bitsOf = (version: 4 | 6): number => (version === 4 ? 32 : 128);
const covers = (prefix: ModelPrefix, version: 4 | 6, value: bigint): boolean =>
  prefix.version === version && (prefix.value ^ value) >> BigInt(bitsOf(version) - prefix.length) === 0n;
const textOf = (version: 4 | 6, value: bigint): string =>
  version === 4 ? Address4.fromBigInt(value).correctForm() : Address6.fromBigInt(value).correctForm();

/** Few distinct high bits, so that prefixes nest, repeat and touch. */
const arbitraryValue = (version: 4 | 6): fc.Arbitrary<bigint> =>
  version === 4
    ? fc
        .tuple(fc.constantFrom(0n, 0x0a000000n, 0xc0000200n, 0xffff0000n), fc.bigInt(0n, 0xffffn))
        .map(([a, b]) => a | b)
    : fc
        .tuple(
          fc.constantFrom(
            0n,
            0x20010db8n << 96n,
            (0x20010db8n << 96n) | (1n << 64n),
            0xffffffffn << 96n,
            0x2a000000n << 96n,
          ),
          fc.oneof(
            fc.bigInt(0n, 0xffn),
            fc.bigInt(0n, 0xffn).map((n) => n << 64n),
            fc.bigInt(0n, (1n << 96n) - 1n),
          ),
        )
        .map(([a, b]) => a | b);
const arbitraryPrefix: fc.Arbitrary<ModelPrefix> = fc.constantFrom<4 | 6>(4, 6).chain((version) =>
  fc
    .tuple(
      arbitraryValue(version),
      fc.oneof(
        fc.integer({ min: 0, max: bitsOf(version) }),
        fc.integer({ min: bitsOf(version) - 16, max: bitsOf(version) }),
      ),
      fc.constantFrom({}, {}, { list: 'a' }, { list: 'b' }, { allow: true as const }),
    )
    .map(([value, length, note]) => {
      const host = BigInt(bitsOf(version) - length);
      return { version, value: (value >> host) << host, length, note };
    }),
);
/** A v6 prefix in ::ffff:0:0/96 is IPv4, and one around it that is shorter has no mapped text: the model leaves both out. */
const isMapped = ({ version, value }: ModelPrefix): boolean => version === 6 && value >> 32n === 0xffffn;

describe('prefix set: against a model of big integers', () => {
  test('membership, longest prefix and every entry around an address, under nesting and repetition', () => {
    fc.assert(
      fc.property(
        fc.array(
          arbitraryPrefix.filter((prefix) => !isMapped(prefix)),
          { maxLength: 40 },
        ),
        fc.array(fc.tuple(fc.constantFrom<4 | 6>(4, 6), fc.bigInt(0n, 0xffffffffn)), { maxLength: 5 }),
        (prefixes, random) => {
          const entries = prefixes.map(
            ({ version, value, length, note }): PrefixEntry => ({
              prefix: `${textOf(version, value)}/${length}`,
              ...note,
            }),
          );
          const built = PrefixSet.from(entries);
          const loaded = PrefixSet.fromBytes(built.toBytes());
          const edges = prefixes.flatMap(({ version, value, length }): [4 | 6, bigint][] => {
            const size = 1n << BigInt(bitsOf(version) - length);
            const top = (1n << BigInt(bitsOf(version))) - 1n;
            return [value, value + size - 1n, value + size, value - 1n, value + size / 2n]
              .filter((at) => at >= 0n && at <= top)
              .map((at) => [version, at]);
          });
          for (const [version, value] of [...edges, ...random]) {
            if (version === 6 && value >> 32n === 0xffffn) continue;
            const around = prefixes
              .filter((prefix) => covers(prefix, version, value))
              .sort((a, b) => b.length - a.length || Number(b.note.allow ?? false) - Number(a.note.allow ?? false));
            const address = textOf(version, value);
            const distinct = new Set(around.map((prefix) => `${prefix.length} ${JSON.stringify(prefix.note)}`));
            for (const set of [built, loaded]) {
              expect(set.has(address)).toBe(around.length > 0 && around[0]!.note.allow === undefined);
              const explained = set.explain(address);
              expect(explained).toHaveLength(distinct.size);
              expect(explained.map((entry) => Number(entry.prefix.split('/')[1]))).toEqual(
                [...distinct].map((text) => Number.parseInt(text, 10)),
              );
              expect(set.lookup(address)).toEqual(explained[0]);
              if (around.length > 0) {
                expect(explained[0]!.prefix).toBe(`${textOf(version, around[0]!.value)}/${around[0]!.length}`);
                expect(explained[0]!.allow).toBe(around[0]!.note.allow);
              }
            }
          }
          expect(new Set([...built].map((entry) => entry.prefix)).size).toBe(built.size);
          expect(new Set([...built].map((entry) => entry.prefix))).toEqual(
            new Set(entries.map((entry) => printPrefix(parsePrefix(entry.prefix)))),
          );
        },
      ),
      { numRuns: runs },
    );
  });

  test(`many hosts (with seed=${seed}): the linear sort and the direct table answer as the small ones do`, () => {
    const random = randomNumbers();
    const next = (): number => random(0x1_0000_0000);
    const values = Array.from(
      { length: 20_000 },
      () => ((next() >>> 8) & 0xff) * 0x10000 + (next() >>> 16) + 0x0a000000,
    );
    const nets = Array.from({ length: 6_000 }, () => ({
      value: ((0x0b000000 + (next() >>> 8)) & 0xffffff00) >>> 0,
      length: 24,
    }));
    const text = (value: number): string => textOf(4, BigInt(value));
    for (const notes of [false, true]) {
      const set = PrefixSet.from(
        (function* () {
          for (const value of values) yield notes ? { prefix: text(value), reason: `r${value & 7}` } : text(value);
          for (const { value, length } of nets) yield `${text(value)}/${length}`;
        })(),
      );
      const hosts = new Set(values);
      const covered = new Set(nets.map(({ value }) => value >>> 8));
      expect(set.size).toBe(hosts.size + covered.size);
      for (let i = 0; i < 20_000; i++) {
        const value = 0x0a000000 + ((next() >>> 8) & 0xffffff) + (i & 1) * 0x1000000;
        expect(set.has(text(value))).toBe(hosts.has(value) || covered.has(value >>> 8));
      }
      for (const value of values.slice(0, 500)) {
        expect(set.lookup(text(value))).toEqual({
          prefix: `${text(value)}/32`,
          ...(notes ? { reason: `r${value & 7}` } : {}),
        });
      }
    }
  });
});

describe('prefix set: bytes', () => {
  const set = PrefixSet.from([
    '192.0.2.0/24',
    { prefix: '2001:db8::/48', list: 'a', reason: 'ü' },
    '10.0.0.0/8',
    '2001:db8::1',
  ]);
  test('what was written is what is read', () => {
    const loaded = PrefixSet.fromBytes(set.toBytes());
    expect([...loaded]).toEqual([...set]);
    expect(loaded.size).toBe(set.size);
  });
  test('bytes that start anywhere are read, shared or not', () => {
    const bytes = set.toBytes();
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    for (const share of [true, false])
      expect([...PrefixSet.fromBytes(shifted.subarray(1), { share })]).toEqual([...set]);
  });
  test('a set does not change with the bytes it gave or was given', () => {
    const bytes = set.toBytes();
    const loaded = PrefixSet.fromBytes(bytes);
    bytes.fill(0);
    expect(loaded.has('192.0.2.1') && set.has('192.0.2.1')).toBe(true);
  });
  test('every damaged byte and every missing end is found', () => {
    const bytes = set.toBytes();
    for (let i = 0; i < bytes.length; i += 1 + (i >> 6)) {
      const damaged = bytes.slice();
      damaged[i] = damaged[i]! ^ 0x40;
      expect(() => PrefixSet.fromBytes(damaged), `byte ${i}`).toThrow(TypeError);
    }
    for (const length of [0, 3, 100, bytes.length - 1])
      expect(() => PrefixSet.fromBytes(bytes.subarray(0, length))).toThrow(TypeError);
  });
});

describe('prefix set builder', () => {
  test('a part of a text is taken as it stands', () => {
    const builder = new PrefixSetBuilder({ hostBits: 'clear' });
    const line = 'add set 192.0.2.7/24 timeout 5';
    expect(builder.tryAdd(line, 8, 20)).toBe('host-bits');
    expect(builder.tryAdd(line, 0, 7)).toBe('syntax');
    expect(builder.tryAdd('::ffff:1.2.3.0/90', 0, 17)).toBe('both-families');
    expect(builder.tryAdd('0.0.0.0/0', 0, 9, undefined, { v4: 8, v6: 16 })).toBe('too-wide');
    expect([...builder.build()]).toEqual([{ prefix: '192.0.2.0/24' }]);
  });
});
