/**
 * The search structure of `PrefixSet`: every distinct prefix once, in typed arrays. Prefixes are not merged, so that the table
 * that answers "is it listed?" also answers "by which entry?".
 *
 * IPv4: the /16 leads to a slot. The slot has two bits for each of its /24s (any hosts? any networks?), and the positions of
 * its hosts and networks. Hosts are sorted 16-bit numbers. Networks are sorted by start, and each refers to its enclosing network.
 * IPv6: the first 32 bits lead to a slot in the same way. Its networks up to /64 and its longer prefixes are kept separately.
 * Prefixes up to /16 (IPv4) and /32 (IPv6) are in tables of their own.
 *
 * Words of an address are passed as signed numbers (which need no allocation) and compared as unsigned ones.
 *
 * A row is the number of a prefix. Rows are numbered across the tables in the order of `rowBases`.
 *
 * @module
 */
import { maskOf } from '../net/index.ts';

/**
 * Words in the record of a slot: eight pairs of filter words with one bit for each /24 (first word of a pair: a host is in it;
 * second: a network reaches into it), then the position of its hosts and the position of its networks.
 */
export const SLOT_WORDS = 18;
/** Index of the word with the position of the slot's hosts. */
export const HOSTS_AT = 16;
/** Index of the word with the position of its networks. */
export const NETS_AT = 17;

/** The arrays of a table. A list of parents is empty if nothing is nested; the lengths of `long6` if all are hosts. */
export interface TableArrays {
  /** IPv4 prefixes /0 to /16: the /16 at which they start, their length, and how many rows back the enclosing prefix is. */
  readonly wide4: Uint32Array;
  readonly wide4Lengths: Uint8Array;
  readonly wide4Parents: Uint32Array;
  /** One bit for each /16 that a wide prefix covers; empty if there is none. */
  readonly wide4Bits: Uint32Array;
  /** The slot of each /16, plus one; empty if `slots4` is searched instead, or if every /16 has a slot. */
  readonly dense4: Uint16Array;
  /** The /16 of each slot, in ascending order. */
  readonly slots4: Uint16Array;
  readonly records4: Uint32Array;
  readonly hosts4: Uint16Array;
  /** IPv4 prefixes /17 to /31. */
  readonly nets4: Uint16Array;
  readonly nets4Lengths: Uint8Array;
  readonly nets4Parents: Uint16Array;
  /** IPv6 prefixes /0 to /32. */
  readonly wide6: Uint32Array;
  readonly wide6Lengths: Uint8Array;
  readonly wide6Parents: Uint32Array;
  readonly wide6Index: Uint32Array;
  /** The first 32 bits of each slot, in ascending order. */
  readonly slots6: Uint32Array;
  readonly slots6Index: Uint32Array;
  /** Two words per slot: the positions of its networks and of its long prefixes. */
  readonly records6: Uint32Array;
  /** IPv6 prefixes /33 to /64: the second word. */
  readonly nets6: Uint32Array;
  readonly nets6Lengths: Uint8Array;
  readonly nets6Parents: Uint32Array;
  /** IPv6 prefixes /65 to /128: three words. */
  readonly long6: Uint32Array;
  readonly long6Lengths: Uint8Array;
  readonly long6Parents: Uint32Array;
}

export interface RowBases {
  readonly hosts4: number;
  readonly nets4: number;
  readonly wide6: number;
  readonly nets6: number;
  readonly long6: number;
  readonly end: number;
}

export const rowBases = (arrays: TableArrays): RowBases => {
  const hosts4 = arrays.wide4.length;
  const nets4 = hosts4 + arrays.hosts4.length;
  const wide6 = nets4 + arrays.nets4.length;
  const nets6 = wide6 + arrays.wide6.length;
  const long6 = nets6 + arrays.nets6.length;
  return { hosts4, nets4, wide6, nets6, long6, end: long6 + arrays.long6.length / 3 };
};

/** Returns the number of bits after 2000::/3 that an index over `rows` rows uses. */
export const indexBits = (rows: number): number => Math.min(16, Math.max(1, 32 - Math.clz32(rows) - 1));

/** Returns the bucket of a first word. 2000::/3 has nearly all buckets, because all public addresses are in it. */
export const bucketOf = (word: number, bits: number): number =>
  word >>> 29 === 1 ? 1 + ((word << 3) >>> (32 - bits)) : word >>> 29 === 0 ? 0 : (1 << bits) + 1;

/** Called with each row that covers an address, longest first. Returning true ends the visit. */
export type RowVisit = (row: number, length: number) => boolean;

export class PrefixTable {
  readonly arrays: TableArrays;
  readonly bases: RowBases;
  readonly #bits6Wide: number;
  readonly #bits6Slots: number;
  readonly #allSlots: boolean;

  constructor(arrays: TableArrays) {
    this.arrays = arrays;
    this.bases = rowBases(arrays);
    this.#bits6Wide = indexBits(arrays.wide6.length);
    this.#bits6Slots = indexBits(arrays.slots6.length);
    this.#allSlots = arrays.slots4.length === 0x10000;
  }

  /** Returns the longest IPv4 prefix that contains the address, or -1. */
  longest4(word: number): number {
    const { arrays, bases } = this;
    const slot = this.#slot4(word >>> 16);
    if (slot >= 0) {
      const { records4 } = arrays;
      const low = word & 0xffff;
      const record = slot * SLOT_WORDS;
      const next = record + SLOT_WORDS;
      const pair = record + ((low >>> 13) << 1);
      const bit = (low >>> 8) & 31;
      if ((records4[pair]! >>> bit) & 1) {
        const host = findHost4(arrays.hosts4, low, records4[record + HOSTS_AT]!, records4[next + HOSTS_AT]!);
        if (host >= 0) return bases.hosts4 + host;
      }
      if ((records4[pair + 1]! >>> bit) & 1) {
        const from = records4[record + NETS_AT]!;
        const last = lastAtMost16(arrays.nets4, low, from, records4[next + NETS_AT]!);
        const net = this.#nets4Around(low, from, last);
        if (net >= 0) return bases.nets4 + net;
      }
    }
    const { wide4Bits } = arrays;
    if (wide4Bits.length === 0 || ((wide4Bits[word >>> 21]! >>> ((word >>> 16) & 31)) & 1) === 0) return -1;
    return this.#wide4Around(word >>> 16, lastAtMost32(arrays.wide4, word >>> 16, 0, arrays.wide4.length));
  }

  /** Returns the longest IPv6 prefix that contains the address, or -1. */
  longest6(w0: number, w1: number, w2: number, w3: number): number {
    const { arrays, bases } = this;
    const slot = this.#slot6(w0);
    if (slot >= 0) {
      const { records6 } = arrays;
      const longFrom = records6[slot * 2 + 1]!;
      const longTo = records6[slot * 2 + 3]!;
      if (longFrom < longTo) {
        const long = this.#long6Around(w1, w2, w3, longFrom, lastAtMost96(arrays.long6, w1, w2, w3, longFrom, longTo));
        if (long >= 0) return bases.long6 + long;
      }
      const from = records6[slot * 2]!;
      const net = this.#nets6Around(w1, from, lastAtMost32(arrays.nets6, w1, from, records6[slot * 2 + 2]!));
      if (net >= 0) return bases.nets6 + net;
    }
    const wide = this.#wide6Around(w0, this.#lastWide6(w0));
    return wide < 0 ? -1 : bases.wide6 + wide;
  }

  /** Visits every IPv4 prefix that contains the address, longest first. */
  visit4(word: number, visit: RowVisit): void {
    const { arrays, bases } = this;
    const { records4, nets4Parents, wide4Parents } = arrays;
    const high = word >>> 16;
    const slot = this.#slot4(high);
    if (slot >= 0) {
      const low = word & 0xffff;
      const record = slot * SLOT_WORDS;
      const next = record + SLOT_WORDS;
      const host = findHost4(arrays.hosts4, low, records4[record + HOSTS_AT]!, records4[next + HOSTS_AT]!);
      if (host >= 0 && visit(bases.hosts4 + host, 32)) return;
      const from = records4[record + NETS_AT]!;
      const last = lastAtMost16(arrays.nets4, low, from, records4[next + NETS_AT]!);
      let net = this.#nets4Around(low, from, last);
      for (; net >= 0; net = this.#nets4Around(low, from, parentOf(nets4Parents, net))) {
        if (visit(bases.nets4 + net, arrays.nets4Lengths[net]!)) return;
      }
    }
    let wide = this.#wide4Around(high, lastAtMost32(arrays.wide4, high, 0, arrays.wide4.length));
    for (; wide >= 0; wide = this.#wide4Around(high, parentOf(wide4Parents, wide))) {
      if (visit(wide, arrays.wide4Lengths[wide]!)) return;
    }
  }

  /** Visits every IPv6 prefix that contains the address, longest first. */
  visit6(w0: number, w1: number, w2: number, w3: number, visit: RowVisit): void {
    const { arrays, bases } = this;
    const { records6, long6Parents, nets6Parents, wide6Parents } = arrays;
    const slot = this.#slot6(w0);
    if (slot >= 0) {
      const longFrom = records6[slot * 2 + 1]!;
      const lastLong = lastAtMost96(arrays.long6, w1, w2, w3, longFrom, records6[slot * 2 + 3]!);
      let long = this.#long6Around(w1, w2, w3, longFrom, lastLong);
      for (; long >= 0; long = this.#long6Around(w1, w2, w3, longFrom, parentOf(long6Parents, long))) {
        if (visit(bases.long6 + long, this.#long6Length(long))) return;
      }
      const from = records6[slot * 2]!;
      let net = this.#nets6Around(w1, from, lastAtMost32(arrays.nets6, w1, from, records6[slot * 2 + 2]!));
      for (; net >= 0; net = this.#nets6Around(w1, from, parentOf(nets6Parents, net))) {
        if (visit(bases.nets6 + net, arrays.nets6Lengths[net]!)) return;
      }
    }
    let wide = this.#wide6Around(w0, this.#lastWide6(w0));
    for (; wide >= 0; wide = this.#wide6Around(w0, parentOf(wide6Parents, wide))) {
      if (visit(bases.wide6 + wide, arrays.wide6Lengths[wide]!)) return;
    }
  }

  /** Visits every row in order, with the words of its network. The next call overwrites the words. */
  each(visit: (row: number, version: 4 | 6, words: Uint32Array, length: number) => void): void {
    const { arrays, bases } = this;
    const words = new Uint32Array(4);
    for (let i = 0; i < arrays.wide4.length; i++) {
      words[0] = arrays.wide4[i]! << 16;
      visit(i, 4, words, arrays.wide4Lengths[i]!);
    }
    for (let slot = 0; slot < arrays.slots4.length; slot++) {
      const high = arrays.slots4[slot]! << 16;
      for (
        let i = arrays.records4[slot * SLOT_WORDS + HOSTS_AT]!;
        i < arrays.records4[(slot + 1) * SLOT_WORDS + HOSTS_AT]!;
        i++
      ) {
        words[0] = high | arrays.hosts4[i]!;
        visit(bases.hosts4 + i, 4, words, 32);
      }
      for (
        let i = arrays.records4[slot * SLOT_WORDS + NETS_AT]!;
        i < arrays.records4[(slot + 1) * SLOT_WORDS + NETS_AT]!;
        i++
      ) {
        words[0] = high | arrays.nets4[i]!;
        visit(bases.nets4 + i, 4, words, arrays.nets4Lengths[i]!);
      }
    }
    for (let i = 0; i < arrays.wide6.length; i++) {
      words[0] = arrays.wide6[i]!;
      visit(bases.wide6 + i, 6, words, arrays.wide6Lengths[i]!);
    }
    for (let slot = 0; slot < arrays.slots6.length; slot++) {
      words[0] = arrays.slots6[slot]!;
      words[2] = 0;
      words[3] = 0;
      for (let i = arrays.records6[slot * 2]!; i < arrays.records6[slot * 2 + 2]!; i++) {
        words[1] = arrays.nets6[i]!;
        visit(bases.nets6 + i, 6, words, arrays.nets6Lengths[i]!);
      }
      for (let i = arrays.records6[slot * 2 + 1]!; i < arrays.records6[slot * 2 + 3]!; i++) {
        words.set(arrays.long6.subarray(i * 3, i * 3 + 3), 1);
        visit(bases.long6 + i, 6, words, this.#long6Length(i));
      }
    }
  }

  #slot4(high: number): number {
    const { dense4, slots4 } = this.arrays;
    if (dense4.length !== 0) return dense4[high]! - 1;
    if (this.#allSlots) return high;
    const slot = lastAtMost16(slots4, high, 0, slots4.length);
    return slot >= 0 && slots4[slot] === high ? slot : -1;
  }

  #slot6(word: number): number {
    const { slots6, slots6Index } = this.arrays;
    if (slots6.length === 0) return -1;
    const bucket = bucketOf(word, this.#bits6Slots);
    const from = slots6Index[bucket]!;
    const slot = lastAtMost32(slots6, word, from, slots6Index[bucket + 1]!);
    return slot >= from && slots6[slot] === word >>> 0 ? slot : -1;
  }

  #lastWide6(word: number): number {
    const { wide6, wide6Index } = this.arrays;
    if (wide6.length === 0) return -1;
    const bucket = bucketOf(word, this.#bits6Wide);
    return lastAtMost32(wide6, word, wide6Index[bucket]!, wide6Index[bucket + 1]!);
  }

  // Rows are sorted by start, wider rows first: every prefix that contains an address is the last row that starts at or
  // before the address, or encloses that row. So the search for the longest goes outwards.

  #nets4Around(low: number, from: number, row: number): number {
    const { nets4, nets4Lengths, nets4Parents } = this.arrays;
    let at = row;
    while (at >= from) {
      if (((nets4[at]! ^ low) & maskOf(nets4Lengths[at]!)) === 0) return at;
      at = parentOf(nets4Parents, at);
    }
    return -1;
  }

  #wide4Around(high: number, row: number): number {
    const { wide4, wide4Lengths, wide4Parents } = this.arrays;
    let at = row;
    while (at >= 0) {
      if ((((wide4[at]! ^ high) << 16) & maskOf(wide4Lengths[at]!)) === 0) return at;
      at = parentOf(wide4Parents, at);
    }
    return -1;
  }

  #wide6Around(word: number, row: number): number {
    const { wide6, wide6Lengths, wide6Parents } = this.arrays;
    let at = row;
    while (at >= 0) {
      if (((wide6[at]! ^ word) & maskOf(wide6Lengths[at]!)) === 0) return at;
      at = parentOf(wide6Parents, at);
    }
    return -1;
  }

  #nets6Around(word: number, from: number, row: number): number {
    const { nets6, nets6Lengths, nets6Parents } = this.arrays;
    let at = row;
    while (at >= from) {
      if (((nets6[at]! ^ word) & maskOf(nets6Lengths[at]! - 32)) === 0) return at;
      at = parentOf(nets6Parents, at);
    }
    return -1;
  }

  #long6Around(w1: number, w2: number, w3: number, from: number, row: number): number {
    const { long6, long6Parents } = this.arrays;
    let at = row;
    while (at >= from) {
      const length = this.#long6Length(at);
      const same =
        ((long6[at * 3]! ^ w1) |
          ((long6[at * 3 + 1]! ^ w2) & maskOf(length - 64)) |
          ((long6[at * 3 + 2]! ^ w3) & maskOf(length - 96))) ===
        0;
      if (same) return at;
      at = parentOf(long6Parents, at);
    }
    return -1;
  }

  #long6Length(row: number): number {
    const { long6Lengths } = this.arrays;
    return long6Lengths.length === 0 ? 128 : long6Lengths[row]!;
  }
}

/** Returns the enclosing row, or -1. */
function parentOf(parents: Uint16Array | Uint32Array, row: number): number {
  const back = parents.length === 0 ? 0 : parents[row]!;
  return back === 0 ? -1 : row - back;
}

/** Returns the position of `low` among the hosts of a slot, or -1. The steps do not depend on the data, so none is mispredicted. */
function findHost4(hosts: Uint16Array, low: number, from: number, to: number): number {
  let n = to - from;
  if (n === 0) return -1;
  let base = from;
  while (n > 1) {
    const half = n >>> 1;
    base += half & ((hosts[base + half]! - low - 1) >> 31);
    n -= half;
  }
  return hosts[base] === low ? base : -1;
}

/** Returns the last of the rows `from` up to `to` that is at most `value`, or the row before `from`. */
function lastAtMost16(rows: Uint16Array, value: number, from: number, to: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function lastAtMost32(rows: Uint32Array, word: number, from: number, to: number): number {
  const value = word >>> 0;
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function lastAtMost96(rows: Uint32Array, w1: number, w2: number, w3: number, from: number, to: number): number {
  const u1 = w1 >>> 0;
  const u2 = w2 >>> 0;
  const u3 = w3 >>> 0;
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = middle * 3;
    const first = rows[row]!;
    let atMost = first < u1;
    if (first === u1) {
      const second = rows[row + 1]!;
      atMost = second < u2 || (second === u2 && rows[row + 2]! <= u3);
    }
    if (atMost) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
