import { wholeNumber, wrongOption } from '../../core/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipBytes, prefixKey } from '../../net/index.ts';
import { numberFromOne } from './answers.ts';

/** A prefix length that is counted together, and its multiple of the limit. */
export interface PrefixClass {
  /** Length of the prefix for IPv4, 1 to 32. */
  readonly v4: number;
  /** Length of the prefix for IPv6, 1 to 128. The smallest block of a customer is a /64. */
  readonly v6: number;
  /** The limit is multiplied by this; at least 1. */
  readonly times: number;
}

/** Counts an address, its neighbours and the wider network at once: a client with many addresses in one network is one client. */
export const prefixClasses: readonly PrefixClass[] = [
  { v4: 32, v6: 64, times: 1 },
  { v4: 26, v6: 48, times: 3 },
  { v4: 21, v6: 32, times: 9 },
];

/** Returns the option `classes`. */
export function checkedClasses(owner: string, classes: readonly PrefixClass[]): readonly PrefixClass[] {
  if (!Array.isArray(classes) || classes.length === 0)
    throw wrongOption(owner, 'classes', 'a list of { v4, v6, times }', classes);
  for (const { v4, v6, times } of classes as readonly PrefixClass[]) {
    wholeNumber(owner, 'classes: v4', v4, 1, 32);
    wholeNumber(owner, 'classes: v6', v6, 1, 128);
    numberFromOne(owner, 'classes: times', times);
  }
  return classes;
}

/** Returns the prefix of `length` bits around an IPv4 address in canonical text: `192.0.2.64/26`. */
function prefixOf4(text: string, length: number): string {
  if (length === 32) return `${text}/32`;
  // The octets before the one that is cut stay unchanged.
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

/** By length and by the octet that is cut: the end of the text, `64/26` or `248.0/21`. */
const tails4: readonly (readonly string[])[] = Array.from({ length: 32 }, (_, length) =>
  Array.from({ length: 256 }, (_, octet) => `${octet}${'.0'.repeat(3 - (length >> 3))}/${length}`),
);

/** Returns a prefix of up to 64 bits. The rest is the longest run of zeroes, which `::` replaces (RFC 5952 §4.2). */
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

/** Returns the prefixes of an address in canonical text, one for each class. */
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
