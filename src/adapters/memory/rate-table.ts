import type { Rate, Usage } from '../../env/index.ts';
import type { SeededHash } from './seeded-hash.ts';

/** Entries of one set: a key may stand in any of them. */
const WAYS = 8;
/** A charge that comes this part of an interval early is on time: sums of fractions are never exact. */
const EARLY = 1 / 64;

/** 2 to the power of minus n. */
const inverse: Float64Array = Float64Array.from({ length: 64 }, (_, n) => 2 ** -n);

/**
 * Rates in memory that does not grow: a fixed number of entries in sets of eight, each a tag of the key and the time at
 * which its debt will be paid (GCRA's "theoretical arrival time").
 *
 * A key that is not there has no debt, so an entry whose time has come may be taken by anybody. Where a set is full of
 * debtors, the one that owes least, in parts of what it may owe, has to go: somebody is forgiven a little, never the
 * heavy abuser, and nobody is ever charged for another. (Two keys of one set with the same tag are one key: 8 in 2³² for
 * a full table.)
 */
export class RateTable {
  readonly #hash: SeededHash;
  readonly #mask: number;
  readonly #tags: Uint32Array;
  /** When the debt is paid, in milliseconds since the first time seen: small numbers keep fractions. */
  readonly #paid: Float64Array;
  /** The logarithm of what the entry may owe, in milliseconds: debts of a minute and of a day are compared by part. */
  readonly #scale: Uint8Array;
  #origin: number | undefined;

  /** @param entries how many keys are held; a power of two, at least 8 */
  constructor(entries: number, hash: SeededHash) {
    this.#hash = hash;
    this.#mask = entries / WAYS - 1;
    this.#tags = new Uint32Array(entries);
    this.#paid = new Float64Array(entries);
    this.#scale = new Uint8Array(entries);
  }

  get bytes(): number {
    return this.#tags.byteLength + this.#paid.byteLength + this.#scale.byteLength;
  }

  /** How many keys are in debt now. Looks at every entry. */
  inDebt(now: number): number {
    const at = now - (this.#origin ?? now);
    let count = 0;
    for (const paid of this.#paid) if (paid > at) count++;
    return count;
  }

  /** Answers whether `cost` is allowed now; charges it where it is and `take` says so. */
  ask(key: string, rate: Rate, cost: number, now: number, take: boolean): Usage {
    const interval = rate.periodMs / rate.rate;
    const limit = rate.burst ?? rate.rate;
    const room = interval * limit;
    if (!(interval > 0 && room > 0 && interval < Number.POSITIVE_INFINITY)) return nothingAllowed(rate);
    this.#origin ??= now;
    const at = now - this.#origin;

    const hash = this.#hash;
    hash.of(key);
    const first = (hash.low & this.#mask) * WAYS;
    const slot = this.#find(first, hash.high);
    let paid = slot < 0 ? at : (this.#paid[slot] as number);
    if (paid < at) paid = at;
    // More than it may owe is owed only where the clock was set back, or the rate was made smaller.
    else if (paid > at + room) paid = at + room;

    const owed = paid + interval * cost - at;
    if (owed <= room + interval * EARLY) {
      if (take && cost !== 0) this.#write(slot < 0 ? this.#victim(first, at) : slot, hash.high, at + owed, room);
      return { allowed: true, limit, used: Math.ceil(owed / interval - EARLY), retryAfterMs: 0 };
    }
    return {
      allowed: false,
      limit,
      used: Math.ceil((paid - at) / interval - EARLY),
      retryAfterMs: Math.ceil(owed - room),
    };
  }

  /** Takes a charge back: what it was made for did not happen. */
  refund(key: string, rate: Rate, cost: number): void {
    this.#hash.of(key);
    const slot = this.#find((this.#hash.low & this.#mask) * WAYS, this.#hash.high);
    if (slot >= 0) this.#paid[slot] = (this.#paid[slot] as number) - (rate.periodMs / rate.rate) * cost;
  }

  clear(key: string): void {
    this.#hash.of(key);
    const slot = this.#find((this.#hash.low & this.#mask) * WAYS, this.#hash.high);
    if (slot >= 0) this.#paid[slot] = 0;
  }

  #find(first: number, tag: number): number {
    const tags = this.#tags;
    for (let slot = first; slot < first + WAYS; slot++) if (tags[slot] === tag) return slot;
    return -1;
  }

  /** Whose entry a new key takes: one without debt, else the one that owes the smallest part of what it may. */
  #victim(first: number, at: number): number {
    let victim = first;
    let least = Number.POSITIVE_INFINITY;
    for (let slot = first; slot < first + WAYS; slot++) {
      const debt = (this.#paid[slot] as number) - at;
      if (debt <= 0) return slot;
      const part = debt * (inverse[this.#scale[slot] as number] as number);
      if (part < least) {
        least = part;
        victim = slot;
      }
    }
    return victim;
  }

  #write(slot: number, tag: number, paid: number, room: number): void {
    this.#tags[slot] = tag;
    this.#paid[slot] = paid;
    this.#scale[slot] = room < 4_294_967_296 ? 31 - Math.clz32(room) : 32;
  }
}

/** A rate of nothing allows nothing; a wrong one is no reason to stop a session with an exception. */
const nothingAllowed = (rate: Rate): Usage => ({
  allowed: false,
  limit: 0,
  used: 0,
  retryAfterMs: rate.periodMs > 0 && rate.periodMs < Number.POSITIVE_INFINITY ? rate.periodMs : 0,
});
