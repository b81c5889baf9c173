/** A temporary ban of an address or prefix. */
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

/** Where bans are kept. Bounded; never throws. */
export interface Bans {
  /** The ban in force for this canonical address, if any. */
  lookup(address: string): Ban | undefined | Promise<Ban | undefined>;
  /** Bans `prefix` for `forMs`; the store lengthens the time for a prefix that was banned before. */
  add(prefix: string, reason: string, forMs?: number): Ban | Promise<Ban>;
  /** Lifts the ban; false where there was none. */
  lift(prefix: string): boolean | Promise<boolean>;
  /** All bans in force. */
  list(): readonly Ban[] | Promise<readonly Ban[]>;
}
