/**
 * Requires encryption for logins in IMAP, POP3, SMTP and ManageSieve.
 *
 * **Answers**: is this login encrypted, and what may the server advertise?
 *
 * **Knows**: the protocol and the kind of port, the TLS layer and whether TLS is available, the state of the session, the
 * client's address, and the command with its mechanism. Never a secret: it decides by the command's name.
 * **Asks**: nothing.
 *
 * **Standards**: RFC 8314 and RFC 8997 (TLS 1.2, clear text is obsolete), RFC 9051 and RFC 5530 (IMAP), RFC 1939, RFC 2449,
 * RFC 2595 and RFC 3206 (POP3), RFC 3207 and RFC 4954 (SMTP), RFC 5804 (ManageSieve).
 *
 * One function decides on commands and on what is advertised. An unknown mechanism counts as one that reveals its secret.
 * Without TLS only clients in `clearTextFrom` can log in, even if TLS is not configured.
 *
 * **Limits**: it does not check certificates; the TLS layer and `postern audit` do. In SMTP it does not allow
 * challenge-response mechanisms without TLS, whatever `challengeBeforeTls` says.
 *
 * @example
 * ```ts
 * import { encryptedAuth } from 'postern/checks/encrypted-auth';
 *
 * const gate = encryptedAuth({ mechanisms: ['PLAIN', 'SCRAM-SHA-256'] });
 * const decision = gate.decide({
 *   session: { id: '1', role: 'submission', protocol: 'imap' },
 *   client: { ip: '192.0.2.1' as never },
 *   tls: null,
 *   tlsOffer: 'ready',
 *   state: 'open',
 *   command: { name: 'LOGIN' },
 * });
 * console.log(decision.verdict); // refuse
 * ```
 *
 * @module
 */
import type { AccessRefusal } from '../../access/facts.ts';
import type { Check } from '../../core/index.ts';
import { defineCheck, fail, pass, reject } from '../../core/index.ts';
import type { GateFacts, GateOptions, LoginGate } from './gate.ts';
import { loginGate } from './gate.ts';

export type { GateDecision, GateFacts, GateOptions, LoginGate, MechanismClass } from './gate.ts';
export { loginGate, mechanismClass } from './gate.ts';

/** The command that was judged, for the log. */
export interface EncryptedAuthDetail {
  readonly command: string;
  readonly mechanism?: string;
  /** The login is not encrypted, and allowed because the client is in `clearTextFrom`. */
  readonly exempt?: true;
  /** Input arrived after STARTTLS: possibly an attempt to inject commands into the session (CVE-2011-0411). */
  readonly pipelined?: true;
}

/** The login gate as a check for the `command` stage. */
export type EncryptedAuth = Check<GateFacts, object, 'pass' | 'fail', EncryptedAuthDetail> & LoginGate;

/** The explanation of each refusal, for logs. Each protocol has its own reply. */
const explanations: { readonly [R in AccessRefusal]: string } = {
  'tls-required': 'TLS is required to log in',
  'tls-too-old': 'A later version of TLS is required',
  'tls-active': 'TLS already active',
  'tls-broken': 'TLS is not available',
  'tls-not-configured': 'TLS is not configured',
  'not-tls': 'The client does not speak TLS',
  'starttls-pipelined': 'Nothing may follow STARTTLS',
  'starttls-argument': 'Syntax error',
  'starttls-too-late': 'STARTTLS not permitted now',
  'mechanism-unknown': 'Unsupported authentication mechanism',
  'certificate-required': 'A client certificate is required',
  'already-authenticated': 'Already authenticated',
  'login-required': 'Authentication required',
  'mid-transaction': 'Not during a mail transaction',
  'preauth-in-clear': 'TLS is required',
};

/**
 * Creates the check that requires encryption for logins, for `encryption` in `accessPolicy()`.
 *
 * @throws {TypeError} for a wrong or unknown option
 */
export function encryptedAuth(options: GateOptions = {}): EncryptedAuth {
  const gate = loginGate(options);
  const check = defineCheck(
    'encrypted-auth',
    (facts: GateFacts) => {
      const decision = gate.decide(facts);
      const { name, mechanism, pipelined } = facts.command;
      const detail: EncryptedAuthDetail = {
        command: name.toUpperCase(),
        mechanism: mechanism?.toUpperCase().slice(0, 64),
        exempt: decision.verdict === 'allow' ? decision.exempt : undefined,
        pipelined: pipelined && /^(STARTTLS|STLS)$/i.test(name) ? pipelined : undefined,
      };
      return decision.verdict === 'refuse'
        ? fail({ cause: decision.reason, explanation: explanations[decision.reason], detail })
        : pass({ detail });
    },
    { fail: reject() },
  );
  return Object.freeze({ ...check, ...gate });
}
