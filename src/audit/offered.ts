import { mechanismClass } from '../checks/encrypted-auth/index.ts';
import type { Severity } from './finding.ts';

/** Describes an offer of logins before TLS. */
export interface OfferedInClear {
  readonly severity: Severity;
  readonly what: string;
}

/**
 * Judges the mechanisms offered before TLS, in the same way for every protocol. An eavesdropper can read a plain password, and
 * can guess the password behind a challenge-response exchange. EXTERNAL and channel-bound mechanisms do not work without TLS,
 * and ANONYMOUS has no password.
 *
 * @param mechanisms in upper case
 */
export function offeredInClear(mechanisms: readonly string[]): OfferedInClear | undefined {
  const of = (kind: string): readonly string[] => mechanisms.filter((name) => exposure(name) === kind);
  const [secrets, challenges] = [of('secret'), of('challenge')];
  const names = [...secrets, ...challenges].join(', ');
  if (secrets.length > 0) return { severity: 'high', what: `The server offers logins before TLS: ${names}.` };
  if (challenges.length === 0) return undefined;
  return {
    severity: 'medium',
    what: `The server offers logins before TLS: ${names}. An eavesdropper can guess passwords offline from the exchange.`,
  };
}

/** Returns what a mechanism exposes to an eavesdropper. GS2 mechanisms are challenge-response (RFC 5801). */
export const exposure = (mechanism: string): 'secret' | 'challenge' | 'nothing' => {
  if (mechanism === 'ANONYMOUS') return 'nothing';
  if (mechanism.startsWith('GS2-') && !mechanism.endsWith('-PLUS')) return 'challenge';
  const kind = mechanismClass(mechanism);
  return kind === 'bound' ? 'nothing' : kind;
};
