import type { Check } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type { RcptFacts } from './facts.ts';

declare const relayMark: unique symbol;

/** What relay control may look at: who the client is, what it has proved, and where the mail is to go. */
export type RelayFacts = Pick<RcptFacts, 'client' | 'tls' | 'auth' | 'forwardPath' | 'sourceRoute'>;

/**
 * The one check that may grant relaying. A type of its own: reputation, however good, is never one of these.
 * `relayControl()` makes it.
 */
export type RelayCheck<E = Env> = Check<RelayFacts, E> & { readonly [relayMark]: true };

const relayChecks = new WeakSet<object>();

/** Whether the value is a check that `asRelayCheck` has marked; a copy of one is not. */
export const isRelayCheck = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && relayChecks.has(value);

/** Marks a check as relay control. For the room that makes it; a check of your own belongs under `rcpt`. */
export function asRelayCheck<E, C extends Check<RelayFacts, E>>(check: C & Check<RelayFacts, E>): C & RelayCheck<E> {
  relayChecks.add(check);
  return check as C & RelayCheck<E>;
}
