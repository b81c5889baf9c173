/**
 * DKIM, ARC and DMARC: is the message from the domain that its author claims?
 *
 * **Answers**: `pass`, `none`, `neutral`, `softfail`, `fail`, `temperror`, `permerror`, with every signature, the chain of
 * seals and the policy that applies.
 * **Knows**: the message as it came, the client, its HELO name, the reverse-path. **Asks**: `dns` for keys (all at once) and
 * policies; `clock` for the deadline and for signatures that expire.
 * **Standards**: RFC 6376, RFC 8301, RFC 8463 (DKIM); RFC 8617 (ARC); RFC 9989, RFC 7489 (DMARC); RFC 8601 (words); RFC 7372.
 * **Limits**: needs a runtime with Node's builtins. In a session the message is verified as it arrives; elsewhere the host
 * must have kept its octets. It sends no reports.
 * A mailing list that changes a message breaks its signatures: name the lists you trust as `trustedSealers`.
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
 *         fail: flag(5), // its domain asks for a refusal
 *         softfail: flag(3), // its domain asks for a quarantine
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
