import type { Check } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type { RcptFacts } from './facts.ts';

declare const relayMark: unique symbol;

/** The facts that relay control reads: the client, its TLS and login, and the recipient. */
export type RelayFacts = Pick<RcptFacts, 'client' | 'tls' | 'auth' | 'forwardPath' | 'sourceRoute'>;

/**
 * The only check that can allow relaying. `relayControl()` creates it. It has its own type, so a reputation check cannot be
 * used instead.
 */
export type RelayCheck<E = Env> = Check<RelayFacts, E> & { readonly [relayMark]: true };

const relayChecks = new WeakSet<object>();

/** Reports whether `asRelayCheck` marked this very object. A copy is not marked. */
export const isRelayCheck = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && relayChecks.has(value);

/**
 * Marks a check as relay control. No public entry point exports it, so other code cannot mark a check.
 *
 * @internal
 */
export function asRelayCheck<E, C extends Check<RelayFacts, E>>(check: C & Check<RelayFacts, E>): C & RelayCheck<E> {
  relayChecks.add(check);
  return check as C & RelayCheck<E>;
}
