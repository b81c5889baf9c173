/**
 * A rate limit: `burst` at once, and `rate` per `periodMs` in the long run. The generic cell rate algorithm (GCRA) needs one
 * number for it. An idle key may use `burst` at once; after that, one is refilled every `periodMs / rate` milliseconds.
 */
export interface Rate {
  /** How many are allowed per period; a positive number. */
  readonly rate: number;
  /** The period, in milliseconds; a positive number. */
  readonly periodMs: number;
  /** How many are allowed at once. Default: `rate`. */
  readonly burst?: number;
  /**
   * Names a group of keys that share room in a store of bounded memory: a full store makes room within the group of the new key,
   * and never evicts a key of another group. Default: the group of all rates without a name.
   */
  readonly pool?: string;
}

/** A charge to a rate limit. */
export interface Charge {
  /** The counted key. A key has one rate; for two rates of one client, use two keys. */
  readonly key: string;
  readonly rate: Rate;
  /** Default: 1. */
  readonly cost?: number;
}

/** A limit on concurrent holders of a key. */
export interface Place {
  readonly key: string;
  /** How many holders may have a place of this key at once. */
  readonly limit: number;
}

/** The answer of a counter. Plain data, so it can be part of a finding. */
export interface Usage {
  readonly allowed: boolean;
  /** How much is allowed at once. */
  readonly limit: number;
  /** How much of `limit` is in use, including this charge if it was allowed. */
  readonly used: number;
  /**
   * Milliseconds until the same charge would be allowed. 0 if it is allowed now, or if the time is unknown: a place becomes
   * free when its holder releases it.
   */
  readonly retryAfterMs: number;
  /** The shared store did not answer, so only the count of this process decided. */
  readonly degraded?: boolean;
}

/**
 * Counts that outlive a session: rates, places and distinct values. A store is bounded, its methods never throw, and their
 * promises never reject.
 *
 * A refused charge costs nothing, so that a client that waits is accepted again. Answers may be synchronous, so that a counter
 * in memory does not delay a connection.
 */
export interface Counters {
  /** Returns whether a charge of `cost` (default: 1) would be allowed. Changes nothing. */
  peek(key: string, rate: Rate, cost?: number): Usage | Promise<Usage>;
  /** Charges `cost` (default: 1) if it is allowed. */
  charge(key: string, rate: Rate, cost?: number): Usage | Promise<Usage>;
  /**
   * Makes all charges, or none if one of them is not allowed: nested prefixes are one decision and one request to a shared
   * store. Returns the answers in the order of the charges.
   */
  chargeAll(charges: readonly Charge[]): readonly Usage[] | Promise<readonly Usage[]>;
  /** Deletes the charges of `key` and its distinct values. */
  clear(key: string): void | Promise<void>;
  /**
   * Takes one of `limit` places of `key` for `holder` (a session's id). A place is a lease: it ends with `release`, or expires
   * if the process of its holder ends. A holder has at most one place of a key.
   */
  acquire(key: string, limit: number, holder: string): Usage | Promise<Usage>;
  /** Takes a place of every key, or none if one of them is full. Returns the answers in the order of the places. */
  acquireAll(places: readonly Place[], holder: string): readonly Usage[] | Promise<readonly Usage[]>;
  /** Releases the holder's place of `key`, or all its places if no key is given. */
  release(holder: string, key?: string): void | Promise<void>;
  /**
   * Counts the distinct values of `key` within `periodMs`. A repeated value counts once, and its period starts again. A value
   * beyond `limit` is not stored. If the value is a secret, pass a digest.
   */
  distinct(key: string, value: string, limit: number, periodMs: number): Usage | Promise<Usage>;
}
