/**
 * What an MX host does, asked from outside.
 *
 * **Answers**: does it greet, offer TLS that works, show a certificate that is in order, forget what came before TLS, and
 * refuse to relay? Does mail flow with each MX host in turn taken as down, and are the backups as good as the first?
 * **Knows**: an address and a port. **Asks**: sockets, the clock, chance for a mailbox that cannot exist.
 * **Standards**: RFC 5321, RFC 3207, RFC 7672, RFC 8461.
 * **Limits**: RCPT is as far as it goes, no mail is ever sent: a server that takes every recipient and drops the mail
 * later looks like a relay. Nobody logs in. Replies are bounded in lines, octets and time.
 *
 * @module
 */

export { failoverFindings } from './failover.ts';
export { auditMxHost, type MxHostAudit, type MxHostExtra, type MxHostTarget } from './mx-host.ts';
export { controlForm, plainForm, type RelayForm, type RelayNames, routedForms } from './relay-forms.ts';
