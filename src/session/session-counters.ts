import type { Awaitable } from '../core/index.ts';
import { isPromise } from '../core/index.ts';
import type { Charge, Counters, Place, Rate, Usage } from '../env/index.ts';

/**
 * The counters of one session. A place that a shared store grants after the session has ended is released at once, instead of
 * being held until its lease expires. A store that fails to release is reported; the lease expires by itself.
 */
export class SessionCounters implements Counters {
  readonly #counters: Counters;
  readonly #trouble: (error: unknown) => void;
  #ended = false;

  constructor(counters: Counters, trouble: (error: unknown) => void) {
    this.#counters = counters;
    this.#trouble = trouble;
  }

  /** Ends the session. */
  end(): void {
    this.#ended = true;
  }

  peek(key: string, rate: Rate, cost?: number): Awaitable<Usage> {
    return this.#counters.peek(key, rate, cost);
  }

  charge(key: string, rate: Rate, cost?: number): Awaitable<Usage> {
    return this.#counters.charge(key, rate, cost);
  }

  chargeAll(charges: readonly Charge[]): Awaitable<readonly Usage[]> {
    return this.#counters.chargeAll(charges);
  }

  clear(key: string): Awaitable<void> {
    return this.#counters.clear(key);
  }

  acquire(key: string, limit: number, holder: string): Awaitable<Usage> {
    return this.#settle(this.#counters.acquire(key, limit, holder), holder);
  }

  acquireAll(places: readonly Place[], holder: string): Awaitable<readonly Usage[]> {
    return this.#settle(this.#counters.acquireAll(places, holder), holder);
  }

  release(holder: string, key?: string): Awaitable<void> {
    try {
      const released = this.#counters.release(holder, key);
      return isPromise(released) ? released.then(undefined, this.#trouble) : released;
    } catch (error) {
      this.#trouble(error);
    }
  }

  distinct(key: string, value: string, limit: number, periodMs: number): Awaitable<Usage> {
    return this.#counters.distinct(key, value, limit, periodMs);
  }

  #settle<T>(granted: Awaitable<T>, holder: string): Awaitable<T> {
    if (!isPromise(granted)) return granted;
    return granted.then(async (usage) => {
      if (this.#ended) await this.release(holder);
      return usage;
    });
  }
}
