/**
 * Whether it was the world that was late, or this process.
 *
 * **Answers**: did this process stand still (stopped, swapped out, blocked) since a moment, and for how long in all?
 * **Knows**: nothing. **Asks**: `clock`: a beat while somebody waits for an answer, none otherwise.
 * **Limits**: a pause shorter than the grace (300 ms) is not seen; a clock that is set forward counts as a pause.
 *
 * @module
 */
import type { Clock } from '../env/index.ts';

/** How often the pulse is felt while something is waited for. */
const BEAT_MS = 200;
/** How late a beat may be before the process is said to have stood still. */
const GRACE_MS = 300;

/** Watches the pulse of this process while questions are out. */
export interface StallWatch {
  /** A question goes out; the time is now. */
  enter(): number;
  /** A question has come to its end. */
  leave(): void;
  /** How long this process has stood still since it was first watched, in milliseconds; the present moment included. */
  stalledMs(): number;
  /** Whether it has stood still since `moment`, a time of the same clock. */
  stalledSince(moment: number): boolean;
}

const watches = new WeakMap<Clock, StallWatch>();

/** The watch of this clock; there is one, however many ask for it. */
export function stallWatch(clock: Clock): StallWatch {
  const known = watches.get(clock);
  if (known !== undefined) return known;
  let waiting = 0;
  let last = 0;
  let total = 0;
  let ended = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | undefined;

  const feel = (): number => {
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
    feel();
    cancel = waiting > 0 ? clock.after(BEAT_MS, beat) : undefined;
  };
  const watch: StallWatch = {
    enter() {
      if (waiting === 0) last = clock.now();
      const now = feel();
      if (waiting++ === 0) cancel = clock.after(BEAT_MS, beat);
      return now;
    },
    leave() {
      feel();
      if (--waiting > 0) return;
      cancel?.();
      cancel = undefined;
    },
    stalledMs() {
      feel();
      return total;
    },
    stalledSince(moment) {
      feel();
      return ended >= moment;
    },
  };
  watches.set(clock, watch);
  return watch;
}
