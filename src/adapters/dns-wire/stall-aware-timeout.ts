import type { Clock } from '../../env/index.ts';
import type { Server } from './server.ts';

export interface StallAwareTimeoutOptions {
  readonly clock: Clock;
  /** Any number that grows as answers are read. Reading goes on while it grows. */
  readonly progress: () => number;
}

/** How late a timer may be before the process counts as stalled. */
export const STALL_MS = 50;
/** Stalls that extend one wait. The wait must end even in a process that is always late. */
const MAX_GRACES = 3;
/** The event loop reads up to 32 datagrams of a socket per turn; a stream may need a turn each for handshake and data. */
const MIN_TURNS = 3;
const MAX_TURNS = 64;

/**
 * Waits; a stalled process does not shorten the wait.
 *
 * Timers run before sockets are read: after a stall, a plain timer would give up a question whose answer is already in the
 * socket's buffer. So when the timer runs, everything that has arrived is read first. If the timer was late, the wait is
 * extended by the time of the stall: a question that had not been sent yet could not be answered.
 *
 * @param expired called once, unless cancelled; `stalled` means that the wait says nothing about the server
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

/** Lets the event loop read everything that has arrived, then calls `done` unless cancelled. */
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

/** Returns a number that grows with everything that is read from these servers. */
export function progressOf(servers: readonly Server[]): number {
  let sum = 0;
  for (const server of servers) sum += server.first.received + (server.datagrams ? server.stream.received : 0);
  return sum;
}

const nextTurn: (run: () => void) => unknown =
  typeof setImmediate === 'function' ? (run) => setImmediate(run) : (run) => setTimeout(run, 0);

/** The runtime's monotonic clock. Setting the time of day does not change a wait. */
export const monotonicClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
