/**
 * DKIM, ARC and DMARC: is the message from the domain that its author claims?
 *
 * **Answers**: does the message authenticate, with which signatures and seals, and which policy applies?
 * **Knows**: the unchanged message, the client, its HELO name, the reverse-path. **Asks**: `dns` for keys and policies, in
 * parallel; `clock` for the deadline and for expired signatures.
 * **Standards**: RFC 6376, RFC 8301, RFC 8463 (DKIM); RFC 8617 (ARC); RFC 9989, RFC 7489 (DMARC); RFC 8601 (words); RFC
 * 7372.
 * **Limits**: requires Node's builtin modules. In a session the message is verified as it arrives; elsewhere the host must
 * have kept its bytes. DMARC reports are not sent. A mailing list that changes messages breaks their signatures: name the
 * lists you trust in `trustedSealers`.
 *
 * @example
 * ```ts
 * import { authenticator, dmarc } from 'postern/checks/message-authentication';
 * import { relayControl } from 'postern/checks/relay-control';
 * import { spf } from 'postern/checks/spf';
 * import { flag, on, score } from 'postern/core';
 * import { smtpPolicy } from 'postern/smtp';
 *
 * export const policy = smtpPolicy({
 *   relay: relayControl({ localDomains: ['example.com'] }),
 *   authentication: authenticator({ spf: spf(), trustedSealers: ['lists.example.org'] }),
 *   data: [
 *     score(
 *       { rejectAt: 5, tagAt: 3 },
 *       on(dmarc(), {
 *         fail: flag(5), // the domain's policy is `reject`
 *         softfail: flag(3), // the domain's policy is `quarantine`
 *       }),
 *     ),
 *   ],
 * });
 * ```
 *
 * @module
 */
export type { AuthenticateOptions } from './authenticate.ts';
export { authenticateMessage } from './authenticate.ts';
export type {
  AuthenticatedFacts,
  AuthenticationEnv,
  AuthenticationFacts,
  AuthenticationWord,
  AuthenticatorOptions,
  MessageAuthenticationOptions,
  RawMessage,
  SpfSource,
} from './check.ts';
export { authenticationOf, authenticator, dmarc, messageAuthentication } from './check.ts';
export type { RawSource } from './header.ts';
export type { ArcOutcome, DkimOutcome, DmarcOutcome, DmarcPolicy, MessageAuthentication, SpfFact } from './outcome.ts';
export { dmarcSpeaks } from './outcome.ts';
