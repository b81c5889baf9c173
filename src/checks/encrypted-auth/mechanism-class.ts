/**
 * What a mechanism shows to whoever listens.
 *
 * - `secret`: the password or the token as it is; also every mechanism that is not known
 * - `challenge`: something made of it, which a listener can try passwords against
 * - `bound`: it means something only inside TLS
 */
export type MechanismClass = 'secret' | 'challenge' | 'bound';

const challenges = new Set([
  'CRAM-MD5',
  'DIGEST-MD5',
  'NTLM',
  'APOP',
  'GSSAPI',
  'GSS-SPNEGO',
  'KERBEROS_V4',
  'SRP',
  'OTP',
]);

/** Sorts a mechanism by its name, in upper case. A bearer token is a secret as it is. */
export function mechanismClass(mechanism: string): MechanismClass {
  if (mechanism === 'EXTERNAL' || mechanism.endsWith('-PLUS')) return 'bound';
  if (challenges.has(mechanism) || /^SCRAM-SHA(-1|-224|-256|-384|-512|3-512)$/.test(mechanism)) return 'challenge';
  return 'secret';
}
