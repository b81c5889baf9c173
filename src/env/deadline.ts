/**
 * Work with a deadline, and pauses that end early.
 *
 * **Answers**: did the work finish, fail, take too long, or was it abandoned? **Asks**: `clock` and a signal.
 * **Limits**: the deadline is wall time of the given clock. A stalled process is the resolver adapters' concern.
 *
 * @module
 */
import type { Clock } from './clock.ts';
import { onAbort } from './on-abort.ts';

/** How work with a deadline ended. */
export type Ended<T> =
  | { readonly how: 'answered'; readonly value: T }
  | { readonly how: 'failed'; readonly error: unknown }
  | { readonly how: 'late' | 'aborted' };

/**
 * Runs `work` and returns how it ended. Never throws.
 *
 * The signal handed to `work` is aborted when the deadline passes or when `signal` is aborted; what `work` returns after
 * that is ignored.
 *
 * @param ms the deadline, in milliseconds from now
 */
export function withDeadline<T>(
  clock: Pick<Clock, 'after'>,
  ms: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => T | PromiseLike<T>,
): Promise<Ended<T>> {
  return new Promise((resolve) => {
    const abandon = new AbortController();
    const end = (ended: Ended<T>): void => {
      cancel();
      withdraw();
      resolve(ended);
      if (ended.how === 'late' || ended.how === 'aborted') abandon.abort();
    };
    const cancel = clock.after(ms, () => end({ how: 'late' }));
    const withdraw = onAbort(signal, () => end({ how: 'aborted' }));
    if (signal?.aborted) return end({ how: 'aborted' });
    const failed = (error: unknown): void => end({ how: 'failed', error });
    try {
      Promise.resolve(work(abandon.signal)).then((value) => end({ how: 'answered', value }), failed);
    } catch (error) {
      failed(error);
    }
  });
}

/** Waits `ms` milliseconds, or until `signal` is aborted. */
export function pause(clock: Pick<Clock, 'after'>, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      withdraw();
      resolve();
    };
    const cancel = clock.after(ms, done);
    const withdraw = onAbort(signal, done);
  });
}
