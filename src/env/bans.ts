/** A temporary ban of an address or prefix. Plain data. */
export interface Ban {
  /** The banned prefix in canonical CIDR form: `192.0.2.1/32`, `2001:db8::/64`. */
  readonly prefix: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly until: number;
  /** How many times this prefix has been banned, this ban included. */
  readonly times: number;
}

/** A store of bans. It is bounded, its methods never throw, and their promises never reject. */
export interface Bans {
  /** Returns the ban in force for a canonical address, if any. Of several, the longest prefix wins. */
  lookup(address: string): Ban | undefined | Promise<Ban | undefined>;
  /**
   * Bans `prefix` (an address means its /32 or /128) for `forMs`. The store lengthens the time if the prefix was banned
   * before. A ban in force is replaced, but never shortened.
   *
   * @param forMs milliseconds. Default: the store's duration of a first ban.
   * @returns the ban; undefined if the prefix may not be banned, is not a prefix, or there is no room
   */
  add(prefix: string, reason: string, forMs?: number): Ban | undefined | Promise<Ban | undefined>;
  /** Lifts the ban and deletes its history. Returns false if there is no ban. */
  lift(prefix: string): boolean | Promise<boolean>;
  /** Returns all bans in force, newest first. */
  list(): readonly Ban[] | Promise<readonly Ban[]>;
}
