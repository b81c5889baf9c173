import fc from 'fast-check';
import { client } from 'postern/checks/connection-limits';
import { ipFromBytes, parsePrefix, prefixKey, printPrefix } from 'postern/net';
import { expect, test } from 'vitest';
import { facts } from './facts.ts';

const octets = (length: number) =>
  fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 })), { minLength: length, maxLength: length });

test.each([
  ['IPv4', 4, 32],
  ['IPv6', 16, 128],
] as const)('%s: the key of a class is the prefix in canonical text, as net prints it', (_, length, bits) => {
  fc.assert(
    fc.property(octets(length), fc.integer({ min: 1, max: bits }), (bytes, prefix) => {
      const ip = ipFromBytes(bytes);
      fc.pre(ip.includes(':') === (length === 16));
      const lengths = { v4: Math.min(prefix, 32), v6: prefix };
      const key = client([{ ...lengths, times: 1 }]).of(facts({ ip }))[0]?.key as string;
      expect(key).toBe(prefixKey(ip, lengths));
      expect(printPrefix(parsePrefix(key))).toBe(key);
    }),
  );
});
