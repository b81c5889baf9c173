import type { IpAddress, Prefix } from './ip.ts';
import { ipBytes, ipFromBytes, ipVersion } from './ip.ts';

/**
 * Returns the fewest prefixes that together cover a range of addresses, both ends included, in order.
 *
 * @returns undefined if the ends are of different families, or the first is after the last
 */
export function prefixesOfRange(first: IpAddress, last: IpAddress): Prefix[] | undefined {
  if (ipVersion(first) !== ipVersion(last)) return undefined;
  if (ipVersion(first) === 4) return prefixesOfRange4(wordOf(first), wordOf(last));
  const bits = 128;
  let from = numberOf(first);
  const to = numberOf(last);
  if (from > to) return undefined;
  const prefixes: Prefix[] = [];
  while (from <= to) {
    let host = 0;
    while (host < bits && (from & ((2n << BigInt(host)) - 1n)) === 0n && from + (2n << BigInt(host)) - 1n <= to) host++;
    prefixes.push({ address: addressOf(from, bits), length: bits - host });
    from += 1n << BigInt(host);
  }
  return prefixes;
}

/** The IPv4 case in numbers: lists have hundreds of thousands of ranges, and BigInt is slow. */
function prefixesOfRange4(first: number, last: number): Prefix[] | undefined {
  if (first > last) return undefined;
  const prefixes: Prefix[] = [];
  let from = first;
  while (from <= last) {
    let size = 1;
    let length = 32;
    while (length > 0 && from % (size * 2) === 0 && from + size * 2 - 1 <= last) {
      size *= 2;
      length--;
    }
    prefixes.push({
      address: ipFromBytes([from >>> 24, (from >>> 16) & 255, (from >>> 8) & 255, from & 255]),
      length,
    });
    from += size;
  }
  return prefixes;
}

const wordOf = (address: IpAddress): number => ipBytes(address).reduce((sum, byte) => sum * 256 + byte, 0);

const numberOf = (address: IpAddress): bigint => ipBytes(address).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

function addressOf(value: bigint, bits: number): IpAddress {
  const bytes = new Uint8Array(bits / 8);
  for (let i = bytes.length - 1, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 255n);
  return ipFromBytes(bytes);
}
