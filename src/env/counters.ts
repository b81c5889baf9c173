/**
 * How much of something is allowed: `burst` at once, and `rate` per `periodMs` in the long run.
 * The generic cell rate algorithm (GCRA) keeps one number for it. Whoever has been quiet for long may take `burst` at
 * once; after that, one comes back every `periodMs / rate` milliseconds.
 */
export interface Rate {
  /** How many are allowed per period; more than 0. */
  readonly rate: number;
  /** The period, in milliseconds; more than 0. */
  readonly periodMs: number;
  /** How many may come at once. Default: `rate`. */
  readonly burst?: number;
  /**
   * Names a group of keys that share room in a store of bounded memory: a full store makes room within the group of the new key,
   * and never evicts a key of another group. Default: the group of all rates without a name.
   */
  readonly pool?: string;
}

/** One charge among several that are made together. */
export interface Charge {
  /** What is counted. One key has one rate: count two rates of one client under two keys. */
  readonly key: string;
  readonly rate: Rate;
  /** 1 where it is not given. */
  readonly cost?: number;
}

/** One place among several that are taken together. */
export interface Place {
  readonly key: string;
  /** How many holders may have a place of this key at the same time. */
  readonly limit: number;
}

/** What a counter answers: plain data, fit for a finding. */
export interface Usage {
  readonly allowed: boolean;
  /** What is allowed at once. */
  readonly limit: number;
  /** How much of `limit` is used up now, this charge included where it was allowed. */
  readonly used: number;
  /**
   * Milliseconds until the same charge would be allowed; 0 where it is allowed now, and where nobody can know it: a
   * place is free when its holder goes.
   */
  readonly retryAfterMs: number;
  /** The shared store could not be asked: only this process's own count decided. */
  readonly degraded?: boolean;
}

/**
 * Counts that outlive a session: rates, places and distinct values. Bounded in memory; never throws, and what the
 * methods return never rejects.
 *
 * A refused charge costs nothing, so that a client which waits is let in again. Store and caller may be synchronous: a
 * counter in memory answers at once, and a connection that is judged from memory waits for nothing.
 */
export interface Counters {
  /** Would a charge of `cost` (1 where not given) be allowed now? Changes nothing. */
  peek(key: string, rate: Rate, cost?: number): Usage | Promise<Usage>;
  /** Charges `cost` (1 where not given), if that is allowed. */
  charge(key: string, rate: Rate, cost?: number): Usage | Promise<Usage>;
  /**
   * Charges all of them, or none where one of them is not allowed: nested prefixes are one decision, and one question
   * to a shared store. Answers in the order asked.
   */
  chargeAll(charges: readonly Charge[]): readonly Usage[] | Promise<readonly Usage[]>;
  /** Forgets what was charged to `key`, and the distinct values seen for it. */
  clear(key: string): void | Promise<void>;
  /**
   * Takes one of `limit` places of `key` for `holder` (a session's id). A place is a lease: it comes back by `release`,
   * or by itself where the process that held it is gone. A holder takes one place of a key, however often it asks.
   */
  acquire(key: string, limit: number, holder: string): Usage | Promise<Usage>;
  /** Takes a place of every key, or of none where one of them is full. Answers in the order asked. */
  acquireAll(places: readonly Place[], holder: string): readonly Usage[] | Promise<readonly Usage[]>;
  /** Gives back the place of `key` that `holder` has; every place it has, where no key is given. */
  release(holder: string, key?: string): void | Promise<void>;
  /**
   * Counts distinct values: how many different `value`s were seen for `key` within `periodMs`. A value that was seen
   * before counts once and is seen anew; a value beyond `limit` is not remembered. `value` should be a digest where it is
   * a secret.
   */
  distinct(key: string, value: string, limit: number, periodMs: number): Usage | Promise<Usage>;
}
