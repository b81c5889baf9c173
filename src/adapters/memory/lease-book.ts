import type { Place, Usage } from '../../env/index.ts';

/**
 * Who holds which places. Exact, and bounded by nature: one line for each open connection and key, struck out when the
 * last holder goes.
 */
export class LeaseBook {
  readonly #taken = new Map<string, number>();
  readonly #held = new Map<string, string[]>();

  /** How many places are taken, over all keys. */
  get size(): number {
    let places = 0;
    for (const count of this.#taken.values()) places += count;
    return places;
  }

  /** The holders, each with the keys it has places of. */
  get holders(): ReadonlyMap<string, readonly string[]> {
    return this.#held;
  }

  taken(key: string): number {
    return this.#taken.get(key) ?? 0;
  }

  acquire(key: string, limit: number, holder: string): Usage {
    const used = this.#taken.get(key) ?? 0;
    const keys = this.#held.get(holder);
    if (keys?.includes(key)) return { allowed: true, limit, used, retryAfterMs: 0 };
    if (!(used < limit)) return { allowed: false, limit, used, retryAfterMs: 0 };
    this.#taken.set(key, used + 1);
    if (keys === undefined) this.#held.set(holder, [key]);
    else keys.push(key);
    return { allowed: true, limit, used: used + 1, retryAfterMs: 0 };
  }

  acquireAll(places: readonly Place[], holder: string): readonly Usage[] {
    const before = this.#held.get(holder)?.length ?? 0;
    const usages: Usage[] = [];
    let full = false;
    for (const { key, limit } of places) {
      const usage = this.acquire(key, limit, holder);
      usages.push(usage);
      if (!usage.allowed) full = true;
    }
    if (!full) return usages;
    // What was taken stands at the end of the holder's list.
    const keys = this.#held.get(holder);
    const back = keys === undefined ? [] : keys.slice(before);
    for (const key of back) this.release(holder, key);
    return usages.map((usage, i) =>
      usage.allowed && back.includes((places[i] as Place).key) ? { ...usage, used: usage.used - 1 } : usage,
    );
  }

  release(holder: string, key?: string): void {
    const keys = this.#held.get(holder);
    if (keys === undefined) return;
    if (key === undefined) {
      for (const each of keys) this.#giveBack(each);
      this.#held.delete(holder);
      return;
    }
    const at = keys.indexOf(key);
    if (at < 0) return;
    keys.splice(at, 1);
    if (keys.length === 0) this.#held.delete(holder);
    this.#giveBack(key);
  }

  #giveBack(key: string): void {
    const left = (this.#taken.get(key) ?? 0) - 1;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
  }
}
