import type { Charge, Clock, Counters, Place, Rate, Usage } from '../../env/index.ts';
import { DistinctValues } from './distinct-values.ts';
import { LeaseBook } from './lease-book.ts';
import { RateTable } from './rate-table.ts';
import { seededHash } from './seeded-hash.ts';

/** How {@link memoryCounters} are made. */
export interface MemoryCountersOptions {
  readonly clock: Clock;
  /** How many keys in debt are held at once, 16 bytes each: a power of two, 65536 where not given (1 MiB). */
  readonly rates?: number | undefined;
  /** How many distinct values are held over all keys, some 60 bytes each; 16384 where not given. */
  readonly values?: number | undefined;
  /** Four 32-bit numbers that nobody outside may know. From the runtime's random source where not given. */
  readonly seed?: Uint32Array | undefined;
}

/** What is held now; for graphs. */
export interface MemoryCountersSize {
  /** Bytes of the table of rates. They are taken at the start and stay the same. */
  readonly rateBytes: number;
  /** Keys that are in debt now. */
  readonly inDebt: number;
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
  const hash = seededHash(seed);
  const table = new RateTable(rates, hash);
  const leases = new LeaseBook(hash);
  let seen: DistinctValues | undefined;
  const distinctValues = (): DistinctValues => {
    seen ??= new DistinctValues(values, hash);
    return seen;
  };

  return {
    peek: (key, rate, cost = 1) => table.ask(key, rate, cost, clock.now(), false),
    charge: (key, rate, cost = 1) => table.ask(key, rate, cost, clock.now(), true),
    chargeAll(charges) {
      const now = clock.now();
      const usages = new Array<Usage>(charges.length);
      let refused = false;
      for (let i = 0; i < charges.length; i++) {
        const { key, rate, cost = 1 } = charges[i] as Charge;
        const usage = table.ask(key, rate, cost, now, !refused);
        usages[i] = usage;
        if (usage.allowed || refused) continue;
        refused = true;
        // Those before it were charged: that is taken back.
        for (let made = 0; made < i; made++) {
          const before = charges[made] as Charge;
          table.refund(before.key, before.rate, before.cost ?? 1);
        }
      }
      return usages;
    },
    refund: (key, rate, cost = 1) => table.refund(key, rate, cost),
    clear(key) {
      table.clear(key);
      seen?.clear(key);
    },
    acquire: (key, limit, holder) => leases.acquire(key, limit, holder),
    acquireAll: (places, holder) => leases.acquireAll(places, holder),
    release: (holder, key) => leases.release(holder, key),
    distinct: (key, value, limit, periodMs) => distinctValues().see(key, value, limit, periodMs, clock.now()),
    size: () => ({
      rateBytes: table.bytes,
      inDebt: table.inDebt(clock.now()),
      places: leases.places,
      holders: leases.holders,
      values: seen?.size ?? 0,
    }),
  };
}
