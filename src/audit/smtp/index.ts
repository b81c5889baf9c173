/**
 * Checks MX hosts over SMTP.
 *
 * **Answers**: does the host greet, offer working TLS with a valid certificate, discard input from before TLS, and refuse to
 * relay? Does mail still flow if any one MX host is down, and are backups as secure as the primary host?
 * **Knows**: an address and a port. **Asks**: sockets, the clock, random bytes for a mailbox that cannot exist.
 * **Standards**: RFC 5321, RFC 3207, RFC 7672, RFC 8461.
 * **Limits**: it never sends mail and never logs in. It sends DATA only to confirm an accepted foreign recipient, and then
 * closes the connection before the message. A server that accepts every recipient and drops the mail later looks like an
 * open relay. Replies are limited in lines, bytes and time.
 *
 * @module
 */
export { failoverFindings } from './failover.ts';
export { auditMxHost, type MxHostAudit, type MxHostExtra, type MxHostTarget } from './mx-host.ts';
export { controlForm, plainForm, type RelayForm, type RelayNames, routedForms } from './relay-forms.ts';
