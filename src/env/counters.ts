/**
 * How much of something is allowed: `burst` at once, and `rate` per `periodMs` in the long run.
 * The generic cell rate algorithm (GCRA) keeps one number for it.
 */
export interface Rate {
  /** How many are allowed per period; more than 0. */
  readonly rate: number;
  /** The period, in milliseconds. */
  readonly periodMs: number;
  /** How many may come at once; the same as `rate` where it is not given. */
  readonly burst?: number | undefined;
}

/** What a counter answers: plain data, fit for a finding. */
export interface Usage {
  readonly allowed: boolean;
  /** What is allowed at once. */
  readonly limit: number;
  /** How much of `limit` is used up now, this charge included where it was allowed. */
  readonly used: number;
  /** Milliseconds until the same charge would be allowed; 0 where it is allowed now. */
  readonly retryAfterMs: number;
  /** The shared store could not be asked: only this process's own count decided. */
  readonly degraded?: boolean | undefined;
}

/**
 * Counts that outlive a session: rates and leases. Bounded in memory; never throws.
 * A refused charge costs nothing, so that a client which waits is let in again.
 */
export interface Counters {
  /** Would a charge of `cost` (1 where not given) be allowed now? Changes nothing. */
  peek(key: string, rate: Rate, cost?: number): Usage | Promise<Usage>;
  /** Charges `cost` (1 where not given), if that is allowed. */
  charge(key: string, rate: Rate, cost?: number): Usage | Promise<Usage>;
  /** Forgets what was charged to `key`. */
  clear(key: string): void | Promise<void>;
  /**
   * Takes one of `limit` places of `key` for `holder` (a session's id). A place is a lease: it comes back by `release`,
   * or by itself where the process that held it is gone. A holder takes one place of a key, however often it asks.
   */
  acquire(key: string, limit: number, holder: string): Usage | Promise<Usage>;
  /** Gives back every place that `holder` has taken. */
  release(holder: string): void | Promise<void>;
  /**
   * Counts distinct values: how many different `value`s were seen for `key` within `periodMs`. The same value counts
   * once. `value` should be a digest where it is a secret.
   */
  distinct(key: string, value: string, limit: number, periodMs: number): Usage | Promise<Usage>;
}
