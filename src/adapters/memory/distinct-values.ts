import type { Usage } from '../../env/index.ts';
import type { SeededHash } from './seeded-hash.ts';

/** Neighbours that are looked at to find out who has to go. */
const SAMPLE = 8;
/** How many values a key is thought to have: as many keys are held as leave room for so many each. */
const VALUES_PER_KEY = 4;

interface Seen {
  /** The second half of the key's hash; the first half is its place. */
  readonly tag: number;
  /** Hash of a value → when it was last seen. The order is the order of time, the oldest first. */
  readonly values: Map<number, number>;
  periodMs: number;
}

/**
 * How many different values were seen for a key, exactly, as long as there is room. Values are kept as hashes of 31 bits.
 * At most `most` values are held over all keys: beyond that, keys whose values are all too old go first, then the one of
 * eight neighbours with the fewest, so that a flood of keys with one value each does not wash out the key that has many.
 */
export class DistinctValues {
  readonly #hash: SeededHash;
  readonly #most: number;
  readonly #slots: (Seen | undefined)[];
  readonly #mask: number;
  #size = 0;
  #hand = 0;

  constructor(most: number, hash: SeededHash) {
    this.#hash = hash;
    this.#most = most;
    let slots = SAMPLE;
    while (slots * VALUES_PER_KEY < most) slots *= 2;
    this.#slots = new Array<Seen | undefined>(slots).fill(undefined);
    this.#mask = slots - 1;
  }

  /** How many values are held, over all keys. */
  get size(): number {
    return this.#size;
  }

  see(key: string, value: string, limit: number, periodMs: number, now: number): Usage {
    this.#hash.of(value);
    const digest = this.#hash.low >>> 1;
    this.#hash.of(key);
    const { low, high } = this.#hash;
    let seen = this.#find(low, high);
    if (seen !== undefined) {
      seen.periodMs = periodMs;
      this.#forgetOld(seen, now);
    }
    const used = seen?.values.size ?? 0;
    const known = seen?.values.has(digest) === true;
    if (!known && !(used < limit)) {
      const oldest = seen?.values.values().next().value;
      return {
        allowed: false,
        limit,
        used,
        retryAfterMs: oldest === undefined ? 0 : Math.max(1, Math.ceil(oldest + periodMs - now)),
      };
    }
    if (!known && this.#size >= this.#most) {
      this.#makeRoom(now, seen);
      seen = this.#find(low, high);
    }
    seen ??= this.#place(low, high, periodMs, now);
    if (known) seen.values.delete(digest);
    else this.#size++;
    seen.values.set(digest, now);
    return { allowed: true, limit, used: known ? used : used + 1, retryAfterMs: 0 };
  }

  clear(key: string): void {
    this.#hash.of(key);
    const slot = this.#slotOf(this.#hash.low, this.#hash.high);
    if (slot >= 0) this.#drop(slot);
  }

  #slotOf(low: number, tag: number): number {
    const first = low & this.#mask & ~(SAMPLE - 1);
    for (let slot = first; slot < first + SAMPLE; slot++) if (this.#slots[slot]?.tag === tag) return slot;
    return -1;
  }

  #find(low: number, tag: number): Seen | undefined {
    const slot = this.#slotOf(low, tag);
    return slot < 0 ? undefined : this.#slots[slot];
  }

  #place(low: number, tag: number, periodMs: number, now: number): Seen {
    const first = low & this.#mask & ~(SAMPLE - 1);
    const slot = this.#poorest(first, now, undefined);
    this.#drop(slot);
    const seen: Seen = { tag, values: new Map(), periodMs };
    this.#slots[slot] = seen;
    return seen;
  }

  /** Of eight neighbours: an empty one, else the one with the fewest values that are not too old. */
  #poorest(first: number, now: number, spared: Seen | undefined): number {
    let poorest = -1;
    let fewest = Number.POSITIVE_INFINITY;
    for (let slot = first; slot < first + SAMPLE; slot++) {
      const seen = this.#slots[slot];
      if (seen !== undefined) this.#forgetOld(seen, now);
      const count = seen?.values.size ?? 0;
      if (count < fewest && (seen === undefined || seen !== spared)) {
        fewest = count;
        poorest = slot;
      }
    }
    return poorest;
  }

  /** Goes round the slots until a value has been given up. */
  #makeRoom(now: number, spared: Seen | undefined): void {
    for (let turns = 0; this.#size >= this.#most && turns <= this.#slots.length; turns += SAMPLE) {
      const first = this.#hand;
      this.#hand = (this.#hand + SAMPLE) & this.#mask;
      let poorest = -1;
      let fewest = Number.POSITIVE_INFINITY;
      for (let slot = first; slot < first + SAMPLE; slot++) {
        const seen = this.#slots[slot];
        if (seen === undefined) continue;
        this.#forgetOld(seen, now);
        if (seen !== spared && seen.values.size < fewest) {
          fewest = seen.values.size;
          poorest = slot;
        }
      }
      if (poorest >= 0 && this.#size >= this.#most) this.#drop(poorest);
    }
    // Only one key is left, and it has them all: its oldest value goes.
    if (this.#size >= this.#most && spared !== undefined) {
      const oldest = spared.values.keys().next().value;
      if (oldest !== undefined && spared.values.delete(oldest)) this.#size--;
    }
  }

  #forgetOld(seen: Seen, now: number): void {
    for (const [digest, at] of seen.values) {
      // A time that has not come yet was written before the clock was set back.
      if (at + seen.periodMs > now && at <= now) break;
      seen.values.delete(digest);
      this.#size--;
    }
  }

  #drop(slot: number): void {
    const seen = this.#slots[slot];
    if (seen !== undefined) this.#size -= seen.values.size;
    this.#slots[slot] = undefined;
  }
}
