import type { Charge, Clock, Counters, Place, Rate, Usage } from '../../env/index.ts';
import { steadyTime } from '../../env/index.ts';
import { DistinctValues } from './distinct-values.ts';
import { LeaseBook } from './lease-book.ts';
import { RateTable } from './rate-table.ts';
import { seededHash } from './seeded-hash.ts';

/** How {@link memoryCounters} are made. */
export interface MemoryCountersOptions {
  readonly clock: Clock;
  /**
   * How many keys in debt each pool of rates holds at once, 16 bytes each: a power of two. A pool takes its memory when the first
   * of its rates is charged. Default: 65,536 (1 MiB a pool).
   */
  readonly rates?: number;
  /** How many distinct values are held over all keys, some 60 bytes each. Default: 16,384. */
  readonly values?: number;
  /** Four 32-bit numbers that must stay secret. Default: from the runtime's random source. */
  readonly seed?: Uint32Array;
  /**
   * Called when a pool is so full that keys in debt are evicted: at the first eviction, and then at most once a minute. Give more
   * `rates` if it is called in ordinary operation. What it throws is ignored.
   */
  readonly onFull?: (event: PoolFull) => void;
}

/** A pool of rates that had no room left for a new key. */
export interface PoolFull {
  /** The pool's name; empty for rates without one. */
  readonly pool: string;
  /** How many keys the pool can hold, and how many are in debt now. */
  readonly entries: number;
  readonly inDebt: number;
  /** How many keys were evicted since the last report. Each one's debt is forgotten. */
  readonly evicted: number;
  /** The largest share of its limit (0 to 1) that one of them was using. */
  readonly largestShare: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What is held now; for graphs. */
export interface MemoryCountersSize {
  /** Bytes of the tables of rates: a fixed number for each pool in use. */
  readonly rateBytes: number;
  /** Keys that are in debt now. */
  readonly inDebt: number;
  /** Keys in debt that were evicted so far because their pool was full. */
  readonly evicted: number;
  readonly places: number;
  readonly holders: number;
  readonly values: number;
}

/** Counters that answer at once. */
export interface MemoryCounters extends Counters {
  peek(key: string, rate: Rate, cost?: number): Usage;
  charge(key: string, rate: Rate, cost?: number): Usage;
  chargeAll(charges: readonly Charge[]): readonly Usage[];
  /** Takes a charge back that was allowed: a shared store that was asked afterwards has refused it. */
  refund(key: string, rate: Rate, cost?: number): void;
  clear(key: string): void;
  acquire(key: string, limit: number, holder: string): Usage;
  acquireAll(places: readonly Place[], holder: string): readonly Usage[];
  release(holder: string, key?: string): void;
  distinct(key: string, value: string, limit: number, periodMs: number): Usage;
  /** How much is kept now. */
  size(): MemoryCountersSize;
}

/**
 * Counters of this process, in memory that does not grow with the number of clients: a flood from a million addresses
 * costs the same bytes as none.
 *
 * @throws TypeError for a size that is no power of two, or a seed of less than four numbers
 *
 * @example
 * ```ts
 * import { memoryCounters } from 'postern/adapters/memory';
 * import { systemClock } from 'postern/adapters/system';
 *
 * const counters = memoryCounters({ clock: systemClock() });
 * const { allowed, retryAfterMs } = counters.charge('192.0.2.1', { rate: 300, periodMs: 60_000, burst: 30 });
 * console.log(allowed ? 'welcome' : `come back in ${retryAfterMs} ms`);
 * ```
 */
export function memoryCounters(options: MemoryCountersOptions): MemoryCounters {
  const { clock, rates = 65_536, values = 16_384, seed } = options;
  if (typeof clock?.now !== 'function')
    throw new TypeError('memoryCounters: clock is missing; give systemClock(), or fixedClock() in a test');
  if (!Number.isInteger(rates) || rates < 8 || rates > 2 ** 26 || (rates & (rates - 1)) !== 0)
    throw new TypeError(`memoryCounters: rates ${rates} must be a power of two from 8 to 67108864`);
  if (!Number.isInteger(values) || values < 8 || values > 2 ** 24)
    throw new TypeError(`memoryCounters: values ${values} must be a whole number from 8 to 16777216`);
  if (seed !== undefined && !(seed.length >= 4))
    throw new TypeError(`memoryCounters: seed has ${seed.length} numbers; give four of 32 bits`);
  if (options.onFull !== undefined && typeof options.onFull !== 'function')
    throw new TypeError(`memoryCounters: onFull must be a function, got ${typeof options.onFull}`);
  const hash = seededHash(seed);
  const steady = steadyTime(clock);
  const pools = new Map<string, RateTable>();
  let evicted = 0;
  const made = (pool: string): RateTable => {
    const reports = evictionReports(options, pool, rates, () => table.inDebt(steady()), steady);
    const table: RateTable = new RateTable(rates, hash, (share) => {
      evicted++;
      reports(share);
    });
    pools.set(pool, table);
    return table;
  };
  const common = made('');
  const tableOf = ({ pool }: Rate): RateTable => {
    if (pool === undefined) return common;
    return pools.get(pool) ?? (pools.size < MAX_POOLS ? made(pool) : common);
  };
  const leases = new LeaseBook(hash);
  let seen: DistinctValues | undefined;
  const distinctValues = (): DistinctValues => {
    seen ??= new DistinctValues(values, hash);
    return seen;
  };

  return {
    peek: (key, rate, cost = 1) => tableOf(rate).ask(key, rate, cost, steady(), false),
    charge: (key, rate, cost = 1) => tableOf(rate).ask(key, rate, cost, steady(), true),
    chargeAll(charges) {
      const now = steady();
      const usages = new Array<Usage>(charges.length);
      let refused = false;
      for (let i = 0; i < charges.length; i++) {
        const { key, rate, cost = 1 } = charges[i] as Charge;
        const usage = tableOf(rate).ask(key, rate, cost, now, !refused);
        usages[i] = usage;
        if (usage.allowed || refused) continue;
        refused = true;
        // Those before it were charged: that is taken back.
        for (let made = 0; made < i; made++) {
          const before = charges[made] as Charge;
          tableOf(before.rate).refund(before.key, before.rate, before.cost ?? 1);
        }
      }
      return usages;
    },
    refund: (key, rate, cost = 1) => tableOf(rate).refund(key, rate, cost),
    clear(key) {
      for (const table of pools.values()) table.clear(key);
      seen?.clear(key);
    },
    acquire: (key, limit, holder) => leases.acquire(key, limit, holder),
    acquireAll: (places, holder) => leases.acquireAll(places, holder),
    release: (holder, key) => leases.release(holder, key),
    distinct: (key, value, limit, periodMs) => distinctValues().see(key, value, limit, periodMs, steady()),
    size() {
      let rateBytes = 0;
      let inDebt = 0;
      for (const table of pools.values()) {
        rateBytes += table.bytes;
        inDebt += table.inDebt(steady());
      }
      return {
        rateBytes,
        inDebt,
        evicted,
        places: leases.places,
        holders: leases.holders,
        values: seen?.size ?? 0,
      };
    },
  };
}

/** A policy names a handful of pools; names that a policy makes up as it goes would fill the memory. */
const MAX_POOLS = 16;
const REPORT_EVERY_MS = 60_000;

/** Collects what one pool evicts, and reports it now and then. */
function evictionReports(
  { clock, onFull }: MemoryCountersOptions,
  pool: string,
  entries: number,
  inDebt: () => number,
  steady: () => number,
): (share: number) => void {
  let count = 0;
  let largestShare = 0;
  let due = Number.NEGATIVE_INFINITY;
  return (share) => {
    if (onFull === undefined) return;
    count++;
    if (share > largestShare) largestShare = share;
    const now = steady();
    if (now < due) return;
    due = now + REPORT_EVERY_MS;
    const event: PoolFull = { pool, entries, inDebt: inDebt(), evicted: count, largestShare, at: clock.now() };
    count = 0;
    largestShare = 0;
    try {
      onFull(event);
    } catch {
      // A counter never throws, whatever its hook does.
    }
  };
}
