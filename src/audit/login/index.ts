/**
 * What login services do, asked from outside.
 *
 * **Answers**: can a password be overheard on its way to this IMAP, POP3, ManageSieve or submission server; is its TLS in
 * order; does it forget what came before TLS?
 * **Knows**: addresses and ports. **Asks**: the DNS, sockets, chance for an account that cannot exist.
 * **Standards**: RFC 8314, RFC 9051, RFC 1939, 2449, 2595, 5034, RFC 5804, RFC 4954, RFC 6186.
 * **Limits**: nobody logs in. Two logins of an account that does not exist are tried, one without TLS and one within. A
 * server may take the machine that the audit runs on for one to be trusted.
 *
 * @module
 */
export { findServices } from './find-services.ts';
export { auditService, type LoginAudit, type LoginTarget } from './probe.ts';
