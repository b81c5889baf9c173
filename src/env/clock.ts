/** The time, passed in: a check never reads a clock of its own. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. It jumps when somebody sets the machine's clock. */
  now(): number;
  /** Calls `run` once, `ms` milliseconds from now; the returned function cancels it. */
  after(ms: number, run: () => void): () => void;
  /**
   * Milliseconds since an arbitrary moment. It never jumps, so durations are measured with it. Optional: without it a jump
   * forward is taken for time that has passed (see {@link steadyTime}).
   */
  monotonic?(): number;
}

/**
 * Returns a reading of the clock that never goes back: it starts at the clock's `now()`, and from then on advances with its
 * monotonic time. For a clock without `monotonic`, a step back of `now()` counts as no time at all.
 *
 * Use it for everything that is counted or that ends: rates, leases, bans, pauses. A wall clock that is set back by an hour
 * would otherwise make each of them last an hour longer.
 */
export function steadyTime(clock: Clock): () => number {
  if (typeof clock.monotonic === 'function') {
    const origin = clock.now() - clock.monotonic();
    return () => origin + (clock.monotonic as () => number)();
  }
  let last = clock.now();
  let setBack = 0;
  return () => {
    const now = clock.now();
    if (now < last) setBack += last - now;
    last = now;
    return now + setBack;
  };
}
