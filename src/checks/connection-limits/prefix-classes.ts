import type { IpAddress } from '../../net/index.ts';
import { ipBytes, prefixKey } from '../../net/index.ts';

/** How wide a neighbourhood is counted together, and how much more it may have than the narrowest. */
export interface PrefixClass {
  /** Length of the prefix for IPv4, 1 to 32. */
  readonly v4: number;
  /** Length of the prefix for IPv6, 1 to 128; the smallest block a customer gets is a /64. */
  readonly v6: number;
  /** The limit is multiplied by this; at least 1. */
  readonly times: number;
}

/**
 * One address, its neighbours, and the wider network, at once: whoever has a whole /64, or rents addresses side by side,
 * is still one client.
 */
export const prefixClasses: readonly PrefixClass[] = [
  { v4: 32, v6: 64, times: 1 },
  { v4: 26, v6: 48, times: 3 },
  { v4: 21, v6: 32, times: 9 },
];

/** @throws TypeError that names the option, its value and what is allowed */
export function checkClasses(maker: string, classes: readonly PrefixClass[]): readonly PrefixClass[] {
  if (!Array.isArray(classes) || classes.length === 0)
    throw new TypeError(`${maker}: classes must be a list of { v4, v6, times }`);
  for (const { v4, v6, times } of classes as readonly PrefixClass[]) {
    if (!(Number.isInteger(v4) && v4 >= 1 && v4 <= 32))
      throw new TypeError(`${maker}: classes: v4 ${v4} must be a prefix length from 1 to 32`);
    if (!(Number.isInteger(v6) && v6 >= 1 && v6 <= 128))
      throw new TypeError(`${maker}: classes: v6 ${v6} must be a prefix length from 1 to 128`);
    if (!(times >= 1 && Number.isFinite(times)))
      throw new TypeError(`${maker}: classes: times ${times} must be a number from 1`);
  }
  return classes;
}

/** `192.0.2.64/26`: the prefix of `length` bits that holds an IPv4 address in canonical text. */
function prefixOf4(text: string, length: number): string {
  if (length === 32) return `${text}/32`;
  // What lies before the octet that is cut stays as it is written.
  const cut = length >> 3;
  let from = 0;
  for (let octet = 0; octet < cut; octet++) from = text.indexOf('.', from) + 1;
  let value = 0;
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) break;
    value = value * 10 + c - 48;
  }
  return (
    text.slice(0, from) + ((tails4[length] as readonly string[])[value & (0xff00 >> (length & 7)) & 0xff] as string)
  );
}

/** By length and the octet that is cut: that octet and what follows, `64/26`, `248.0/21`. */
const tails4: readonly (readonly string[])[] = Array.from({ length: 32 }, (_, length) =>
  Array.from({ length: 256 }, (_, octet) => `${octet}${'.0'.repeat(3 - (length >> 3))}/${length}`),
);

/** The prefix of up to 64 bits: what follows is the longest run of zeroes, so `::` stands for that (RFC 5952 §4.2). */
function prefixOf6(bytes: Uint8Array, length: number): string {
  let text = '';
  let zeroes = '';
  for (let i = 0; i * 16 < length; i++) {
    const keep = Math.min(16, length - i * 16);
    const group = (((bytes[i * 2] as number) << 8) | (bytes[i * 2 + 1] as number)) & (0xffff0000 >> keep) & 0xffff;
    if (group === 0) zeroes += '0:';
    else {
      text += zeroes + group.toString(16);
      text += ':';
      zeroes = '';
    }
  }
  return text === '' ? `::/${length}` : `${text}:/${length}`;
}

/** The prefixes of an address, one for each class, in canonical text. */
export function prefixesOf(address: IpAddress, classes: readonly PrefixClass[]): string[] {
  const prefixes: string[] = [];
  if (!address.includes(':')) {
    for (const { v4 } of classes) prefixes.push(prefixOf4(address, v4));
    return prefixes;
  }
  const bytes = ipBytes(address);
  for (const { v6 } of classes) prefixes.push(v6 <= 64 ? prefixOf6(bytes, v6) : prefixKey(address, { v4: 32, v6 }));
  return prefixes;
}
