import { createHash, type Hash } from 'node:crypto';
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { BodyHash, type RunningHash } from '../../../src/checks/message-authentication/body.ts';
import { canonicalBody, octets } from './mail.ts';

const numRuns = Number(process.env.POSTERN_FUZZ_RUNS ?? 100);

/** Keeps what was hashed, and counts. */
class Kept implements RunningHash {
  text = '';
  updates = 0;
  readonly #hash: Hash = createHash('sha256');

  update(piece: Uint8Array): void {
    this.updates++;
    this.text += Buffer.from(piece).toString('latin1');
    this.#hash.update(piece);
  }
  copy(): RunningHash {
    return this.#hash.copy();
  }
  digest(encoding: 'base64'): string {
    return this.#hash.digest(encoding);
  }
}

const sha256 = (text: string): string => createHash('sha256').update(octets(text)).digest('base64');

function canonical(
  body: string,
  how: 'simple' | 'relaxed',
  sizes: readonly number[] = [body.length],
  lengths: number[] = [],
) {
  const kept = new Kept();
  const hash = new BodyHash(how, kept, lengths);
  const all = octets(body);
  for (let at = 0, n = 0; at < all.length; n++) {
    const size = sizes[n % sizes.length] as number;
    hash.write(all.subarray(at, at + size));
    at += size;
  }
  hash.end();
  return { text: kept.text, updates: kept.updates, hash };
}

describe('a canonicalized body', () => {
  test.each<[string, string, string]>([
    // RFC 6376 §3.4.5: the example.
    [' C \r\nD \t E\r\n\r\n\r\n', ' C \r\nD \t E\r\n', ' C\r\nD E\r\n'],
    ['', '\r\n', ''],
    ['\r\n', '\r\n', ''],
    ['\r\n\r\n', '\r\n', ''],
    [' \r\n\t\r\n', ' \r\n\t\r\n', ''],
    [' ', ' \r\n', ''],
    ['a', 'a\r\n', 'a\r\n'],
    ['a\r\n\r\nb\r\n\r\n', 'a\r\n\r\nb\r\n', 'a\r\n\r\nb\r\n'],
    ['\r\n\r\na', '\r\n\r\na\r\n', '\r\n\r\na\r\n'],
    ['a  \t b', 'a  \t b\r\n', 'a b\r\n'],
    ['\t a', '\t a\r\n', ' a\r\n'],
    ['a\n\nb\n', 'a\r\n\r\nb\r\n', 'a\r\n\r\nb\r\n'],
    ['a\rb', 'a\rb\r\n', 'a\rb\r\n'],
    ['a\r', 'a\r\r\n', 'a\r\r\n'],
    ['a \r', 'a \r\r\n', 'a \r\r\n'],
    ['\r', '\r\r\n', '\r\r\n'],
    ['\r\r\n', '\r\r\n', '\r\r\n'],
    ['a\r \r\nb', 'a\r \r\nb\r\n', 'a\r\r\nb\r\n'],
    ['\0\x0b\xff\r\n', '\0\x0b\xff\r\n', '\0\x0b\xff\r\n'],
  ])('%j', (body, simple, relaxed) => {
    for (const sizes of [[body.length || 1], [1], [2, 1]]) {
      expect(canonical(body, 'simple', sizes).text).toBe(simple);
      expect(canonical(body, 'relaxed', sizes).text).toBe(relaxed);
    }
  });

  const line = fc.oneof(
    fc.constantFrom('\r\n', ' ', '\t', 'a', 'bc', ' \r\n', '\r\n\r\n', '  ', '.', '\xff', '\0'),
    fc.string({ maxLength: 5 }).map((text) => text.replace(/[^ -~]/g, '')),
  );
  property.prop([fc.array(line, { maxLength: 60 }), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })], {
    numRuns,
  })('any lines in any pieces → by the letter of RFC 6376', (parts, sizes) => {
    const body = parts.join('');
    for (const how of ['simple', 'relaxed'] as const)
      expect(canonical(body, how, sizes).text).toBe(canonicalBody(body, how));
  });

  const octet = fc.constantFrom('\r', '\n', ' ', '\t', 'a', '\0');
  property.prop(
    [
      fc.array(octet, { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 3 }),
    ],
    { numRuns },
  )('any octets → the same in any pieces, and each length the hash of that much', (parts, sizes, lengths) => {
    const body = parts.join('');
    for (const how of ['simple', 'relaxed'] as const) {
      const whole = canonical(body, how, undefined, lengths);
      expect(canonical(body, how, sizes).text).toBe(whole.text);
      expect(whole.hash.length).toBe(whole.text.length);
      expect(whole.hash.hash()).toBe(sha256(whole.text));
      for (const length of lengths) expect(whole.hash.hash(length)).toBe(sha256(whole.text.slice(0, length)));
    }
  });

  test('lengths beyond the buffer', () => {
    const body = 'x y\r\n'.repeat(50_000);
    const lengths = [0, 1, 65_533, 65_534, 65_535, 65_536, 100_001, 249_999, 250_000, 250_001];
    const { hash, text } = canonical(body, 'relaxed', undefined, lengths);
    for (const length of lengths) expect(hash.hash(length)).toBe(sha256(text.slice(0, length)));
  });

  test.each([
    ['at the end', `a${'\r\n'.repeat(40_000)}`, 'a\r\n'],
    ['in the middle', `a${'\r\n'.repeat(40_000)}b${'\r\n'.repeat(20_000)}c`, undefined],
    ['alone', '\r\n'.repeat(40_000), undefined],
    ['and a blank', `a${'\r\n'.repeat(40_000)} `, undefined],
    ['twice at the end', `a${'\r\n'.repeat(40_000)}b${'\r\n'.repeat(40_000)}`, undefined],
  ])('many line ends, %s → the same by the letter, lengths included', (_, body, expected) => {
    const lengths = [0, 1, 2, 3, 1_000, 32_767, 32_768, 32_769, 65_536, 80_000, 80_001, 80_002, 80_003, 120_000];
    for (const how of ['simple', 'relaxed'] as const) {
      const hash = new BodyHash(how, createHash('sha256'), lengths);
      hash.write(octets(body));
      hash.end();
      const text = canonicalBody(body, how);
      if (expected !== undefined) expect(text).toBe(expected);
      expect(hash.hash()).toBe(sha256(text));
      expect(hash.length).toBe(text.length);
      for (const length of lengths)
        expect([length, hash.hash(length)]).toEqual([length, sha256(text.slice(0, length))]);
    }
  });

  test.each<[string, string]>([
    ['one long line', 'x'.repeat(100_000)],
    ['spaces', ' '.repeat(100_000)],
    ['line ends', '\r\n'.repeat(50_000)],
    ['line ends and a letter', `${'\r\n'.repeat(50_000)}x`],
    ['bare CR', '\r'.repeat(100_000)],
    ['spaces at the ends of lines', `${' '.repeat(1_000)}\r\n`.repeat(100)],
  ])('%s, one octet at a time → few pieces are hashed, whatever its shape', (_, body) => {
    for (const how of ['simple', 'relaxed'] as const) {
      const { updates, text } = canonical(body, how, [1]);
      expect(updates).toBeLessThanOrEqual(text.length / 30_000 + 4);
    }
  });
});
