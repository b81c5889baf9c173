/**
 * Scans prefixes in text to numbers without allocating objects.
 *
 * @module
 */
import { ipFromBytes } from './ip.ts';
import { MAX_ADDRESS_TEXT, maskOf, scanAddress, scanned } from './ip-scan.ts';

/** Added to the length of an IPv6 prefix in a code, so that one number holds family and length. */
export const V6 = 256;

/** The text is not a prefix. */
export const NOT_A_PREFIX = -1;
/** The text is an IPv4-mapped prefix of fewer than 96 bits, which would contain both families. */
export const BOTH_FAMILIES = -2;

/**
 * Scans `192.0.2.0/24`, `2001:db8::/32`, or a bare address, which means its /32 or /128. The words of the address are in
 * `scanned`, host bits included.
 *
 * @returns the length of the prefix, plus `V6` for IPv6; negative if the text is not a prefix
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
  // A zone names an interface of the local machine. It makes no sense in a list.
  if (scanned[0]! >>> 22 === 0x3fa && text.slice(from, to).includes('%')) return NOT_A_PREFIX;
  return V6 + 128;
}

function hasColon(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (text.charCodeAt(i) === 58) return true;
  return false;
}

/**
 * Clears the host bits of the prefix scanned last.
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

/** Prints the prefix whose network is in `scanned`, in canonical form. */
export function printScanned(code: number): string {
  const bytes = new Uint8Array(code < V6 ? 4 : 16);
  for (let i = 0; i < bytes.length; i++) bytes[i] = scanned[i >> 2]! >>> (24 - (i & 3) * 8);
  return `${ipFromBytes(bytes)}/${code < V6 ? code : code - V6}`;
}

/** Returns the position of a prefix's slash; nothing longer than `/128` may follow it. -1 if there is none. */
function slashOf(text: string): number {
  for (let i = text.length - 1; i >= 0 && i >= text.length - 4; i--) if (text.charCodeAt(i) === 47) return i;
  return -1;
}

/**
 * Returns the canonical form of the prefix scanned last, with host bits cleared, from its text. Most texts are canonical
 * already and need no printing.
 */
export function canonicalForm(text: string, code: number, hadHostBits: boolean): string {
  if (hadHostBits || code >= V6) return printScanned(code);
  const slash = slashOf(text);
  // A colon means an IPv4-mapped address. IPv4 has at most 15 characters and no colon.
  const end = slash < 0 ? text.length : slash;
  if (end > 15 || hasColon(text, 0, end)) return printScanned(code);
  return slash < 0 ? `${text}/32` : text;
}

/**
 * Returns the canonical form of a prefix or an address, with host bits cleared: `192.0.2.0/24` for `192.0.2.9/24`,
 * `2001:db8::1/128` for `2001:DB8:0::1`. Use it as a key.
 *
 * @returns undefined if the text is not a prefix
 */
export function canonicalPrefix(text: string): string | undefined {
  if (typeof text !== 'string' || text.length > MAX_ADDRESS_TEXT) return undefined;
  const code = scanPrefix(text, 0, text.length);
  return code < 0 ? undefined : canonicalForm(text, code, clearHostBits(code));
}
