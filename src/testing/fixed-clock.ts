/**
 * A clock that a test controls.
 *
 * **Answers**: what does this code do as time passes, without waiting for it?
 * **Knows**: the time it was given. **Asks**: nothing.
 * **Limits**: `until` moves only time that is read from this clock; it does not speed up real timers.
 *
 * @example
 * ```ts
 * import { fixedClock, zone } from 'postern/testing';
 *
 * const clock = fixedClock(Date.UTC(2030, 0, 1));
 * const dns = zone({ 'slow.example': { delayMs: 500, A: ['192.0.2.1'] } }, { clock });
 * const answer = await clock.until(dns.resolve('slow.example', 'A')); // at once; the clock says 500 ms later
 * ```
 *
 * @module
 */
import type { Clock } from '../env/index.ts';

/** A {@link Clock} for tests. */
export interface FixedClock extends Clock {
  monotonic(): number;
  /** The number of timers that are set. */
  readonly pending: number;
  /**
   * Sets the wall clock, forward or back, as an administrator does. `now()` jumps; timers and `monotonic()` are not affected.
   */
  setWall(ms: number): void;
  /** Moves the time forward and runs the timers that are due, in order of time, including timers that timers set. */
  advance(ms: number): void;
  /** Like `advance`, and lets promises settle before the first timer, between timers and after the last one. */
  pass(ms: number): Promise<void>;
  /**
   * Moves from timer to timer until the promise settles, and returns its value or rejection. Before a timer runs, the event
   * loop turns for a while, longer if the timer is further off, so that no deadline overtakes a stream or a module that loads.
   *
   * @throws {Error} if nothing is left that could settle the promise
   */
  until<T>(promise: Promise<T>): Promise<T>;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Microtasks that run between two timers: a deep chain of `await` takes several. */
const MICROTASKS = 200;
/** Turns of the event loop that `until` waits if no timer is set: for a module, a digest, a socket. */
const IDLE_TURNS = 2_000;
/** Turns before a timer runs: enough for a stream. */
const TURNS = 10;
const ALL_TURNS = 500;
/** Turns before a distant timer runs, and in all: enough for signatures on a busy machine. A turn per millisecond. */
const FAR_TURNS = 200;
const ALL_FAR_TURNS = 400;
/** Loading a module takes longer, but happens once: the first distant timers wait for it, a turn per millisecond. */
const LOADING_TURNS = 2_000;
let loadingTurns = 5_000;
/** Timers that `until` runs before it gives up. */
const MAX_TIMERS = 100_000;

/**
 * Makes a clock.
 *
 * @param startMs milliseconds since the epoch. Default: 2030-01-01.
 * @throws {TypeError} if `startMs` is not a finite number
 */
export function fixedClock(startMs: number = 1_893_456_000_000): FixedClock {
  if (!Number.isFinite(startMs))
    throw new TypeError(`fixedClock: startMs must be a finite number of milliseconds, got ${String(startMs)}`);
  // Timers and the monotonic time follow `now`. The wall clock differs from it once it has been set.
  let now = startMs;
  let setBy = 0;
  let order = 0;
  const timers = new Set<Timer>();

  const next = (limit: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (
        timer.at <= limit &&
        (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
      )
        first = timer;
    }
    return first;
  };
  const fire = (timer: Timer): void => {
    timers.delete(timer);
    if (timer.at > now) now = timer.at;
    timer.run();
  };
  const end = (ms: number): number => {
    if (!(ms >= 0))
      throw new TypeError(`fixedClock: ms must be a number of milliseconds, 0 or more, got ${String(ms)}`);
    return now + ms;
  };

  return {
    now: () => now + setBy,
    monotonic: () => now - startMs,
    setWall(ms) {
      if (!Number.isFinite(ms))
        throw new TypeError(`fixedClock: setWall must be a finite number of milliseconds, got ${String(ms)}`);
      setBy = ms - now;
    },
    after(ms, run) {
      const timer: Timer = { at: now + Math.max(0, ms), order: order++, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    get pending() {
      return timers.size;
    },
    advance(ms) {
      const limit = end(ms);
      for (let timer = next(limit); timer !== undefined; timer = next(limit)) fire(timer);
      now = limit;
    },
    async pass(ms) {
      const limit = end(ms);
      await settle();
      for (let timer = next(limit); timer !== undefined; timer = next(limit)) {
        fire(timer);
        await settle();
      }
      now = limit;
      await settle();
    },
    async until(promise) {
      let settled = false;
      const done = (): void => {
        settled = true;
      };
      promise.then(done, done);
      let turns = ALL_TURNS;
      let farTurns = ALL_FAR_TURNS;
      const mayTurn = (waited: number, wait: number): boolean => {
        if (waited < TURNS && turns > 0) return turns-- > 0;
        if (waited < Math.min(wait, FAR_TURNS) && farTurns > 0) return farTurns-- > 0;
        return waited < wait && loadingTurns > 0 && loadingTurns-- > 0;
      };
      for (let idle = 0, waited = 0, fired = 0; ; ) {
        await settle(() => settled);
        if (settled) return promise;
        const timer = next(Number.POSITIVE_INFINITY);
        if (timer !== undefined && mayTurn(waited, Math.min(LOADING_TURNS, timer.at - now))) {
          waited++;
          await turn();
        } else if (timer !== undefined && fired < MAX_TIMERS) {
          idle = 0;
          waited = 0;
          fire(timer);
          // A timer that keeps setting itself must not starve the event loop.
          if (++fired % 100 === 0) await turn();
        } else if (timer === undefined && idle++ < IDLE_TURNS) {
          await turn();
        } else {
          const why = timer === undefined ? 'no timer is left that could settle it' : `${MAX_TIMERS} timers have run`;
          throw new Error(`fixedClock: the promise has not settled, and ${why}`);
        }
      }
    },
  };
}

async function settle(enough?: () => boolean): Promise<void> {
  for (let i = 0; i < MICROTASKS && !enough?.(); i++) await undefined;
}

/** One turn of the event loop, in the only way that every runtime has: a digest is computed outside the loop. */
async function turn(): Promise<void> {
  await crypto.subtle.digest('SHA-256', new Uint8Array(0));
}
