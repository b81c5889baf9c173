import type { Clock } from '../../env/index.ts';

export interface StallAwareTimeoutOptions {
  readonly clock: Clock;
  /** Anything that grows as answers are read, so that reading goes on while it helps. */
  readonly progress: () => number;
}

/** How late a timer may be before the process counts as stalled. */
const STALL_MS = 50;
/** Stalls that lengthen one wait; a process that is always late must come to an end too. */
const MAX_GRACES = 3;
/** The event loop reads up to 32 datagrams of a socket per turn; a stream may need a turn each for handshake and data. */
const MIN_TURNS = 3;
const MAX_TURNS = 64;

/**
 * A wait that a stalled process does not shorten.
 *
 * Timers fall due before sockets are read: after a stall, a plain timer would declare lost what lies in the socket's
 * buffer. So when the timer fires, everything that has arrived is read first; and where the timer was late, the time
 * that the process slept is given back, since the answer to what it had not yet sent could not arrive.
 *
 * @param expired called once, unless cancelled; `stalled` says that the wait says nothing about the server
 * @returns cancels the wait
 */
export function stallAwareTimeout(
  ms: number,
  { clock, progress }: StallAwareTimeoutOptions,
  expired: (stalled: boolean) => void,
): () => void {
  let stop: () => void = () => {};
  let cancelled = false;
  let graces = 0;
  let stalled = false;
  const wait = (time: number): void => {
    const due = clock.now() + time;
    stop = clock.after(time, () => {
      const late = clock.now() - due;
      drain(
        progress,
        () => cancelled,
        () => {
          if (late <= STALL_MS || graces >= MAX_GRACES) return expired(stalled || late > STALL_MS);
          stalled = true;
          graces++;
          wait(Math.min(late, ms));
        },
      );
    });
  };
  wait(ms);
  return () => {
    cancelled = true;
    stop();
  };
}

/** Lets the event loop read what has arrived, then calls `done`, unless it was cancelled meanwhile. */
export function drain(progress: () => number, cancelled: () => boolean, done: () => void): void {
  let seen = progress();
  const step = (turn: number): void => {
    if (cancelled()) return;
    const now = progress();
    const quiet = now === seen && turn >= MIN_TURNS;
    seen = now;
    if (quiet || turn >= MAX_TURNS) done();
    else nextTurn(() => step(turn + 1));
  };
  step(0);
}

const nextTurn: (run: () => void) => unknown =
  typeof setImmediate === 'function' ? (run) => setImmediate(run) : (run) => setTimeout(run, 0);

/** The runtime's own clock: monotonic, so that a wait is not bent when the time of day is set. */
export const monotonicClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
