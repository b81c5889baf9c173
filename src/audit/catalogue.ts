import type { RedundancyFindingId, Severity } from '../checks/mx-redundancy/index.ts';
import { isUnknown, redundancyCatalogue } from '../checks/mx-redundancy/index.ts';

/**
 * What an audit looks at. `--only` takes these words, and each finding bears one.
 *
 * - `mx`: the MX records and where they lead · `smtp`: what each MX host says · `relay`: whether it relays for anybody
 * - `failover`: whether mail flows with each MX host in turn taken as down
 * - `login`: submission, IMAP, POP3 and ManageSieve · `tls`: versions and certificates of what was reached
 * - `mta-sts`, `dane`, `tls-rpt`, `spf`, `dkim`, `dmarc`, `srv`: what the domain publishes
 * - `ptr`: the names of the MX hosts' addresses · `lists`: the DNS lists that were given
 * - `dnssec`: whether the records that mail depends on are signed · `caa`: who may issue certificates for the MX hosts
 */
export const probeNames = [
  'mx',
  'smtp',
  'relay',
  'failover',
  'login',
  'tls',
  'mta-sts',
  'dane',
  'tls-rpt',
  'spf',
  'dkim',
  'dmarc',
  'srv',
  'ptr',
  'lists',
  'dnssec',
  'caa',
] as const;
export type ProbeName = (typeof probeNames)[number];

/** What every finding of one kind has in common, whatever the site. */
export interface CatalogueEntry<Probe extends string = ProbeName> {
  readonly probe: Probe;
  /** How bad it is, unless a finding says otherwise. */
  readonly severity: Severity;
  /** `problem`: something is wrong; `could-not-check`: nothing is known, because something did not answer. */
  readonly kind: 'problem' | 'could-not-check';
  /** A few words. */
  readonly title: string;
  /** Where it is written that it should be otherwise. */
  readonly source: string;
  /** What to do about it. */
  readonly fix: string;
}

/** Makes the entries of one probe. */
export const entriesOf =
  <Probe extends string>(probe: Probe, kind: CatalogueEntry['kind'] = 'problem') =>
  (severity: Severity, title: string, source: string, fix: string): CatalogueEntry<Probe> => ({
    probe,
    severity,
    kind,
    title,
    source,
    fix,
  });

const mx = entriesOf('mx');
const smtp = entriesOf('smtp');
const relay = entriesOf('relay');
const failover = entriesOf('failover');
const login = entriesOf('login');
const tls = entriesOf('tls');
const mtaSts = entriesOf('mta-sts');
const dane = entriesOf('dane');
const tlsRpt = entriesOf('tls-rpt');
const spf = entriesOf('spf');
const dkim = entriesOf('dkim');
const dmarc = entriesOf('dmarc');
const srv = entriesOf('srv');
const ptr = entriesOf('ptr');
const lists = entriesOf('lists');
const dnssec = entriesOf('dnssec');
const caa = entriesOf('caa');
const unknown = (probe: ProbeName): ReturnType<typeof entriesOf<ProbeName>> => entriesOf(probe, 'could-not-check');

/** What a probe can find. */
export type ProbeFindingId =
  | 'smtp-unreachable'
  | 'smtp-all-unreachable'
  | 'smtp-blocked-here'
  | 'smtp-mute'
  | 'smtp-no-service'
  | 'smtp-not-smtp'
  | 'smtp-refused-us'
  | 'smtp-no-ehlo'
  | 'smtp-broken-off'
  | 'starttls-missing'
  | 'starttls-failed'
  | 'starttls-injection'
  | 'starttls-response-injection'
  | 'starttls-stale'
  | 'postmaster-refused'
  | 'postmaster-unknown'
  | 'smtp-greeting-slow'
  | 'smtp-banner-name'
  | 'relay-open'
  | 'relay-unknown'
  | 'failover-lost'
  | 'backup-weaker'
  | 'login-clear-accepted'
  | 'login-secret-invited'
  | 'login-name-invited'
  | 'login-clear-offered'
  | 'preauth-clear'
  | 'login-starttls-missing'
  | 'login-not-tls'
  | 'login-mute'
  | 'login-wrong-protocol'
  | 'login-unreachable'
  | 'login-unknown'
  | 'submission-no-auth'
  | 'tls-old-only'
  | 'tls-old'
  | 'certificate-expired'
  | 'certificate-expires-soon'
  | 'certificate-not-yet-valid'
  | 'certificate-name'
  | 'certificate-common-name'
  | 'certificate-self-signed'
  | 'certificate-untrusted'
  | 'certificate-weak'
  | 'mta-sts-missing'
  | 'mta-sts-record'
  | 'mta-sts-policy'
  | 'mta-sts-orphan'
  | 'mta-sts-mx'
  | 'mta-sts-unused'
  | 'mta-sts-tls'
  | 'dane-mismatch'
  | 'dane-no-tls'
  | 'dane-unsigned'
  | 'dane-unusable'
  | 'tls-rpt-missing'
  | 'tls-rpt-record'
  | 'spf-missing'
  | 'spf-error'
  | 'spf-open'
  | 'spf-neutral'
  | 'dkim-missing'
  | 'dkim-key'
  | 'dkim-weak'
  | 'dmarc-missing'
  | 'dmarc-record'
  | 'dmarc-none'
  | 'dmarc-reports'
  | 'srv-missing'
  | 'srv-target'
  | 'srv-clear-preferred'
  | 'ptr-missing'
  | 'ptr-unconfirmed'
  | 'listed'
  | 'list-broken'
  | 'mx-no-ipv6'
  | 'mx-wildcard'
  | 'dnssec-unsigned'
  | 'caa-missing'
  | 'caa-record'
  | 'resolver-down'
  | 'lookup-failed';

/** Everything that a probe can find; what the MX records alone show is in the catalogue of `checks/mx-redundancy`. */
export const probeCatalogue: { readonly [id in ProbeFindingId]: CatalogueEntry } = {
  // MX hosts.
  'smtp-unreachable': smtp(
    'high',
    'An MX host cannot be reached',
    'RFC 5321 §5.1',
    'Start the mail server, open port 25 in every firewall before it, or take its MX record away.',
  ),
  'smtp-all-unreachable': smtp(
    'critical',
    'No MX host can be reached',
    'RFC 5321 §5.1',
    'Start a mail server that the MX records name, and open port 25 in every firewall before it.',
  ),
  'smtp-blocked-here': unknown('smtp')(
    'medium',
    'No connection to port 25 leaves this network',
    'RFC 5321 §4.5.4.1',
    'Run the audit from a network that may connect to port 25 elsewhere.',
  ),
  'smtp-mute': smtp(
    'high',
    'An MX host takes connections and does not greet',
    'RFC 5321 §3.1, §4.5.3.2.1',
    'Look at the mail server: is it overloaded, or does something else listen on its port?',
  ),
  'smtp-no-service': smtp(
    'high',
    'An MX host refuses every session',
    'RFC 5321 §3.1',
    'Let the mail server greet with 220, or take its MX record away.',
  ),
  'smtp-not-smtp': smtp(
    'high',
    'Something other than SMTP answers on the port of an MX host',
    'RFC 5321 §3.1',
    'Find out what listens on the port, and put the mail server there.',
  ),
  'smtp-refused-us': unknown('smtp')(
    'medium',
    'An MX host does not want to talk to this client',
    'RFC 5321 §3.1, §4.2.3',
    'Ask again later, or from another address.',
  ),
  'smtp-no-ehlo': smtp(
    'medium',
    'An MX host does not know EHLO',
    'RFC 5321 §2.2.1',
    'Enable extended SMTP: without EHLO there is neither TLS nor a size limit.',
  ),
  'smtp-broken-off': unknown('smtp')(
    'medium',
    'A session with an MX host was broken off',
    'RFC 5321 §3.8',
    'Ask again; look into the log of the mail server if it stays so.',
  ),
  'starttls-missing': smtp(
    'medium',
    'TLS is not offered',
    'RFC 3207 §4, RFC 8314 §3.3',
    'Give the server a certificate and let it offer STARTTLS.',
  ),
  'starttls-failed': smtp(
    'high',
    'TLS is offered and cannot be negotiated',
    'RFC 3207 §4.1',
    'Look at the certificate, the key and the versions that the server is configured with.',
  ),
  'starttls-injection': smtp(
    'high',
    'What a stranger sends before TLS is taken as sent within it',
    'RFC 3207 §4.2, RFC 9051 §6.2.1, CVE-2011-0411',
    'Update the server: it must forget all input that it holds when TLS begins.',
  ),

  'starttls-response-injection': smtp(
    'high',
    'Data arrives between the answer to STARTTLS and the handshake',
    'RFC 3207 §4.2, RFC 9051 §6.2.1, CVE-2020-14954',
    'Find out what sends it: the server itself, or a middlebox. Clients that keep it take it for an answer within TLS.',
  ),
  'starttls-stale': smtp(
    'low',
    'Capabilities from before TLS are still announced within it',
    'RFC 3207 §4.2, RFC 9051 §6.2.1, RFC 2595 §4',
    'Update the server: within TLS it must announce neither STARTTLS (STLS) nor LOGINDISABLED.',
  ),
  'postmaster-refused': smtp(
    'critical',
    'MX host refuses the postmaster of its own domain',
    'RFC 5321 §4.5.1, RFC 2142 §5',
    'Let the host accept mail for the domain and for its postmaster without a login, or remove its MX record.',
  ),
  'postmaster-unknown': unknown('smtp')(
    'info',
    'Whether an MX host accepts mail for the postmaster could not be checked',
    'RFC 5321 §4.5.1',
    'Run the audit again later, or from an address that the host accepts mail from.',
  ),
  'smtp-greeting-slow': smtp(
    'low',
    'MX host greets slowly',
    'RFC 5321 §4.5.3.2.1',
    'Greet within a few seconds: many senders and all checks of new connections wait less than the five minutes of the RFC.',
  ),
  'smtp-banner-name': smtp(
    'info',
    'Greeting does not name the MX host',
    'RFC 5321 §4.2, §4.3.1',
    'Set the host name of the mail server to the name in the MX record (Postfix: myhostname), or to a name of its address.',
  ),

  // Relaying.
  'relay-open': relay(
    'critical',
    'Open relay',
    'RFC 5321 §7.9, RFC 2505 §2.1',
    'Accept recipients of your own domains only, unless the client has logged in or stands in a network that you trust.',
  ),
  'relay-unknown': unknown('relay')(
    'medium',
    'Whether an MX host relays could not be checked',
    'RFC 5321 §7.9',
    'Run the audit from an address that the host accepts mail from, or name another foreign recipient (--relay-to).',
  ),

  // Failover.
  'failover-lost': failover(
    'high',
    'No mail flows with one MX host down',
    'RFC 5321 §5.1',
    'Bring the other MX hosts up: they are published, and do not take mail.',
  ),
  'backup-weaker': failover(
    'medium',
    'A backup MX host is less protected than the first',
    'RFC 7672 §2.2, RFC 8461 §3',
    'Protect every MX host alike: an attacker chooses the weakest, and can make the others unreachable.',
  ),

  // Login services.
  'login-clear-accepted': login(
    'critical',
    'A login without TLS is examined',
    'RFC 8314 §4.1, RFC 9051 §11.1',
    'Refuse every login before TLS (Dovecot: ssl = required; Postfix: smtpd_tls_auth_only = yes).',
  ),
  'login-secret-invited': login(
    'critical',
    'The server asks for the secret without TLS',
    'RFC 9051 §6.2.2, RFC 4954 §4, RFC 5034 §4',
    'Refuse on the name of the mechanism, before the client sends the secret.',
  ),
  'login-name-invited': login(
    'medium',
    'The server takes the name of the account without TLS',
    'RFC 2595 §2.2, RFC 8314 §4.1',
    'Refuse USER before STLS, not PASS: the name has been read by then, and most clients send both.',
  ),
  'login-clear-offered': login(
    'high',
    'The server offers logins without TLS',
    'RFC 8314 §4.1, RFC 9051 §6.2.3, RFC 4954 §4',
    'Offer no mechanism before TLS, and say LOGINDISABLED in IMAP: clients believe what is offered and send the secret.',
  ),
  'preauth-clear': login(
    'critical',
    'The server says PREAUTH without TLS',
    'RFC 9051 §11.5, CVE-2020-12398',
    'Greet with OK: after PREAUTH no client can ask for TLS.',
  ),
  'login-starttls-missing': login(
    'high',
    'A service for logins offers no TLS',
    'RFC 8314 §3.3',
    'Give the server a certificate and let it offer STARTTLS (STLS in POP3), or close the port.',
  ),
  'login-not-tls': login(
    'critical',
    'A port for TLS speaks clear text',
    'RFC 8314 §3.3',
    'Switch implicit TLS on for this port: clients that were told to use it cannot log in, or do so in the clear.',
  ),
  'login-mute': login(
    'high',
    'A service takes connections and does not greet',
    'RFC 9051 §7.1.1, RFC 1939 §4',
    'Look at the server: is it overloaded, or does something else listen on its port?',
  ),
  'login-wrong-protocol': login(
    'high',
    'Something else answers on the port of a service',
    'RFC 8314 §3.3',
    'Find out what listens on the port, and put the service there.',
  ),
  'login-unreachable': login(
    'high',
    'A service that is announced cannot be reached',
    'RFC 6186 §3',
    'Start the service and open its port, or take its SRV record away.',
  ),
  'login-unknown': unknown('login')(
    'medium',
    'What a service does could not be found out',
    'RFC 8314 §4',
    'Ask again; look into the log of the server if it stays so.',
  ),

  'submission-no-auth': login(
    'medium',
    'Submission service offers no login',
    'RFC 6409 §4.3, RFC 4954 §4',
    'Offer AUTH within TLS, or close the port: nobody can be allowed to submit mail there without a login.',
  ),

  // TLS of anything that was reached.
  'tls-old-only': tls(
    'high',
    'Nothing newer than TLS 1.1 is spoken',
    'RFC 8996, RFC 8997',
    'Enable TLS 1.2 and 1.3, and disable what is older.',
  ),
  'tls-old': tls('medium', 'TLS 1.0 or 1.1 is still spoken', 'RFC 8996, RFC 8997', 'Disable TLS 1.0 and 1.1.'),
  'certificate-expired': tls(
    'high',
    'The certificate has expired',
    'RFC 5280 §4.1.2.5',
    'Renew the certificate, and let something renew it before it expires next time.',
  ),
  'certificate-expires-soon': tls(
    'low',
    'The certificate expires soon',
    'RFC 5280 §4.1.2.5',
    'Renew the certificate, and let something renew it in time.',
  ),
  'certificate-not-yet-valid': tls(
    'high',
    'The certificate is not valid yet',
    'RFC 5280 §4.1.2.5',
    'Look at the clock of the machine that issued the certificate, and at that of this one.',
  ),
  'certificate-name': tls(
    'high',
    'The certificate bears another name',
    'RFC 9525 §6, RFC 7817 §3',
    'Let the certificate name the host that clients are sent to.',
  ),
  'certificate-common-name': tls(
    'medium',
    'The name stands in the common name alone',
    'RFC 9525 §2, RFC 7817 §3',
    'Let the certificate bear the name as a DNS name in subjectAltName: many clients look nowhere else.',
  ),
  'certificate-self-signed': tls(
    'high',
    'The certificate is signed by itself',
    'RFC 5280 §6, RFC 7817 §3',
    'Use a certificate of an authority that clients know.',
  ),
  'certificate-untrusted': tls(
    'high',
    'The chain of the certificate leads to no authority that is known',
    'RFC 5280 §6, RFC 8446 §4.4.2',
    'Send the intermediate certificates too, and use an authority that clients know.',
  ),
  'certificate-weak': tls(
    'medium',
    'The key or signature of the certificate is weak',
    'RFC 9325 §4.5',
    'Use RSA with 2048 bits or more, or P-256, and a signature with SHA-256 or better.',
  ),

  // MTA-STS, both ways: what the domain says, and whether its MX hosts keep it.
  'mta-sts-missing': mtaSts(
    'info',
    'The domain publishes no MTA-STS policy',
    'RFC 8461',
    'Publish one, beginning with the mode "testing".',
  ),
  'mta-sts-record': mtaSts(
    'medium',
    'The record of MTA-STS is wrong',
    'RFC 8461 §3.1',
    'Publish one TXT record at _mta-sts: v=STSv1; id=<letters and digits>.',
  ),
  'mta-sts-policy': mtaSts(
    'high',
    'The policy of MTA-STS cannot be read',
    'RFC 8461 §3.2, §3.3',
    'Serve the policy at https://mta-sts.<domain>/.well-known/mta-sts.txt, with a valid certificate and without a redirect.',
  ),
  'mta-sts-orphan': mtaSts(
    'low',
    'There is an MTA-STS policy that no record points at',
    'RFC 8461 §3.1',
    'Publish the TXT record at _mta-sts too: without it nobody looks at the policy.',
  ),
  'mta-sts-mx': mtaSts(
    'high',
    'An MX host is not in the MTA-STS policy',
    'RFC 8461 §4.1',
    'Add the MX host to the policy and change the id of the record: senders refuse to deliver to it.',
  ),
  'mta-sts-unused': mtaSts(
    'low',
    'The MTA-STS policy names an MX host that the domain does not have',
    'RFC 8461 §3.2',
    'Take the line out of the policy, unless it is to be used soon.',
  ),
  'mta-sts-tls': mtaSts(
    'high',
    'An MX host does not keep what the MTA-STS policy promises',
    'RFC 8461 §4.1, §4.2',
    'Give the MX host STARTTLS and a valid certificate in its own name: senders refuse to deliver to it.',
  ),

  // DANE.
  'dane-mismatch': dane(
    'high',
    'No TLSA record matches the certificate',
    'RFC 7672 §3.1, RFC 7671 §8.1',
    'Publish the record of the new certificate before it is used: senders refuse to deliver until they match.',
  ),
  'dane-no-tls': dane(
    'high',
    'TLSA records are published for a server that offers no TLS',
    'RFC 7672 §2.2',
    'Let the server offer STARTTLS, or take the TLSA records away: senders refuse to deliver.',
  ),
  'dane-unsigned': dane(
    'low',
    'TLSA records stand in a zone that is not signed',
    'RFC 7672 §2.1',
    'Sign the zone: without DNSSEC the records are without effect.',
  ),
  'dane-unusable': dane(
    'medium',
    'No TLSA record is of a kind that SMTP knows',
    'RFC 7672 §3.1.3',
    'Publish records of usage 3 (or 2), selector 1, matching type 1.',
  ),

  // What the domain publishes about its mail.
  'tls-rpt-missing': tlsRpt(
    'info',
    'The domain asks for no reports about TLS',
    'RFC 8460 §3',
    'Publish a TXT record at _smtp._tls: v=TLSRPTv1; rua=mailto:<address>.',
  ),
  'tls-rpt-record': tlsRpt(
    'low',
    'The record for reports about TLS is wrong',
    'RFC 8460 §3',
    'Publish one TXT record at _smtp._tls: v=TLSRPTv1; rua=mailto:<address>.',
  ),
  'spf-missing': spf(
    'medium',
    'The domain publishes no SPF record',
    'RFC 7208 §3',
    'Publish a record that names the hosts that send, and ends in -all or ~all.',
  ),
  'spf-error': spf(
    'high',
    'The SPF record is in error',
    'RFC 7208 §4.6.4, §5',
    'Mend the record: receivers answer "permerror" and treat it as absent, or refuse the mail.',
  ),
  'spf-open': spf(
    'high',
    'The SPF record lets everybody send',
    'RFC 7208 §11.4',
    'Name the hosts that send, and end the record in -all or ~all.',
  ),
  'spf-neutral': spf(
    'low',
    'The SPF record says nothing about other hosts',
    'RFC 7208 §5.1',
    'End the record in -all or ~all.',
  ),
  'dkim-missing': dkim(
    'low',
    'The domain publishes no DKIM keys',
    'RFC 6376 §3.6.2',
    'Sign outgoing mail, and publish the key at <selector>._domainkey.',
  ),
  'dkim-key': dkim(
    'medium',
    'A DKIM key is missing, revoked or in error',
    'RFC 6376 §3.6.1',
    'Publish the key of the selector, or stop signing with it.',
  ),
  'dkim-weak': dkim(
    'medium',
    'A DKIM key is weak',
    'RFC 8301 §3.2',
    'Use an RSA key with 2048 bits, or Ed25519 beside it.',
  ),
  'dmarc-missing': dmarc(
    'medium',
    'The domain publishes no DMARC policy',
    'RFC 7489 §6.1',
    'Publish a TXT record at _dmarc, beginning with p=none and an address for reports.',
  ),
  'dmarc-record': dmarc(
    'medium',
    'The DMARC record is wrong',
    'RFC 7489 §6.3, §6.6.3',
    'Publish one TXT record at _dmarc: v=DMARC1; p=none, quarantine or reject.',
  ),
  'dmarc-none': dmarc(
    'low',
    'The DMARC policy asks receivers to do nothing',
    'RFC 7489 §6.3',
    'Read the reports, and go on to p=quarantine or p=reject.',
  ),
  'dmarc-reports': dmarc(
    'low',
    'The reports of DMARC go to a domain that did not agree to take them',
    'RFC 7489 §7.1',
    'Let the other domain publish v=DMARC1 at <domain>._report._dmarc, or use an address of your own.',
  ),
  'srv-missing': srv(
    'info',
    'The domain does not say where its users log in',
    'RFC 6186 §3, RFC 8314 §5.1',
    'Publish SRV records: _submissions._tcp, _imaps._tcp, _pop3s._tcp.',
  ),
  'srv-target': srv(
    'medium',
    'An SRV record leads nowhere',
    'RFC 2782',
    'Let the record name a host that has an address and is no alias.',
  ),
  'srv-clear-preferred': srv(
    'low',
    'The SRV records prefer a port that begins in clear text',
    'RFC 8314 §5.1',
    'Announce the port with implicit TLS, with a priority at least as good.',
  ),

  // Addresses.
  'ptr-missing': ptr(
    'medium',
    'An address of an MX host has no name',
    'RFC 1912 §2.1',
    'Let the owner of the address publish a PTR record: receivers distrust hosts without one.',
  ),
  'ptr-unconfirmed': ptr(
    'medium',
    'The name of an address does not lead back to it',
    'RFC 1912 §2.1, RFC 8601 §3',
    'Let the name have this address, or the address another name.',
  ),
  listed: lists(
    'high',
    'An MX host stands on a DNS list',
    'RFC 5782 §2',
    'Read at the list why, stop the cause, then ask to be taken off.',
  ),
  'list-broken': unknown('lists')(
    'info',
    'A DNS list did not answer as lists do',
    'RFC 5782 §5',
    'Look whether the list still exists and answers this resolver.',
  ),

  // The DNS itself, beyond the MX records.
  'mx-no-ipv6': mx(
    'info',
    'No MX host has an IPv6 address',
    'RFC 3974 §2, RFC 6540 §2',
    'Give at least one MX host an IPv6 address: senders without IPv4 cannot reach the domain.',
  ),
  'mx-wildcard': mx(
    'low',
    'Every name below the domain takes mail',
    'RFC 4592 §2.1, RFC 1034 §4.3.3',
    'Remove the wildcard MX record, or make it a null MX (0 .): mail to mistyped subdomains is accepted or bounces late.',
  ),
  'dnssec-unsigned': dnssec(
    'info',
    'The DNS records that mail depends on are not signed',
    'RFC 4033 §3, RFC 7672 §2.1',
    'Sign the zone and publish a DS record: without DNSSEC, DANE has no effect and MX records can be forged.',
  ),
  'caa-missing': caa(
    'info',
    'Every certificate authority may issue for the MX hosts',
    'RFC 8659 §3',
    'Publish a CAA record that names the authorities you use.',
  ),
  'caa-record': caa(
    'medium',
    'A CAA record is wrong',
    'RFC 8659 §4',
    'Fix the record: authorities refuse to issue if they do not understand a critical property.',
  ),
  'resolver-down': unknown('mx')(
    'medium',
    'The DNS resolver answers no question',
    'RFC 1035 §7',
    'Check the resolver and the way to it (--resolver names another), and run the audit again.',
  ),
  'lookup-failed': unknown('srv')(
    'medium',
    'The DNS did not answer a question',
    'RFC 1035 §7',
    'Look at the name servers of the name, and ask again.',
  ),
};

/** What an audit can find, in whole: what the MX records show, and what the probes do. */
export const auditCatalogue: { readonly [id in ProbeFindingId | RedundancyFindingId]: CatalogueEntry } = {
  ...(Object.fromEntries(
    Object.entries(redundancyCatalogue).map(([id, { title, severity, source, fix }]) => [
      id,
      {
        probe: 'mx',
        kind: isUnknown(id as RedundancyFindingId) ? 'could-not-check' : 'problem',
        title,
        severity,
        source,
        fix,
      },
    ]),
  ) as { [id in RedundancyFindingId]: CatalogueEntry }),
  ...probeCatalogue,
};
