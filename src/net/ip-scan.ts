/**
 * A strict scanner for addresses in text. It accepts what `node:net` accepts, and allocates no object.
 *
 * Its result is in `scanned`, which every scan overwrites: read it before the next scan.
 *
 * @module
 */

/** Longest text that is scanned. The longest address is 45 characters, and a zone may follow it. */
export const MAX_ADDRESS_TEXT = 64;

/**
 * The words of the last address scanned, most significant first: one for IPv4, four for IPv6. They are signed, because a
 * signed 32-bit number needs no allocation; `>>> 0` converts one to the unsigned number.
 */
export const scanned: Int32Array = new Int32Array(4);

const groups = new Int32Array(8);

/** The form in which the last IPv6 address was written. */
const spelling = { canonical: false };

/**
 * Scans `text` from `from` up to `to`. IPv4-mapped IPv6 is IPv4. A zone (`%eth0`) is removed from a link-local address, and
 * makes any other address invalid.
 *
 * @returns 4 or 6, or 0 if the text is not an address
 */
export function scanAddress(text: string, from: number, to: number): 0 | 4 | 6 {
  if (to - from > MAX_ADDRESS_TEXT) return 0;
  return scanIpv4(text, from, to) ? 4 : scanIpv6(text, from, to);
}

/** Whether the IPv6 address scanned last was written in canonical form (RFC 5952 §4). */
export const wasCanonical = (): boolean => spelling.canonical;

/** `%eth0` from `from` up to `to`: letters, digits and `_.-`, at least one. */
function isZone(text: string, from: number, to: number): boolean {
  for (let i = from + 1; i < to; i++) {
    const c = text.charCodeAt(i);
    const fits = (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 122) || c === 95 || c === 46 || c === 45;
    if (!fits) return false;
  }
  return to - from > 1;
}

/** Dotted decimal: four numbers up to 255 without leading zeroes. */
export function scanIpv4(text: string, from: number, to: number): boolean {
  if (to - from < 7 || to - from > 15) return false;
  let word = 0;
  let i = from;
  for (let octet = 0; octet < 4; octet++) {
    if (i >= to) return false;
    let value = text.charCodeAt(i++) - 48;
    if (value >>> 0 > 9) return false;
    // One digit is here. Up to two more may follow, unless the first is a zero.
    let c = i < to ? text.charCodeAt(i) - 48 : DOT;
    if (c >>> 0 <= 9) {
      if (value === 0) return false;
      value = value * 10 + c;
      c = ++i < to ? text.charCodeAt(i) - 48 : DOT;
      if (c >>> 0 <= 9) {
        value = value * 10 + c;
        if (value > 255) return false;
        c = ++i < to ? text.charCodeAt(i) - 48 : DOT;
      }
    }
    if (c !== DOT) return false;
    i++;
    word = (word << 8) | value;
  }
  // The last octet must end where the text ends.
  if (i !== to + 1) return false;
  scanned[0] = word;
  return true;
}

/** The code of a dot minus the code of a zero. */
const DOT = -2;

/** Marks characters that are not hexadecimal digits in the table below. */
const NO_DIGIT = 64;
const UPPER_CASE = 16;

/** The value of a hexadecimal digit by its character code. Upper-case digits have a flag bit, so that one OR collects it. */
const hexValue = new Uint8Array(128).fill(NO_DIGIT);
for (let i = 0; i < 22; i++) {
  hexValue['0123456789abcdefABCDEF'.charCodeAt(i)] = i < 16 ? i : (i - 6) | UPPER_CASE;
}

/** The smallest group with n digits and no leading zero. */
const leastOfLength = new Int32Array([0, 0, 0x10, 0x100, 0x1000]);

/** RFC 4291 §2.2, and RFC 4007 §11 for the zone. */
function scanIpv6(text: string, from: number, to: number): 0 | 4 | 6 {
  let at = 0;
  let gap = -1;
  let i = from;
  let seen = 0;
  let plain = true;
  let zeroes = false;
  let zone = false;
  if (to - from < 2) return 0;
  if (text.charCodeAt(i) === 58) {
    if (text.charCodeAt(i + 1) !== 58) return 0;
    gap = 0;
    i += 2;
  }
  while (i < to) {
    if (at === 8) return 0;
    let c = 0;
    let value = 0;
    const start = i;
    const last = Math.min(i + 5, to);
    for (; i < last; i++) {
      c = text.charCodeAt(i);
      const digit = c < 128 ? hexValue[c]! : NO_DIGIT;
      if (digit === NO_DIGIT) break;
      seen |= digit;
      value = (value << 4) | (digit & 15);
    }
    const length = i - start;
    if (length === 0 && c === 37 && gap === at) {
      if (!isZone(text, i, to)) return 0;
      zone = true;
      break;
    }
    if (c === 46 && i < to) {
      let end = text.indexOf('%', i);
      if (end < 0 || end > to) end = to;
      else if (isZone(text, end, to)) zone = true;
      else return 0;
      if (at > 6 || !scanIpv4(text, start, end)) return 0;
      groups[at] = scanned[0]! >>> 16;
      groups[at + 1] = scanned[0]! & 0xffff;
      at += 2;
      plain = false;
      break;
    }
    if (length === 0 || length > 4) return 0;
    if (value < leastOfLength[length]!) plain = false;
    if (value === 0) zeroes = true;
    groups[at++] = value;
    if (i === to) break;
    if (c === 37) {
      if (!isZone(text, i, to)) return 0;
      zone = true;
      break;
    }
    if (c !== 58) return 0;
    i++;
    if (i === to) return 0;
    if (text.charCodeAt(i) === 58) {
      if (gap >= 0) return 0;
      gap = at;
      i++;
    }
  }
  const shift = 8 - at;
  if (gap < 0) {
    if (shift !== 0) return 0;
  } else {
    if (shift === 0) return 0;
    for (let g = at - 1; g >= gap; g--) groups[g + shift] = groups[g]!;
    for (let g = 0; g < shift; g++) groups[gap + g] = 0;
    if (shift === 1) plain = false;
  }
  const w0 = (groups[0]! << 16) | groups[1]!;
  const w1 = (groups[2]! << 16) | groups[3]!;
  const w2 = (groups[4]! << 16) | groups[5]!;
  const w3 = (groups[6]! << 16) | groups[7]!;
  if (zone && w0 >>> 22 !== 0x3fa) return 0;
  if (w0 === 0 && w1 === 0 && w2 === 0xffff) {
    scanned[0] = w3;
    return 4;
  }
  spelling.canonical = plain && !zone && (seen & UPPER_CASE) === 0 && (!zeroes || gapIsFirstLongest(gap, shift));
  scanned[0] = w0;
  scanned[1] = w1;
  scanned[2] = w2;
  scanned[3] = w3;
  return 6;
}

/** RFC 5952 §4.2: `::` shortens the first longest run of two or more zero groups. */
function gapIsFirstLongest(gap: number, length: number): boolean {
  const shortened = gap < 0 ? 1 : length;
  let run = 0;
  for (let g = 0; g < 8; g++) {
    if (groups[g] !== 0) {
      run = 0;
      continue;
    }
    run++;
    if (run > shortened) return false;
    if (run === shortened && gap >= 0 && g - run + 1 < gap) return false;
  }
  return true;
}

/** Returns the mask of the first `bits` bits of a word. */
export const maskOf = (bits: number): number => (bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits));
