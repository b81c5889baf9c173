/**
 * The machine's own clock.
 *
 * **Answers**: what time is it? **Knows**: nothing. **Asks**: `Date`, `performance` and the timers of the runtime.
 * **Limits**: `now()` follows the system's wall clock and jumps when somebody sets it; `monotonic()` does not. Timers keep the
 * process alive until they have run or are cancelled.
 *
 * @example
 * ```ts
 * import { systemClock } from 'postern/adapters/system';
 *
 * const clock = systemClock();
 * const cancel = clock.after(5_000, () => console.log('five seconds later'));
 * cancel();
 * console.log(new Date(clock.now()).toISOString());
 * ```
 *
 * @module
 */
import type { Clock } from '../../env/index.ts';

/** What a timer can wait at once: a longer wait would run out at once (HTML, timers, step 4: a 32-bit number). */
const LONGEST_TIMER = 2_147_483_647;

/** The clock of this machine. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(ms, run) {
      let cancel: () => void;
      const wait = (left: number): void => {
        const step = Math.min(left, LONGEST_TIMER);
        const timer = setTimeout(() => (left > step ? wait(left - step) : run()), step);
        cancel = () => clearTimeout(timer);
      };
      wait(Number.isFinite(ms) ? Math.max(0, ms) : ms > 0 ? Number.MAX_SAFE_INTEGER : 0);
      return () => cancel();
    },
  };
}
