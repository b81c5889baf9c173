/**
 * The environment of checks: DNS, the clock, counters and bans. Given the same facts and the same answers from the environment,
 * a check returns the same finding.
 *
 * @module
 */
import type { Bans } from './bans.ts';
import type { Clock } from './clock.ts';
import type { Counters } from './counters.ts';
import type { DnsResolver } from './resolver.ts';

export type { Ban, Bans } from './bans.ts';
export type { Clock } from './clock.ts';
export { steadyTime } from './clock.ts';
export type { Charge, Counters, Place, Rate, Usage } from './counters.ts';
/** @internal */
export { type Ended, pause, withDeadline } from './deadline.ts';
/** @internal */
export { onAbort } from './on-abort.ts';
export type { DnsAnswer, DnsRecord, DnsResolver, RecordOf, RecordType, ResolveOptions } from './resolver.ts';

/** Everything outside itself that a check may use. It is passed in; there is no default. */
export interface Env {
  readonly dns: DnsResolver;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly bans: Bans;
}
