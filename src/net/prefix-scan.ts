/**
 * Prefixes as lists write them, scanned to numbers without an object in between.
 *
 * @module
 */
import { maskOf, scanAddress, scanned } from './ip-scan.ts';

/** What `scanPrefix` adds to the length of an IPv6 prefix, so that one number says both. */
export const V6 = 256;

/** The text is no prefix. */
export const NOT_A_PREFIX = -1;
/** The text is an IPv4-mapped prefix of fewer than 96 bits, which would hold both families. */
export const BOTH_FAMILIES = -2;

/**
 * Scans `192.0.2.0/24`, `2001:db8::/32`, or a bare address, which is its own /32 or /128. The words of the address are in
 * `scanned`, host bits included.
 *
 * @returns the length of the prefix, `V6` added for IPv6; negative where the text is none
 */
export function scanPrefix(text: string, from: number, to: number): number {
  let slash = to - 1;
  const least = Math.max(to - 4, from);
  while (slash >= least && text.charCodeAt(slash) !== 47) slash--;
  if (slash < least) return scanHost(text, from, to);
  const digits = to - slash - 1;
  if (digits === 0) return NOT_A_PREFIX;
  let length = 0;
  for (let i = slash + 1; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return NOT_A_PREFIX;
    length = length * 10 + digit;
  }
  if (digits > 1 && text.charCodeAt(slash + 1) === 48) return NOT_A_PREFIX;
  const host = scanHost(text, from, slash);
  if (host < 0) return host;
  if (host === V6 + 128) return length > 128 ? NOT_A_PREFIX : V6 + length;
  if (slash - from > 15 || hasColon(text, from, slash)) {
    return length > 128 ? NOT_A_PREFIX : length < 96 ? BOTH_FAMILIES : length - 96;
  }
  return length > 32 ? NOT_A_PREFIX : length;
}

function scanHost(text: string, from: number, to: number): number {
  const version = scanAddress(text, from, to);
  if (version === 0) return NOT_A_PREFIX;
  if (version === 4) return 32;
  // A zone names an interface of the machine that wrote it: it has no place in a list.
  if (scanned[0]! >>> 22 === 0x3fa && text.slice(from, to).includes('%')) return NOT_A_PREFIX;
  return V6 + 128;
}

function hasColon(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (text.charCodeAt(i) === 58) return true;
  return false;
}

/**
 * Clears the host bits of what was scanned last.
 *
 * @returns whether any was set
 */
export function clearHostBits(code: number): boolean {
  if (code < V6) {
    const word = scanned[0]!;
    scanned[0] = word & maskOf(code);
    return scanned[0] !== word;
  }
  let set = false;
  for (let i = 0; i < 4; i++) {
    const word = scanned[i]!;
    scanned[i] = word & maskOf(code - V6 - i * 32);
    if (scanned[i] !== word) set = true;
  }
  return set;
}
