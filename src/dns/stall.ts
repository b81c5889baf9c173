/**
 * Detects that this process stalled: it was stopped, swapped out or blocked.
 *
 * **Answers**: was a query late because this process stalled, and how long did it stall?
 * **Asks**: `clock`: a heartbeat while a query is outstanding, and none otherwise.
 * **Limits**: a stall shorter than 300 ms is not detected. A clock that is set forward counts as a stall.
 *
 * @module
 */
import type { Clock } from '../env/index.ts';

/** Heartbeat interval while a query is outstanding, in milliseconds. */
const BEAT_MS = 200;
/** How late a heartbeat may be before the process counts as stalled, in milliseconds. */
const GRACE_MS = 300;

/**
 * Time granted to read an answer that has already arrived, in milliseconds.
 *
 * Timers fire before sockets are read. After a stall, a deadline fires although the answer may be in the socket's buffer.
 *
 * @internal
 */
export const LAST_MOMENT_MS = 100;

/** Watches the heartbeat of this process while queries are outstanding. */
export interface StallWatch {
  /** Notes that a query was sent, and returns the current time. */
  enter(): number;
  /** Notes that a query has ended. */
  leave(): void;
  /** Returns how long this process has stalled since it was first watched, in milliseconds. */
  stalledMs(): number;
  /** Returns whether this process has stalled since `moment`, a time of the same clock. */
  stalledSince(moment: number): boolean;
}

const watches = new WeakMap<Clock, StallWatch>();

/** Returns the watch of this clock. All callers share one. */
export function stallWatch(clock: Clock): StallWatch {
  const known = watches.get(clock);
  if (known !== undefined) return known;
  let waiting = 0;
  let last = 0;
  let total = 0;
  let ended = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | undefined;

  const measure = (): number => {
    const now = clock.now();
    const late = now - last - BEAT_MS;
    if (waiting > 0 && late > GRACE_MS) {
      total += late;
      ended = now;
    }
    last = now;
    return now;
  };
  const beat = (): void => {
    measure();
    cancel = waiting > 0 ? clock.after(BEAT_MS, beat) : undefined;
  };
  const watch: StallWatch = {
    enter() {
      if (waiting === 0) last = clock.now();
      const now = measure();
      if (waiting++ === 0) cancel = clock.after(BEAT_MS, beat);
      return now;
    },
    leave() {
      measure();
      if (--waiting > 0) return;
      cancel?.();
      cancel = undefined;
    },
    stalledMs() {
      measure();
      return total;
    },
    stalledSince(moment) {
      measure();
      return ended >= moment;
    },
  };
  watches.set(clock, watch);
  return watch;
}

/**
 * Returns timers that do not count the time in which this process stalled. For `withDeadline`.
 *
 * @internal
 */
export function stallAware(clock: Clock): Pick<Clock, 'after'> {
  const watch = stallWatch(clock);
  return {
    after(ms, run) {
      const stalledBefore = watch.stalledMs();
      const since = watch.enter();
      let granted = 0;
      let over = false;
      let cancelTimer = (): void => {};
      const end = (): boolean => {
        if (over) return false;
        over = true;
        cancelTimer();
        watch.leave();
        return true;
      };
      const due = (): void => {
        const stalled = watch.stalledMs() - stalledBefore;
        if (stalled > granted) {
          granted = stalled;
          cancelTimer = clock.after(Math.max(ms - (clock.now() - since - stalled), LAST_MOMENT_MS), due);
        } else if (end()) run();
      };
      cancelTimer = clock.after(ms, due);
      return () => void end();
    },
  };
}
