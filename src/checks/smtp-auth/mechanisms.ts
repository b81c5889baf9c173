import { isOnThisMachine } from '../../smtp/client.ts';
import type { ConnectFacts, Role } from '../../smtp/facts.ts';

/** The versions of TLS that may be asked for (RFC 8997 forbids the ones before). */
export type MinimumTls = 'TLSv1.2' | 'TLSv1.3';

export interface MechanismOptions {
  /** The mechanisms that the server can carry out, best first. `PLAIN` and `LOGIN` where not given. */
  readonly mechanisms?: readonly string[];
  /** On which listeners logging in is possible; submission alone where not given. */
  readonly roles?: readonly Role[];
  /** `TLSv1.2` where not given. */
  readonly minimumTls?: MinimumTls;
  /**
   * Who may log in in clear text. `loopback` means clients on this machine: what a proxy names is not among them. Default:
   * `nobody`.
   */
  readonly clearTextFrom?: 'nobody' | 'loopback';
  /** The server can bind a login to its TLS channel: only then are `-PLUS` mechanisms offered (RFC 5802 §6). */
  readonly channelBinding?: boolean;
}

/** The facts on which it depends what a client may log in with. */
export type MechanismFacts = Pick<ConnectFacts, 'session' | 'client' | 'tls'>;

/** Why a mechanism cannot be used. */
export type MechanismProblem = 'role' | 'clear-text' | 'tls-too-old' | 'unknown';

export interface Mechanisms {
  /** What is offered and what is accepted: one list, so that the two cannot differ. Empty: no AUTH line. */
  available(facts: MechanismFacts): readonly string[];
  /** Undefined where the mechanism may be used. */
  problem(mechanism: string, facts: MechanismFacts): MechanismProblem | undefined;
}

const known: readonly Role[] = ['mx', 'submission', 'lmtp'];
const versions: { readonly [version: string]: number } = { 'TLSv1.2': 2, 'TLSv1.3': 3 };
/** RFC 4422 §3.1. */
const NAME = /^[A-Z0-9_-]{1,20}$/;

/** Whether the version of TLS is one that is known and not older than the minimum; an unknown name is not. */
export const isTlsAtLeast = (version: string, minimum: MinimumTls): boolean =>
  Object.hasOwn(versions, version) && (versions[version] as number) >= (versions[minimum] as number);

/** @throws TypeError that names the option, its value and what is allowed */
export function mechanismRules(options: MechanismOptions): Mechanisms {
  const mechanisms = (options.mechanisms ?? ['PLAIN', 'LOGIN']).map((name) => {
    const upper = typeof name === 'string' ? name.toUpperCase() : '';
    if (!NAME.test(upper))
      throw new TypeError(
        `smtpAuth: mechanisms ${JSON.stringify(name)} is not a SASL mechanism's name; give it like "SCRAM-SHA-256"`,
      );
    return upper;
  });
  const roles = options.roles ?? ['submission'];
  for (const role of roles)
    if (!known.includes(role))
      throw new TypeError(`smtpAuth: roles ${JSON.stringify(role)} is no role; allowed: ${known.join(', ')}`);
  const minimum = options.minimumTls ?? 'TLSv1.2';
  if (!Object.hasOwn(versions, minimum))
    throw new TypeError(
      `smtpAuth: minimumTls ${JSON.stringify(minimum)} must be one of ${Object.keys(versions).join(', ')}`,
    );
  const clear = options.clearTextFrom ?? 'nobody';
  if (clear !== 'nobody' && clear !== 'loopback')
    throw new TypeError(`smtpAuth: clearTextFrom ${JSON.stringify(clear)} must be "nobody" or "loopback"`);

  /** What stands in the way whichever mechanism is named. */
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
