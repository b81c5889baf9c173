import { mechanismClass } from '../checks/encrypted-auth/index.ts';
import type { Severity } from './finding.ts';

/** What a server offers before TLS that a listener can use. */
export interface OfferedInClear {
  readonly severity: Severity;
  readonly what: string;
}

/**
 * Judges the mechanisms that are offered before TLS, alike in every protocol. A secret is overheard at once; what is made of
 * a password lets a listener try passwords. EXTERNAL and channel-bound mechanisms mean nothing without TLS, and ANONYMOUS has
 * no secret.
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
    what: `The server offers logins before TLS: ${names}. A listener can try passwords against what is exchanged.`,
  };
}

/** What a mechanism shows to a listener. GS2 mechanisms are challenge and response (RFC 5801). */
export const exposure = (mechanism: string): 'secret' | 'challenge' | 'nothing' => {
  if (mechanism === 'ANONYMOUS') return 'nothing';
  if (mechanism.startsWith('GS2-') && !mechanism.endsWith('-PLUS')) return 'challenge';
  const kind = mechanismClass(mechanism);
  return kind === 'bound' ? 'nothing' : kind;
};
