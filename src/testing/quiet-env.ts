/**
 * **Answers**: which environment does a test use whose subject is something else?
 *
 * **Knows**: nothing. **Asks**: nothing. **Limits**: its counters count nothing; for tests of limits use `memoryCounters` from
 * `postern/adapters/memory`.
 *
 * @module
 */
import type { Counters, Env, Usage } from '../env/index.ts';
import { fixedClock } from './fixed-clock.ts';
import { zone } from './zone.ts';

const fine: Usage = { allowed: true, limit: Number.MAX_SAFE_INTEGER, used: 1, retryAfterMs: 0 };
/** Counters that never refuse. */
const boundless: Counters = {
  peek: () => fine,
  charge: () => fine,
  chargeAll: (charges) => charges.map(() => fine),
  clear: () => undefined,
  acquire: () => fine,
  acquireAll: (places) => places.map(() => fine),
  release: () => undefined,
  distinct: () => fine,
};
const nobodyBanned: Env['bans'] = {
  lookup: () => undefined,
  add: (prefix, reason) => ({ prefix, reason, since: 0, until: 0, times: 0 }),
  lift: () => false,
  list: () => [],
};

/** Makes an environment that refuses nothing: no name exists, no client is banned, every count is allowed. */
export const quietEnv = (over: Partial<Env> = {}): Env => ({
  dns: zone({}),
  clock: fixedClock(),
  counters: boundless,
  bans: nobodyBanned,
  ...over,
});
