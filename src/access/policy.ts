import type { Check, Entry, Policy, PolicyWarning } from '../core/index.ts';
import { assertUniqueIds, warningsOf } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type { AccessCapabilities, AccessCommandFacts, AccessConnectFacts, AccessStages } from './facts.ts';

/**
 * The check that decides whether a login is protected on the wire, and what may be advertised because of it.
 * `encryptedAuth()` makes it.
 */
export type EncryptionCheck<E = Env> = Check<AccessCommandFacts, E> & {
  /** What may be advertised, by the same rules that commands are decided by. */
  capabilitiesFor(facts: Omit<AccessCommandFacts, 'command'>): AccessCapabilities;
  /** The oldest version of TLS under which a login may be made: `TLSv1.2`. */
  readonly minimumTls?: string;
};

/** The rules of an access policy, as an author writes them. */
export interface AccessRules<E = Env> {
  /** Whether a login may be made in the clear. It has no default, and is judged first at every command. */
  readonly encryption: EncryptionCheck<E>;
  readonly connect?: readonly Entry<AccessConnectFacts, E>[];
  readonly command?: readonly Entry<AccessCommandFacts, E>[];
}

/** A policy for IMAP, POP3, submission and ManageSieve logins. Made by `accessPolicy()`. */
export interface AccessPolicy<E = Env> {
  readonly rules: Policy<AccessStages, E>;
  readonly encryption: EncryptionCheck<E>;
  /** Flags that no score adds up, and thresholds that no sum can reach. Print them when the server starts. */
  readonly warnings: readonly PolicyWarning[];
}

/**
 * Puts a policy together: encryption is judged before every other rule at a command, so no `permit` can step over it.
 *
 * @throws {TypeError} if `encryption` is missing, for an unknown stage, if two rules have the same id, and for a weight that
 *   no score adds up
 *
 * @example
 * ```ts
 * import { accessPolicy } from 'postern/access';
 * import { encryptedAuth } from 'postern/checks/encrypted-auth';
 *
 * export const policy = accessPolicy({ encryption: encryptedAuth({ mechanisms: ['PLAIN'] }) });
 * ```
 */
export function accessPolicy<E = Env>(written: AccessRules<E>): AccessPolicy<E> {
  const { encryption, connect, command, ...others } = written;
  if (typeof encryption?.examine !== 'function' || typeof encryption.capabilitiesFor !== 'function')
    throw new TypeError('accessPolicy: encryption must be encryptedAuth({ … })');
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined)
    throw new TypeError(`accessPolicy: ${JSON.stringify(unknown)} is no stage; allowed: encryption, connect, command`);
  const rules: Policy<AccessStages, E> = {
    ...(connect === undefined ? {} : { connect: Object.freeze([...connect]) }),
    command: Object.freeze([encryption, ...(command ?? [])]),
  };
  assertUniqueIds(rules);
  const warnings = Object.freeze(warningsOf('accessPolicy', rules));
  return Object.freeze({ rules: Object.freeze(rules), encryption, warnings });
}
