import type { Place, Usage } from '../../env/index.ts';
import type { SeededHash } from './seeded-hash.ts';

/** Lines at the start; a power of two. */
const LINES = 256;

/**
 * Who holds which places. Exact, and bounded by nature: one line for each key that somebody has a place of, struck out
 * when the last one goes. A key is known by the 64 bits of its hash, so that a flood of short connections leaves nothing
 * to collect.
 */
export class LeaseBook {
  readonly #hash: SeededHash;
  /** What each holder has: the two halves of each key's hash, one after the other. */
  readonly #held = new Map<string, number[]>();
  /** An open table: a line lies at its hash, or in the first free line behind it. Nobody has a line with 0 taken. */
  #low = new Int32Array(LINES);
  #high = new Int32Array(LINES);
  #taken = new Int32Array(LINES);
  #mask = LINES - 1;
  #lines = 0;
  #places = 0;

  constructor(hash: SeededHash) {
    this.#hash = hash;
  }

  /** How many places are taken, over all keys. */
  get places(): number {
    return this.#places;
  }

  get holders(): number {
    return this.#held.size;
  }

  acquire(key: string, limit: number, holder: string): Usage {
    return this.acquireAll([{ key, limit }], holder)[0] as Usage;
  }

  acquireAll(places: readonly Place[], holder: string): readonly Usage[] {
    const held = this.#held.get(holder);
    const halves = held ?? [];
    const before = halves.length;
    const usages: Usage[] = [];
    let full = false;
    for (let i = 0; i < places.length; i++) {
      const { key, limit } = places[i] as Place;
      this.#hash.of(key);
      const { low, high } = this.#hash;
      const line = this.#find(low, high);
      const taken = this.#taken[line] as number;
      if (taken > 0 && has(halves, low, high)) usages.push(usageOf(true, limit, taken));
      else if (taken < limit) {
        halves.push(low, high);
        this.#take(line, low, high);
        usages.push(usageOf(true, limit, taken + 1));
      } else {
        full = true;
        usages.push(usageOf(false, limit, taken));
      }
    }
    if (full) return this.#undo(halves, before, usages, places);
    if (held === undefined && halves.length > 0) this.#held.set(holder, halves);
    return usages;
  }

  release(holder: string, key?: string): void {
    const halves = this.#held.get(holder);
    if (halves === undefined) return;
    if (key === undefined) {
      this.#held.delete(holder);
      for (let i = 0; i < halves.length; i += 2) this.#giveBack(halves[i] as number, halves[i + 1] as number);
      return;
    }
    this.#hash.of(key);
    const { low, high } = this.#hash;
    for (let i = 0; i < halves.length; i += 2) {
      if (halves[i] !== low || halves[i + 1] !== high) continue;
      halves.splice(i, 2);
      if (halves.length === 0) this.#held.delete(holder);
      this.#giveBack(low, high);
      return;
    }
  }

  /** What was taken for one that is not let in stands at the end of its list, and goes back. */
  #undo(halves: number[], before: number, usages: readonly Usage[], places: readonly Place[]): readonly Usage[] {
    const back = halves.splice(before);
    for (let i = 0; i < back.length; i += 2) this.#giveBack(back[i] as number, back[i + 1] as number);
    return usages.map((usage, i) => {
      this.#hash.of((places[i] as Place).key);
      const { low, high } = this.#hash;
      return usage.allowed && has(back, low, high) ? usageOf(true, usage.limit, usage.used - 1) : usage;
    });
  }

  /** The line of the key, or the free line where it belongs. */
  #find(low: number, high: number): number {
    let line = low & this.#mask;
    while (this.#taken[line] !== 0 && (this.#low[line] !== low || this.#high[line] !== high))
      line = (line + 1) & this.#mask;
    return line;
  }

  #take(line: number, low: number, high: number): void {
    this.#places++;
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
    this.#places--;
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

function has(halves: readonly number[], low: number, high: number): boolean {
  for (let i = 0; i < halves.length; i += 2) if (halves[i] === low && halves[i + 1] === high) return true;
  return false;
}

const usageOf = (allowed: boolean, limit: number, used: number): Usage => ({ allowed, limit, used, retryAfterMs: 0 });
