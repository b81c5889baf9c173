import type { Check, Entry, Policy, PolicyWarning } from '../core/index.ts';
import { assertFunction, assertKnownOptions, assertUniqueIds, warningsOf, wrongOption } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type { BanRule } from '../smtp/index.ts';
import type { AccessCapabilities, AccessCommandFacts, AccessConnectFacts, AccessStages } from './facts.ts';

/** The check whether a login is encrypted, which also decides what is advertised. `encryptedAuth()` creates it. */
export type EncryptionCheck<E = Env> = Check<AccessCommandFacts, E> & {
  /** Returns what may be advertised, by the same rules that decide on commands. */
  capabilitiesFor(facts: Omit<AccessCommandFacts, 'command'>): AccessCapabilities;
  /** The oldest version of TLS that permits a login. Default: `TLSv1.2`. */
  readonly minimumTls?: string;
};

/** The rules of an access policy. */
export interface AccessRules<E = Env> {
  /** Whether logins must be encrypted. It has no default, and is judged first at every command. */
  readonly encryption: EncryptionCheck<E>;
  /** Rules at the connection, before the greeting. Default: none. */
  readonly connect?: readonly Entry<AccessConnectFacts, E>[];
  /** Rules at each command that concerns TLS or logging in. Default: none. */
  readonly command?: readonly Entry<AccessCommandFacts, E>[];
  /** Rules that ban a client for repeated offences, made by `banAfter()`. Default: none. */
  readonly bans?: readonly BanRule[];
}

/** A policy for IMAP, POP3, submission and ManageSieve logins. `accessPolicy()` creates it. */
export interface AccessPolicy<E = Env> {
  readonly rules: Policy<AccessStages, E>;
  readonly encryption: EncryptionCheck<E>;
  readonly bans: readonly BanRule[];
  /** Flags outside any score, and thresholds that no sum can reach. Print them when the server starts. */
  readonly warnings: readonly PolicyWarning[];
}

/**
 * Creates a policy. Encryption is judged before every other rule at a command, so no `permit` can skip it.
 *
 * @throws {TypeError} if `encryption` is missing, for an unknown part, if two rules have the same id, and for a weight outside
 *   any score
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
  const owner = 'accessPolicy';
  assertKnownOptions(owner, written, ['encryption', 'connect', 'command', 'bans']);
  const { encryption, connect = [], command = [], bans = [] } = written;
  if (typeof encryption?.examine !== 'function' || typeof encryption.capabilitiesFor !== 'function')
    throw wrongOption(owner, 'encryption', 'encryptedAuth({ … })', encryption);
  if (!Array.isArray(bans)) throw wrongOption(owner, 'bans', 'a list of rules made by banAfter({ … })', bans);
  for (const rule of bans) assertFunction(owner, 'bans', rule?.feed, 'rules made by banAfter({ … })');
  const rules: Policy<AccessStages, E> = {
    connect: Object.freeze([...connect]),
    command: Object.freeze([encryption, ...command]),
  };
  assertUniqueIds(rules);
  const warnings = Object.freeze(warningsOf(owner, rules));
  return Object.freeze({ rules: Object.freeze(rules), encryption, bans: Object.freeze([...bans]), warnings });
}
