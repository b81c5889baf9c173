import type { Place, Usage } from '../../env/index.ts';
import type { SeededHash } from './seeded-hash.ts';

/** Lines at the start; a power of two. */
const LINES = 256;
/** Numbers of a place: the halves of its key's hash, and the place before it. */
const ROW = 3;
/** No place: the end of a holder's list. */
const NOBODY = -1;

/**
 * Who holds which places. Exact, and bounded by nature: one line for each key that somebody has a place of, struck out
 * when the last one goes. A key is known by the 64 bits of its hash, so that a flood of short connections leaves nothing
 * to collect.
 */
export class LeaseBook {
  readonly #hash: SeededHash;
  /** The newest place of each holder, by its number; each place knows the one before. */
  readonly #newest = new Map<string, number>();
  readonly #pool = new PlacePool();
  /** An open table: a line lies at its hash, or in the first free line behind it. Nobody has a line with 0 taken. */
  #low = new Int32Array(LINES);
  #high = new Int32Array(LINES);
  #taken = new Int32Array(LINES);
  #mask = LINES - 1;
  #lines = 0;

  constructor(hash: SeededHash) {
    this.#hash = hash;
  }

  /** How many places are taken, over all keys. */
  get places(): number {
    return this.#pool.size;
  }

  get holders(): number {
    return this.#newest.size;
  }

  acquire(key: string, limit: number, holder: string): Usage {
    return this.acquireAll([{ key, limit }], holder)[0] as Usage;
  }

  acquireAll(places: readonly Place[], holder: string): readonly Usage[] {
    const before = this.#newest.get(holder) ?? NOBODY;
    const usages = new Array<Usage>(places.length);
    let newest = before;
    let full = false;
    for (let i = 0; i < places.length; i++) {
      const { key, limit } = places[i] as Place;
      this.#hash.of(key);
      const { low, high } = this.#hash;
      const line = this.#find(low, high);
      const taken = this.#taken[line] as number;
      if (taken > 0 && newest !== NOBODY && this.#pool.holds(newest, low, high))
        usages[i] = usageOf(true, limit, taken);
      else if (taken < limit) {
        newest = this.#pool.add(low, high, newest);
        this.#take(line, low, high);
        usages[i] = usageOf(true, limit, taken + 1);
      } else {
        full = true;
        usages[i] = usageOf(false, limit, taken);
      }
    }
    if (full) return this.#undo(newest, before, usages, places);
    if (newest !== before) this.#newest.set(holder, newest);
    return usages;
  }

  release(holder: string, key?: string): void {
    let place = this.#newest.get(holder);
    if (place === undefined) return;
    if (key === undefined) {
      this.#newest.delete(holder);
      while (place !== NOBODY) place = this.#leave(place);
      return;
    }
    this.#hash.of(key);
    const { low, high } = this.#hash;
    for (let after = NOBODY; place !== NOBODY; after = place, place = this.#pool.before(place)) {
      if (!this.#pool.is(place, low, high)) continue;
      const rest = this.#leave(place);
      if (after !== NOBODY) this.#pool.link(after, rest);
      else if (rest === NOBODY) this.#newest.delete(holder);
      else this.#newest.set(holder, rest);
      return;
    }
  }

  /** Gives a place back; the one before it in its holder's list. */
  #leave(place: number): number {
    this.#giveBack(this.#pool.low(place), this.#pool.high(place));
    return this.#pool.drop(place);
  }

  /** What was taken for one that is not let in goes back, and is not told as used. */
  #undo(newest: number, before: number, usages: readonly Usage[], places: readonly Place[]): readonly Usage[] {
    const told = usages.map((usage, i) => {
      this.#hash.of((places[i] as Place).key);
      const { low, high } = this.#hash;
      const mine = usage.allowed && newest !== before && this.#pool.holds(newest, low, high, before);
      return mine ? usageOf(true, usage.limit, usage.used - 1) : usage;
    });
    let place = newest;
    while (place !== before) place = this.#leave(place);
    return told;
  }

  /** The line of the key, or the free line where it belongs. */
  #find(low: number, high: number): number {
    let line = low & this.#mask;
    while (this.#taken[line] !== 0 && (this.#low[line] !== low || this.#high[line] !== high))
      line = (line + 1) & this.#mask;
    return line;
  }

  #take(line: number, low: number, high: number): void {
    const taken = this.#taken[line] as number;
    this.#taken[line] = taken + 1;
    if (taken > 0) return;
    this.#low[line] = low;
    this.#high[line] = high;
    if (++this.#lines * 2 > this.#mask) this.#resize((this.#mask + 1) * 2);
  }

  #giveBack(low: number, high: number): void {
    let free = this.#find(low, high);
    const taken = this.#taken[free] as number;
    if (taken === 0) return;
    this.#taken[free] = taken - 1;
    if (taken > 1) return;
    // The lines behind move up, so that nothing is looked for beyond a free line.
    for (let line = (free + 1) & this.#mask; this.#taken[line] !== 0; line = (line + 1) & this.#mask) {
      const home = (this.#low[line] as number) & this.#mask;
      if (((line - home) & this.#mask) < ((line - free) & this.#mask)) continue;
      this.#low[free] = this.#low[line] as number;
      this.#high[free] = this.#high[line] as number;
      this.#taken[free] = this.#taken[line] as number;
      this.#taken[line] = 0;
      free = line;
    }
    this.#lines--;
    if (this.#mask >= LINES && this.#lines * 16 < this.#mask) this.#resize((this.#mask + 1) / 4);
  }

  #resize(lines: number): void {
    const [low, high, taken] = [this.#low, this.#high, this.#taken];
    this.#low = new Int32Array(Math.max(LINES, lines));
    this.#high = new Int32Array(this.#low.length);
    this.#taken = new Int32Array(this.#low.length);
    this.#mask = this.#low.length - 1;
    for (let from = 0; from < taken.length; from++) {
      if (taken[from] === 0) continue;
      const line = this.#find(low[from] as number, high[from] as number);
      this.#low[line] = low[from] as number;
      this.#high[line] = high[from] as number;
      this.#taken[line] = taken[from] as number;
    }
  }
}

/** Places as rows of numbers, so that a session that lasts leaves nothing behind for the collector to carry about. */
class PlacePool {
  #rows = new Int32Array(LINES * ROW);
  /** The first row that is free; free rows are a list, too. */
  #free = 0;
  /** Rows that were never used begin here. */
  #untouched = 0;
  size = 0;

  /** A new place of a holder whose newest was `before`. */
  add(low: number, high: number, before: number): number {
    let place = this.#free;
    if (place < this.#untouched) this.#free = this.#rows[place * ROW + 2] as number;
    else {
      place = this.#untouched++;
      this.#free = this.#untouched;
      if (place * ROW >= this.#rows.length) {
        const grown = new Int32Array(this.#rows.length * 2);
        grown.set(this.#rows);
        this.#rows = grown;
      }
    }
    this.size++;
    this.#rows[place * ROW] = low;
    this.#rows[place * ROW + 1] = high;
    this.#rows[place * ROW + 2] = before;
    return place;
  }

  /** Frees a place; the one before it. */
  drop(place: number): number {
    const before = this.before(place);
    this.#rows[place * ROW + 2] = this.#free;
    this.#free = place;
    this.size--;
    return before;
  }

  low(place: number): number {
    return this.#rows[place * ROW] as number;
  }

  high(place: number): number {
    return this.#rows[place * ROW + 1] as number;
  }

  before(place: number): number {
    return this.#rows[place * ROW + 2] as number;
  }

  link(place: number, before: number): void {
    this.#rows[place * ROW + 2] = before;
  }

  is(place: number, low: number, high: number): boolean {
    return this.low(place) === low && this.high(place) === high;
  }

  /** Whether one of the places from `newest` on, up to and without `end`, is of that key. */
  holds(newest: number, low: number, high: number, end: number = NOBODY): boolean {
    for (let place = newest; place !== end; place = this.before(place)) if (this.is(place, low, high)) return true;
    return false;
  }
}

const usageOf = (allowed: boolean, limit: number, used: number): Usage => ({ allowed, limit, used, retryAfterMs: 0 });
