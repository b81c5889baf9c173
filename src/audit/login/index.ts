/**
 * Checks login services.
 *
 * **Answers**: can an eavesdropper read passwords sent to this IMAP, POP3, ManageSieve or submission server; is its TLS
 * correct; does it discard input from before TLS?
 * **Knows**: addresses and ports. **Asks**: the DNS, sockets, random bytes for an account that cannot exist.
 * **Standards**: RFC 8314, RFC 9051, RFC 1939, 2449, 2595, 5034, RFC 5804, RFC 4954, RFC 6186.
 * **Limits**: it never logs in. It starts mechanisms without credentials, and tries to log in without TLS to an account that
 * does not exist. If the text of the rejection does not show whether the server checked the credentials, it repeats the login
 * over TLS: the same text there means that the server checks credentials without TLS, unless it also sends that text without
 * any credentials. A server may trust the machine that the audit runs on.
 *
 * @module
 */
export { findServices } from './find-services.ts';
export { auditService, type LoginAudit, type LoginTarget } from './probe.ts';
