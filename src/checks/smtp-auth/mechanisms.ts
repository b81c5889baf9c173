import { oneOf, wrongOption } from '../../core/index.ts';
import { isOnThisMachine } from '../../smtp/client.ts';
import type { ConnectFacts, Role } from '../../smtp/facts.ts';

/** Versions of TLS that a policy may require. RFC 8997 forbids the older ones. */
export type MinimumTls = 'TLSv1.2' | 'TLSv1.3';

export interface MechanismOptions {
  /** SASL mechanisms that the server supports, best first. Default: `['PLAIN', 'LOGIN']`. */
  readonly mechanisms?: readonly string[];
  /** Listeners that accept logins. Default: `['submission']`. */
  readonly roles?: readonly Role[];
  /** Oldest version of TLS. Default: `TLSv1.2`. */
  readonly minimumTls?: MinimumTls;
  /**
   * Clients that may log in without TLS. `loopback` means clients on this machine; an address that a proxy named is never
   * loopback. Default: `nobody`.
   */
  readonly clearTextFrom?: 'nobody' | 'loopback';
  /** Whether the server can bind a login to its TLS channel; only then are `-PLUS` mechanisms offered (RFC 5802 §6). Default: false. */
  readonly channelBinding?: boolean;
}

/** The facts that decide which mechanisms a client may use. */
export type MechanismFacts = Pick<ConnectFacts, 'session' | 'client' | 'tls'>;

/** Why a mechanism cannot be used. */
export type MechanismProblem = 'role' | 'clear-text' | 'tls-too-old' | 'unknown';

export interface Mechanisms {
  /** Returns the mechanisms that are offered and accepted: one list, so that the two cannot differ. Empty: no AUTH line. */
  available(facts: MechanismFacts): readonly string[];
  /** Returns why the mechanism cannot be used, or undefined if it can. */
  problem(mechanism: string, facts: MechanismFacts): MechanismProblem | undefined;
}

const knownRoles: readonly Role[] = ['mx', 'submission', 'lmtp'];
const versions: { readonly [version in MinimumTls]: number } = { 'TLSv1.2': 2, 'TLSv1.3': 3 };
/** RFC 4422 §3.1. */
const MECHANISM_NAME = /^[A-Z0-9_-]{1,20}$/;

/** Whether this version of TLS is at least the minimum. Unknown versions are not. */
export const isTlsAtLeast = (version: string, minimum: MinimumTls): boolean =>
  Object.hasOwn(versions, version) && versions[version as MinimumTls] >= versions[minimum];

/** Checks the role names of an option, and returns them. Default: submission alone. */
export const checkedRoles = (owner: string, roles: readonly Role[] = ['submission']): readonly Role[] =>
  roles.map((role) => oneOf(owner, 'roles', role, knownRoles));

/** @throws {TypeError} for a wrong option */
export function mechanismRules(options: MechanismOptions): Mechanisms {
  const owner = 'smtpAuth';
  const mechanisms = (options.mechanisms ?? ['PLAIN', 'LOGIN']).map((name) => {
    const upper = typeof name === 'string' ? name.toUpperCase() : '';
    if (!MECHANISM_NAME.test(upper))
      throw wrongOption(owner, 'mechanisms', 'SASL mechanism names like "SCRAM-SHA-256"', name);
    return upper;
  });
  const roles = checkedRoles(owner, options.roles);
  const minimum = oneOf(owner, 'minimumTls', options.minimumTls ?? 'TLSv1.2', Object.keys(versions) as MinimumTls[]);
  const clear = oneOf(owner, 'clearTextFrom', options.clearTextFrom ?? 'nobody', ['nobody', 'loopback']);

  /** What prevents logins with any mechanism. */
  const obstacle = ({ session, client, tls }: MechanismFacts): Exclude<MechanismProblem, 'unknown'> | undefined => {
    if (tls === null || tls === undefined) {
      if (clear !== 'loopback' || !isOnThisMachine(client)) return 'clear-text';
    } else if (!isTlsAtLeast(tls.version, minimum)) return 'tls-too-old';
    return roles.includes(session.role) ? undefined : 'role';
  };
  const available = (facts: MechanismFacts): readonly string[] =>
    obstacle(facts) !== undefined
      ? []
      : mechanisms.filter((name) => {
          if (name.endsWith('-PLUS')) return options.channelBinding === true && facts.tls !== null;
          if (name === 'EXTERNAL') return facts.tls?.clientCertificate !== undefined;
          return true;
        });
  return {
    available,
    problem: (mechanism, facts) =>
      obstacle(facts) ?? (available(facts).includes(mechanism.toUpperCase()) ? undefined : 'unknown'),
  };
}
