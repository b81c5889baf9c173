/**
 * **Answers**: is this login protected on the wire, and what may be advertised because of it?
 *
 * **Knows**: the protocol and the kind of port, the TLS layer, whether one can be had, the state of the session, the client's
 * address, and the command with its mechanism; never a secret: it is asked on the command's name.
 * **Asks**: nothing.
 *
 * **Standards**: RFC 8314 and RFC 8997 (TLS 1.2, clear text is obsolete), RFC 9051 and RFC 5530 (IMAP), RFC 1939, RFC 2449,
 * RFC 2595 and RFC 3206 (POP3), RFC 3207 and RFC 4954 (SMTP), RFC 5804 (ManageSieve).
 *
 * One function decides on commands and on what is advertised. A mechanism that it does not know counts as one that shows its
 * secret. "TLS is not offered" and "clear text is allowed" are two switches: without TLS, and without `clearTextFrom`, nobody
 * logs in.
 *
 * **Limits**: it does not ask whether a certificate is any good; the TLS layer and `postern audit` do. In SMTP it does not
 * let challenge-response mechanisms be used in the clear, whatever `challengeBeforeTls` says.
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

export type { GateDecision, GateFacts, GateOptions, LoginGate } from './gate.ts';
export { loginGate } from './gate.ts';
export type { MechanismClass } from './mechanism-class.ts';
export { mechanismClass } from './mechanism-class.ts';

/** What was decided on, for the log. */
export interface EncryptedAuthDetail {
  readonly command: string;
  readonly mechanism?: string;
  /** The login is in clear text, and allowed because the client is exempt. */
  readonly exempt?: true;
  /** Octets came behind STARTTLS: somebody may be trying to put commands into another's session (CVE-2011-0411). */
  readonly pipelined?: true;
}

/** The login gate as a check for the `command` stage. */
export type EncryptedAuth = Check<GateFacts, object, 'pass' | 'fail', EncryptedAuthDetail> & LoginGate;

/** What each refusal says, where no protocol's own words stand for it. */
const explanations: { readonly [R in AccessRefusal]: string } = {
  'tls-required': 'TLS is required to log in',
  'tls-too-old': 'TLS of a later version is required',
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
 * Makes the login gate.
 *
 * @throws TypeError for a wrong option
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
        ...(mechanism === undefined ? {} : { mechanism: mechanism.toUpperCase().slice(0, 64) }),
        ...(decision.verdict === 'allow' && decision.exempt ? { exempt: true } : {}),
        ...(pipelined && /^(STARTTLS|STLS)$/i.test(name) ? { pipelined } : {}),
      };
      return decision.verdict === 'refuse'
        ? fail({ cause: decision.reason, explanation: explanations[decision.reason], detail })
        : pass({ detail });
    },
    { fail: reject() },
  );
  return Object.freeze({ ...check, ...gate });
}
