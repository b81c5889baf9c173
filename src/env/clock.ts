/** A clock. It is passed in; a check never reads a clock of its own. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. It jumps when the system clock is set. */
  now(): number;
  /** Calls `run` once, `ms` milliseconds from now. The returned function cancels it. */
  after(ms: number, run: () => void): () => void;
  /**
   * Milliseconds since an arbitrary moment. It never jumps, so durations are measured with it. Optional: without it, a jump
   * forward counts as elapsed time (see {@link steadyTime}).
   */
  monotonic?(): number;
}

/**
 * Returns a function that reads the time and never goes back. It starts at the clock's `now()` and advances with its monotonic
 * time. For a clock without `monotonic`, a step back of `now()` counts as no elapsed time.
 *
 * Use it for everything that is counted or expires: rates, leases, bans, pauses. Otherwise, setting the wall clock back by an
 * hour would make each of them last an hour longer.
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
