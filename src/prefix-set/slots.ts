/**
 * A hash table of keys that expire: open addressing in segments, so that no single call moves more than a small part of it,
 * however large it is.
 *
 * @module
 */

const SEGMENT_BITS = 8;
const SEGMENTS = 1 << SEGMENT_BITS;
const LEAST_SLOTS = 8;
/** A segment fuller than this grows a little. Between 0.59 and 0.68 it stays small and its probes short. */
const MAX_LOAD = 0.68;
const GROWTH = 1.15;
const SHRINK_BELOW = 0.25;
/** How many keys an eviction examines. */
const LOOKED_AT = 16;

interface Segment {
  /** The words of a slot: its key, its tick of expiry (0: the slot is free), and its value. */
  slots: Uint32Array;
  capacity: number;
  used: number;
}

/** A table of keys with a fixed number of words, each with a tick of expiry and one word as value. */
export class SlotTable {
  /** The key of the next call. Callers write it. */
  readonly key: Uint32Array;
  /** The number of keys, including expired ones that are not yet removed. */
  size = 0;
  /** The value of the key found last. */
  value = 0;
  readonly #keyWords: number;
  readonly #stride: number;
  readonly #seed: number;
  readonly #segments: Segment[];
  #cursorSegment = 0;
  #cursor = 0;

  constructor(keyWords: number, seed: number) {
    this.key = new Uint32Array(keyWords);
    this.#keyWords = keyWords;
    this.#stride = keyWords + 2;
    this.#seed = seed | 0;
    this.#segments = Array.from({ length: SEGMENTS }, () => ({ slots: new Uint32Array(0), capacity: 0, used: 0 }));
  }

  /** Returns the tick at which `key` expires, with its value in `value`; 0 if it is not present. */
  get(): number {
    const hash = this.#hash();
    const segment = this.#segments[hash & (SEGMENTS - 1)]!;
    const at = this.#find(segment, hash);
    if (at < 0) return 0;
    this.value = segment.slots[at + this.#keyWords + 1]!;
    return segment.slots[at + this.#keyWords]!;
  }

  /** Sets `key` until the tick `ends`, replacing its previous entry. */
  set(ends: number, value: number, now: number): void {
    const hash = this.#hash();
    const segment = this.#segments[hash & (SEGMENTS - 1)]!;
    let at = this.#find(segment, hash);
    if (at < 0) {
      // The search ends at a free slot.
      at = ~at;
      if (segment.used + 1 > segment.capacity * MAX_LOAD) {
        this.#rebuild(segment, Math.max(LEAST_SLOTS, Math.ceil(segment.capacity * GROWTH) + 1), now);
        at = this.#freeSlot(segment, hash);
      }
      for (let i = 0; i < this.#keyWords; i++) segment.slots[at + i] = this.key[i]!;
      segment.used++;
      this.size++;
    }
    segment.slots[at + this.#keyWords] = ends;
    segment.slots[at + this.#keyWords + 1] = value;
  }

  /** Removes `key`. Returns false if it was not present. */
  delete(): boolean {
    const hash = this.#hash();
    const segment = this.#segments[hash & (SEGMENTS - 1)]!;
    const at = this.#find(segment, hash);
    if (at < 0) return false;
    this.#free(segment, at / this.#stride);
    return true;
  }

  /** Examines the next `slots` slots and removes expired keys. */
  sweep(now: number, slots: number): number {
    let freed = 0;
    let emptySegments = 0;
    for (let left = slots; left > 0; left--) {
      const segment = this.#segments[this.#cursorSegment]!;
      if (this.#cursor >= segment.capacity) {
        if (segment.used < segment.capacity * SHRINK_BELOW && segment.capacity > LEAST_SLOTS)
          this.#rebuild(segment, Math.max(LEAST_SLOTS, Math.ceil(segment.used / 0.6)));
        this.#cursorSegment = (this.#cursorSegment + 1) & (SEGMENTS - 1);
        this.#cursor = 0;
        if (++emptySegments > SEGMENTS) break;
        continue;
      }
      const ends = segment.slots[this.#cursor * this.#stride + this.#keyWords]!;
      // Removing a key moves another one into its slot, so the cursor stays.
      if (ends !== 0 && ends <= now) {
        this.#free(segment, this.#cursor);
        freed++;
      } else this.#cursor++;
    }
    return freed;
  }

  /**
   * Makes room in a full table: removes the expired keys among a few near `key`, or else the one of them that expires first, if
   * that is before `ends`.
   *
   * @returns whether a key was removed
   */
  evictNear(ends: number, now: number): boolean {
    if (this.size === 0) return false;
    const hash = this.#hash();
    let soonest = ends;
    let victim = -1;
    let from: Segment | undefined;
    let seen = 0;
    for (let i = 0; i < SEGMENTS && seen < LOOKED_AT; i++) {
      const segment = this.#segments[(hash + i) & (SEGMENTS - 1)]!;
      if (segment.used === 0) continue;
      let slot = this.#home(segment, hash);
      for (let n = 0; n < segment.capacity && seen < LOOKED_AT; n++) {
        const at = segment.slots[slot * this.#stride + this.#keyWords]!;
        if (at !== 0) {
          seen++;
          if (at < soonest) {
            soonest = at;
            victim = slot;
            from = segment;
          }
        }
        slot = slot + 1 === segment.capacity ? 0 : slot + 1;
      }
      if (soonest <= now) break;
    }
    if (from === undefined) return false;
    this.#free(from, victim);
    return true;
  }

  /** Calls back for every key with its tick of expiry and its value. The next key overwrites the last. */
  each(visit: (key: Uint32Array, ends: number, value: number) => void): void {
    for (const { slots, capacity } of this.#segments) {
      for (let slot = 0; slot < capacity; slot++) {
        const at = slot * this.#stride;
        const ends = slots[at + this.#keyWords]!;
        if (ends !== 0) visit(slots.subarray(at, at + this.#keyWords), ends, slots[at + this.#keyWords + 1]!);
      }
    }
  }

  get byteLength(): number {
    return this.#segments.reduce((sum, { slots }) => sum + slots.byteLength, 0);
  }

  #hash(): number {
    return this.#hashAt(this.key, 0);
  }

  /** Hashes the key that starts at a word. The hash is keyed, so that an attacker cannot fill one segment. */
  #hashAt(words: Uint32Array, at: number): number {
    const seed = this.#seed;
    let hash = seed;
    for (let i = at; i < at + this.#keyWords; i++) {
      hash = Math.imul(hash ^ words[i]!, 0x9e3779b1);
      hash = Math.imul(hash ^ (hash >>> 15) ^ seed, 0x85ebca6b);
      hash ^= hash >>> 13;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  #home(segment: Segment, hash: number): number {
    return Math.floor(((hash >>> SEGMENT_BITS) * segment.capacity) / (1 << (32 - SEGMENT_BITS)));
  }

  /** Returns the position of the key's slot in words, or the complement of the position of a free slot. */
  #find({ slots, capacity }: Segment, hash: number): number {
    if (capacity === 0) return -1;
    const stride = this.#stride;
    const keyWords = this.#keyWords;
    const { key } = this;
    const end = capacity * stride;
    let at = Math.floor(((hash >>> SEGMENT_BITS) * capacity) / (1 << (32 - SEGMENT_BITS))) * stride;
    while (slots[at + keyWords] !== 0) {
      let word = 0;
      while (word < keyWords && slots[at + word] === key[word]) word++;
      if (word === keyWords) return at;
      at += stride;
      if (at === end) at = 0;
    }
    return ~at;
  }

  /** A segment is never full, so there is always a free slot. */
  #freeSlot(segment: Segment, hash: number): number {
    let slot = this.#home(segment, hash);
    while (segment.slots[slot * this.#stride + this.#keyWords] !== 0)
      slot = slot + 1 === segment.capacity ? 0 : slot + 1;
    return slot * this.#stride;
  }

  /** Frees a slot and moves back the keys that it displaced, so that no tombstone remains. */
  #free(segment: Segment, freed: number): void {
    const { slots, capacity } = segment;
    const stride = this.#stride;
    let hole = freed;
    let slot = freed;
    for (;;) {
      slot = slot + 1 === capacity ? 0 : slot + 1;
      const at = slot * stride;
      if (slots[at + this.#keyWords] === 0) break;
      const home = this.#home(segment, this.#hashAt(slots, at));
      const fromHome = slot >= home ? slot - home : slot - home + capacity;
      const fromHole = slot >= hole ? slot - hole : slot - hole + capacity;
      if (fromHome >= fromHole) {
        for (let i = 0; i < stride; i++) slots[hole * stride + i] = slots[at + i]!;
        hole = slot;
      }
    }
    for (let i = hole * stride; i < (hole + 1) * stride; i++) slots[i] = 0;
    segment.used--;
    this.size--;
  }

  /** Rebuilds a segment without expired keys. */
  #rebuild(segment: Segment, capacity: number, now = 0): void {
    const { slots } = segment;
    const stride = this.#stride;
    segment.slots = new Uint32Array(capacity * stride);
    segment.capacity = capacity;
    this.size -= segment.used;
    segment.used = 0;
    for (let at = 0; at < slots.length; at += stride) {
      const ends = slots[at + this.#keyWords]!;
      if (ends === 0 || ends <= now) continue;
      const to = this.#freeSlot(segment, this.#hashAt(slots, at));
      for (let i = 0; i < stride; i++) segment.slots[to + i] = slots[at + i]!;
      segment.used++;
    }
    this.size += segment.used;
    if (this.#segments[this.#cursorSegment] === segment) this.#cursor = 0;
  }
}
