import { isPromise } from '../core/index.ts';
import type { Counters } from '../env/index.ts';

/**
 * A session's view of the counters: a place that a shared store grants after the session has ended is given back at once,
 * instead of being held until its lease runs out. What a store throws on release is reported: the lease runs out by itself.
 */
export function releaseLateLeases(
  counters: Counters,
  ended: () => boolean,
  trouble: (error: unknown) => void,
): Counters {
  const release = (holder: string, key?: string): void | Promise<void> => {
    try {
      const released = counters.release(holder, key);
      return isPromise(released) ? released.then(undefined, trouble) : released;
    } catch (error) {
      trouble(error);
    }
  };
  const settle = <T>(granted: T | Promise<T>, holder: string): T | Promise<T> => {
    if (!isPromise(granted)) return granted;
    return granted.then(async (usage) => {
      if (ended()) await release(holder);
      return usage;
    });
  };
  return {
    peek: (key, rate, cost) => counters.peek(key, rate, cost),
    charge: (key, rate, cost) => counters.charge(key, rate, cost),
    chargeAll: (charges) => counters.chargeAll(charges),
    clear: (key) => counters.clear(key),
    acquire: (key, limit, holder) => settle(counters.acquire(key, limit, holder), holder),
    acquireAll: (places, holder) => settle(counters.acquireAll(places, holder), holder),
    release,
    distinct: (key, value, limit, periodMs) => counters.distinct(key, value, limit, periodMs),
  };
}
