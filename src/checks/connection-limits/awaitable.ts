import type { Awaitable } from '../../core/index.ts';
import { isPromise } from '../../core/index.ts';
import type { Usage } from '../../env/index.ts';

/** Goes on at once where the value is there, and later where it is promised: what memory knows is not waited for. */
export const after = <T, U>(value: Awaitable<T>, next: (value: T) => Awaitable<U>): Awaitable<U> =>
  isPromise(value) ? value.then(next) : next(value);

/**
 * What the counters report. If they throw, that is what a store that is down reports of each limit: so `onStoreDown` decides
 * what follows, and not the accident of how a store fails.
 */
export function usagesOf(
  ask: () => Awaitable<readonly Usage[]>,
  limits: readonly number[],
): Awaitable<readonly Usage[]> {
  const down = (): Usage[] =>
    limits.map((limit) => ({ allowed: true, used: 0, limit, retryAfterMs: 0, degraded: true }));
  try {
    const usages = ask();
    return isPromise(usages) ? usages.then(undefined, down) : usages;
  } catch {
    return down();
  }
}
