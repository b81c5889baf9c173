import type { Rate, Usage } from '../../env/index.ts';
import type { SeededHash } from './seeded-hash.ts';

/** Entries of one set: a key may stand in any of them. */
const WAYS = 8;
/**
 * A set is 128 octets, two lines of the processor's cache: eight tags of 4, eight times of 8, eight scales of 1, and 24
 * that are not used. The constants below say where each begins, in units of its view.
 */
const SET_BYTES = 128;
const TAGS = { stride: SET_BYTES / 4, from: 0 } as const;
const PAID = { stride: SET_BYTES / 8, from: 4 } as const;
const SCALE = { stride: SET_BYTES, from: 96 } as const;
/** A charge that comes this part of an interval early is on time: sums of fractions are never exact. */
const EARLY = 1 / 64;

/** 2 to the power of minus n. */
const inverse: Float64Array = Float64Array.from({ length: 64 }, (_, n) => 2 ** -n);

/**
 * Rates in memory that does not grow: a fixed number of entries in sets of eight, each a tag of the key and the time at
 * which its debt will be paid (GCRA's "theoretical arrival time").
 *
 * A key that is not in the table has no debt, so a new key may take an entry whose debt is paid. If all eight are in debt, the
 * one that uses the smallest share of its limit is evicted: a light user is forgiven, a heavy abuser is not, and nobody is
 * charged for another. (Two keys of one set with the same tag are one key: 8 in 2³² for a full table.)
 */
export class RateTable {
  readonly #hash: SeededHash;
  readonly #mask: number;
  readonly #tags: Int32Array;
  /** When the debt is paid, in milliseconds since the first time seen: small numbers keep fractions. */
  readonly #paid: Float64Array;
  /** The logarithm of what the entry may owe, in milliseconds: debts of a minute and of a day are compared by part. */
  readonly #scale: Uint8Array;
  #origin = Number.POSITIVE_INFINITY;
  #rate: Rate | undefined;
  #interval = 0;
  #perMs = 0;
  #limit = 0;

  readonly #onEvicted: (share: number) => void;

  /**
   * @param entries how many keys are held; a power of two, at least 8
   * @param onEvicted called with the share of its limit (0 to 1) that an evicted key was using
   */
  constructor(entries: number, hash: SeededHash, onEvicted: (share: number) => void = () => {}) {
    this.#hash = hash;
    this.#onEvicted = onEvicted;
    this.#mask = entries / WAYS - 1;
    const sets = new ArrayBuffer((entries / WAYS) * SET_BYTES);
    this.#tags = new Int32Array(sets);
    this.#paid = new Float64Array(sets);
    this.#scale = new Uint8Array(sets);
  }

  get bytes(): number {
    return this.#scale.byteLength;
  }

  /** How many keys are in debt now. Looks at every entry. */
  inDebt(now: number): number {
    const at = now - Math.min(now, this.#origin);
    let count = 0;
    for (let set = 0; set <= this.#mask; set++)
      for (let way = 0; way < WAYS; way++)
        if ((this.#paid[set * PAID.stride + PAID.from + way] as number) > at) count++;
    return count;
  }

  /** Answers whether `cost` is allowed now; charges it where it is and `take` says so. */
  ask(key: string, rate: Rate, cost: number, now: number, take: boolean): Usage {
    if (rate !== this.#rate && !this.#read(rate)) return nothingAllowed(rate);
    const interval = this.#interval;
    const limit = this.#limit;
    const room = interval * limit;
    if (now < this.#origin) this.#origin = now;
    const at = now - this.#origin;

    const hash = this.#hash;
    hash.of(key);
    const tag = hash.high;
    const set = hash.low & this.#mask;
    const way = this.#find(set, tag);
    let debt = way < 0 ? 0 : (this.#paid[set * PAID.stride + PAID.from + way] as number) - at;
    if (debt < 0) debt = 0;
    // More than the limit is owed only if the rate was made smaller: time never goes back here.
    else if (debt > room) debt = room;

    const owed = debt + interval * cost;
    if (owed <= room + interval * EARLY) {
      if (take && cost !== 0) this.#write(set, way < 0 ? this.#victim(set, at) : way, tag, at + owed, room);
      return { allowed: true, limit, used: wholeCharges(owed * this.#perMs), retryAfterMs: 0 };
    }
    return { allowed: false, limit, used: wholeCharges(debt * this.#perMs), retryAfterMs: Math.ceil(owed - room) };
  }

  /** Reads a rate, unless it is the one that was read last; false where it allows nothing. */
  #read(rate: Rate): boolean {
    const interval = rate.periodMs / rate.rate;
    const limit = rate.burst ?? rate.rate;
    if (!(interval > 0 && interval * limit > 0 && interval < Number.POSITIVE_INFINITY)) return false;
    this.#rate = rate;
    this.#interval = interval;
    this.#perMs = 1 / interval;
    this.#limit = limit;
    return true;
  }

  /** Takes a charge back: what it was made for did not happen. */
  refund(key: string, rate: Rate, cost: number): void {
    const place = this.#placeOf(key);
    if (place >= 0) this.#paid[place] = (this.#paid[place] as number) - (rate.periodMs / rate.rate) * cost;
  }

  clear(key: string): void {
    const place = this.#placeOf(key);
    if (place >= 0) this.#paid[place] = 0;
  }

  #placeOf(key: string): number {
    this.#hash.of(key);
    const set = this.#hash.low & this.#mask;
    const way = this.#find(set, this.#hash.high);
    return way < 0 ? -1 : set * PAID.stride + PAID.from + way;
  }

  #find(set: number, tag: number): number {
    const tags = this.#tags;
    const first = set * TAGS.stride + TAGS.from;
    for (let way = 0; way < WAYS; way++) if (tags[first + way] === tag) return way;
    return -1;
  }

  /** The entry that a new key takes: one without debt, or else the one using the smallest share of its limit. */
  #victim(set: number, at: number): number {
    let victim = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let way = 0; way < WAYS; way++) {
      const debt = (this.#paid[set * PAID.stride + PAID.from + way] as number) - at;
      if (debt <= 0) return way;
      const part = debt * (inverse[this.#scale[set * SCALE.stride + SCALE.from + way] as number] as number);
      if (part < least) {
        least = part;
        victim = way;
      }
    }
    this.#onEvicted(Math.min(1, least));
    return victim;
  }

  #write(set: number, way: number, tag: number, paid: number, room: number): void {
    this.#tags[set * TAGS.stride + TAGS.from + way] = tag;
    this.#paid[set * PAID.stride + PAID.from + way] = paid;
    this.#scale[set * SCALE.stride + SCALE.from + way] = room < 4_294_967_296 ? 31 - Math.clz32(room) : 32;
  }
}

/** How many charges a debt of so many is, those begun included. Never `-0`, which JSON and `toBe` do not take for 0. */
const wholeCharges = (charges: number): number => Math.ceil(charges - EARLY) + 0;

/** A rate of nothing allows nothing; a wrong one is no reason to stop a session with an exception. */
const nothingAllowed = (rate: Rate): Usage => ({
  allowed: false,
  limit: 0,
  used: 0,
  retryAfterMs: rate.periodMs > 0 && rate.periodMs < Number.POSITIVE_INFINITY ? rate.periodMs : 0,
});
