/** A temporary ban of an address or prefix. Plain data. */
export interface Ban {
  /** What is banned, in canonical CIDR form: `192.0.2.1/32`, `2001:db8::/64`. */
  readonly prefix: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly until: number;
  /** How many times this prefix has been banned, this ban included. */
  readonly times: number;
}

/** Where bans are kept. Bounded; never throws, and what the methods return never rejects. */
export interface Bans {
  /** The ban in force for this canonical address, if any; the longest prefix where several hold it. */
  lookup(address: string): Ban | undefined | Promise<Ban | undefined>;
  /**
   * Bans `prefix` (an address is its own /32 or /128) for `forMs`, or as long as the store's first ban lasts. The store
   * lengthens the time for a prefix that was banned before; a ban in force is replaced, never shortened.
   *
   * @returns the ban; undefined where there is none: the prefix may not be banned, is no prefix, or there is no room
   */
  add(prefix: string, reason: string, forMs?: number): Ban | undefined | Promise<Ban | undefined>;
  /** Lifts the ban and forgets that there was one; false where there was none. */
  lift(prefix: string): boolean | Promise<boolean>;
  /** All bans in force, the newest first. */
  list(): readonly Ban[] | Promise<readonly Ban[]>;
}
