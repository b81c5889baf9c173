/**
 * What login services do, asked from outside.
 *
 * **Answers**: can a password be overheard on its way to this IMAP, POP3, ManageSieve or submission server; is its TLS in
 * order; does it forget what came before TLS?
 * **Knows**: addresses and ports. **Asks**: the DNS, sockets, chance for an account that cannot exist.
 * **Standards**: RFC 8314, RFC 9051, RFC 1939, 2449, 2595, 5034, RFC 5804, RFC 4954, RFC 6186.
 * **Limits**: nobody logs in. Mechanisms are begun without a secret, and a login of an account that does not exist is tried
 * without TLS; within TLS it is tried only where the refusal does not tell by itself whether the login was looked at. Where
 * the words fit both, the same words within TLS mean that it was; a refusal that is the same without any secret, that it
 * was not. A server may take the machine that the audit runs on for one to be trusted.
 *
 * @module
 */
export { findServices } from './find-services.ts';
export { auditService, type LoginAudit, type LoginTarget } from './probe.ts';
