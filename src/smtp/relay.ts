import type { Check } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type { RcptFacts } from './facts.ts';

declare const relayMark: unique symbol;

/** The facts that relay control reads: the client, its TLS and login, and the recipient. */
export type RelayFacts = Pick<RcptFacts, 'client' | 'tls' | 'auth' | 'forwardPath' | 'sourceRoute'>;

/**
 * The only check that can allow relaying. `relayControl()` makes it. It is a type of its own, so that no reputation check can
 * take its place.
 */
export type RelayCheck<E = Env> = Check<RelayFacts, E> & { readonly [relayMark]: true };

const relayChecks = new WeakSet<object>();

/** Whether the value is a check that `asRelayCheck` has marked. A copy of it is not. */
export const isRelayCheck = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && relayChecks.has(value);

/**
 * Marks a check as relay control. No public entry point exports it, so that no other code can mark a check.
 *
 * @internal
 */
export function asRelayCheck<E, C extends Check<RelayFacts, E>>(check: C & Check<RelayFacts, E>): C & RelayCheck<E> {
  relayChecks.add(check);
  return check as C & RelayCheck<E>;
}
