/**
 * Counters and bans in the memory of one process.
 *
 * **Answers**: is this rate kept, is there a place, how many different values were there, is this address banned?
 * **Knows**: what it was charged. **Asks**: a clock, and once the runtime's random source.
 * **Limits**: nothing is shared and nothing outlives the process (`postern/adapters/redis`, `postern/adapters/lmdb`).
 * Rates are held in tables of fixed size, one for each pool: under a flood of more clients than a table holds, those that use the
 * smallest share of their limit are evicted first.
 * No `node:` module: it runs wherever the web platform does.
 *
 * @example
 * ```ts
 * import { memoryBans, memoryCounters } from 'postern/adapters/memory';
 * import { systemClock } from 'postern/adapters/system';
 *
 * const clock = systemClock();
 * export const env = { clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
 * ```
 *
 * @module
 */
export type { BanTimes, CheckedBanTimes } from './ban-time.ts';
export { checkedBanTimes } from './ban-time.ts';
export type { MemoryBans, MemoryBansOptions } from './bans.ts';
export { memoryBans } from './bans.ts';
export type { MemoryCounters, MemoryCountersOptions, MemoryCountersSize, PoolFull } from './counters.ts';
export { memoryCounters } from './counters.ts';
