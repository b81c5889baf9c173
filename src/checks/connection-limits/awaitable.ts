import type { Awaitable } from '../../core/index.ts';
import { isPromise } from '../../core/index.ts';

/** Goes on at once where the value is there, and later where it is promised: what memory knows is not waited for. */
export const after = <T, U>(value: Awaitable<T>, next: (value: T) => Awaitable<U>): Awaitable<U> =>
  isPromise(value) ? value.then(next) : next(value);
