import type { RedundancyFindingId, Severity } from '../checks/mx-redundancy/index.ts';
import { isUnknown, redundancyCatalogue } from '../checks/mx-redundancy/index.ts';

/**
 * The probes of an audit. `--only` takes these names, and each finding carries one.
 *
 * - `mx`: the MX records and their hosts · `smtp`: how each MX host behaves · `relay`: whether it is an open relay
 * - `failover`: whether mail still flows if any one MX host is down
 * - `login`: submission, IMAP, POP3 and ManageSieve · `tls`: TLS versions and certificates of every server that was reached
 * - `mta-sts`, `dane`, `tls-rpt`, `spf`, `dkim`, `dmarc`, `srv`: what the domain publishes
 * - `ptr`: reverse DNS of the MX hosts · `lists`: the DNS lists given in the options
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

/** The fixed part of every finding with one id. */
export interface CatalogueEntry<Probe extends string = ProbeName> {
  readonly probe: Probe;
  /** Default severity; a finding may override it. */
  readonly severity: Severity;
  /** `problem`: something is wrong. `could-not-check`: nothing is known, because a server or the DNS did not answer. */
  readonly kind: 'problem' | 'could-not-check';
  /** Names the risk in a few words. */
  readonly title: string;
  /** The standard that requires otherwise. */
  readonly source: string;
  /** How to fix it. */
  readonly fix: string;
}

/**
 * Returns a function that creates the entries of one probe.
 *
 * @internal
 */
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

/** Ids of the findings of all probes. */
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

/** Findings of all probes. Findings about the MX records alone are in the catalogue of `checks/mx-redundancy`. */
export const probeCatalogue: { readonly [id in ProbeFindingId]: CatalogueEntry } = {
  // MX hosts.
  'smtp-unreachable': smtp(
    'high',
    'MX host is unreachable',
    'RFC 5321 §5.1',
    'Start the mail server, open port 25 in every firewall in front of it, or remove its MX record.',
  ),
  'smtp-all-unreachable': smtp(
    'critical',
    'No MX host is reachable',
    'RFC 5321 §5.1',
    'Start a mail server that an MX record names, and open port 25 in every firewall in front of it.',
  ),
  'smtp-blocked-here': unknown('smtp')(
    'medium',
    'Outbound port 25 is blocked on this network',
    'RFC 5321 §4.5.4.1',
    'Run the audit from a network that allows outbound connections to port 25.',
  ),
  'smtp-mute': smtp(
    'high',
    'MX host accepts connections but does not greet',
    'RFC 5321 §3.1, §4.5.3.2.1',
    'Check the mail server: it may be overloaded, or another program may be listening on its port.',
  ),
  'smtp-no-service': smtp(
    'high',
    'MX host refuses every session',
    'RFC 5321 §3.1',
    'Let the mail server greet with 220, or remove its MX record.',
  ),
  'smtp-not-smtp': smtp(
    'high',
    'SMTP port of an MX host speaks another protocol',
    'RFC 5321 §3.1',
    'Find out which program listens on the port, and run the mail server there.',
  ),
  'smtp-refused-us': unknown('smtp')(
    'medium',
    'MX host refuses this client',
    'RFC 5321 §3.1, §4.2.3',
    'Run the audit again later, or from another address.',
  ),
  'smtp-no-ehlo': smtp(
    'medium',
    'MX host does not support EHLO',
    'RFC 5321 §2.2.1',
    'Enable extended SMTP: TLS and size limits need EHLO.',
  ),
  'smtp-broken-off': unknown('smtp')(
    'medium',
    'SMTP session ended early',
    'RFC 5321 §3.8',
    'Run the audit again. If the session ends early again, check the log of the mail server.',
  ),
  'starttls-missing': smtp(
    'medium',
    'Server does not offer STARTTLS',
    'RFC 3207 §4, RFC 8314 §3.3',
    'Install a certificate and enable STARTTLS.',
  ),
  'starttls-failed': smtp(
    'high',
    'TLS negotiation fails',
    'RFC 3207 §4.1',
    'Check the certificate, the key and the TLS versions that the server is configured with.',
  ),
  'starttls-injection': smtp(
    'high',
    'STARTTLS command injection',
    'RFC 3207 §4.2, RFC 9051 §6.2.1, CVE-2011-0411',
    'Update the server: it must discard all buffered input when TLS begins.',
  ),

  'starttls-response-injection': smtp(
    'high',
    'STARTTLS response injection',
    'RFC 3207 §4.2, RFC 9051 §6.2.1, CVE-2020-14954',
    'Find out what sends the data: the server itself, or a middlebox. Clients that keep it treat it as a reply received over TLS.',
  ),
  'starttls-stale': smtp(
    'low',
    'Pre-TLS capabilities are still announced over TLS',
    'RFC 3207 §4.2, RFC 9051 §6.2.1, RFC 2595 §4',
    'Update the server: over TLS it must announce neither STARTTLS (STLS) nor LOGINDISABLED.',
  ),
  'postmaster-refused': smtp(
    'critical',
    'MX host rejects mail for the postmaster of its own domain',
    'RFC 5321 §4.5.1, RFC 2142 §5',
    'Let the host accept mail for the domain and for its postmaster without a login, or remove its MX record.',
  ),
  'postmaster-unknown': unknown('smtp')(
    'info',
    'Mail acceptance for the postmaster could not be checked',
    'RFC 5321 §4.5.1',
    'Run the audit again later, or from an address that the host accepts mail from.',
  ),
  'smtp-greeting-slow': smtp(
    'low',
    'MX host greets slowly',
    'RFC 5321 §4.5.3.2.1',
    'Greet within a few seconds: many clients give up long before the five minutes that the RFC recommends.',
  ),
  'smtp-banner-name': smtp(
    'info',
    'Greeting does not name the MX host',
    'RFC 5321 §4.2, §4.3.1',
    'Set the hostname of the mail server to the name in the MX record (Postfix: myhostname), or to a name of its address.',
  ),

  // Relaying.
  'relay-open': relay(
    'critical',
    'Open relay',
    'RFC 5321 §7.9, RFC 2505 §2.1',
    'Accept recipients in your own domains only, unless the client has logged in or is in a network that you trust.',
  ),
  'relay-unknown': unknown('relay')(
    'medium',
    'Open relay test was inconclusive',
    'RFC 5321 §7.9',
    'Run the audit from an address that the host accepts mail from, or name another foreign recipient (--relay-to).',
  ),

  // Failover.
  'failover-lost': failover(
    'high',
    'No working backup MX host',
    'RFC 5321 §5.1',
    'Bring the other MX hosts up: they are published but do not accept mail.',
  ),
  'backup-weaker': failover(
    'medium',
    'Backup MX host is less secure than the primary',
    'RFC 7672 §2.2, RFC 8461 §3',
    'Protect every MX host equally: an attacker can choose the weakest, and can make the others unreachable.',
  ),

  // Login services.
  'login-clear-accepted': login(
    'critical',
    'Server accepts passwords without TLS',
    'RFC 8314 §4.1, RFC 9051 §11.1',
    'Refuse every login before TLS (Dovecot: ssl = required; Postfix: smtpd_tls_auth_only = yes).',
  ),
  'login-secret-invited': login(
    'critical',
    'Server asks for passwords without TLS',
    'RFC 9051 §6.2.2, RFC 4954 §4, RFC 5034 §4',
    'Refuse the mechanism by its name, before the client sends the password.',
  ),
  'login-name-invited': login(
    'medium',
    'Server accepts user names without TLS',
    'RFC 2595 §2.2, RFC 8314 §4.1',
    'Refuse USER before STLS, not only PASS: by then the name is exposed, and most clients send both.',
  ),
  'login-clear-offered': login(
    'high',
    'Server offers logins without TLS',
    'RFC 8314 §4.1, RFC 9051 §6.2.3, RFC 4954 §4',
    'Offer no mechanism before TLS, and announce LOGINDISABLED in IMAP: clients trust the offer and send the password.',
  ),
  'preauth-clear': login(
    'critical',
    'Server sends PREAUTH without TLS',
    'RFC 9051 §11.5, CVE-2020-12398',
    'Greet with OK: after PREAUTH a client cannot start TLS.',
  ),
  'login-starttls-missing': login(
    'high',
    'Login service does not offer TLS',
    'RFC 8314 §3.3',
    'Install a certificate and enable STARTTLS (STLS in POP3), or close the port.',
  ),
  'login-not-tls': login(
    'critical',
    'Implicit TLS port speaks cleartext',
    'RFC 8314 §3.3',
    'Enable implicit TLS on this port: clients configured for it cannot log in, or log in without encryption.',
  ),
  'login-mute': login(
    'high',
    'Login service accepts connections but does not greet',
    'RFC 9051 §7.1.1, RFC 1939 §4',
    'Check the server: it may be overloaded, or another program may be listening on its port.',
  ),
  'login-wrong-protocol': login(
    'high',
    'Port of a login service speaks another protocol',
    'RFC 8314 §3.3',
    'Find out which program listens on the port, and run the service there.',
  ),
  'login-unreachable': login(
    'high',
    'Announced login service is unreachable',
    'RFC 6186 §3',
    'Start the service and open its port, or remove its SRV record.',
  ),
  'login-unknown': unknown('login')(
    'medium',
    'Login service could not be checked completely',
    'RFC 8314 §4',
    'Run the audit again. If the result is the same, check the log of the server.',
  ),

  'submission-no-auth': login(
    'medium',
    'Submission service does not offer AUTH',
    'RFC 6409 §4.3, RFC 4954 §4',
    'Offer AUTH over TLS, or close the port: without AUTH no client can be authorized to submit mail.',
  ),

  // TLS of every server that was reached.
  'tls-old-only': tls(
    'high',
    'Server supports nothing newer than TLS 1.1',
    'RFC 8996, RFC 8997',
    'Enable TLS 1.2 and 1.3, and disable older versions.',
  ),
  'tls-old': tls('medium', 'TLS 1.0 or 1.1 is enabled', 'RFC 8996, RFC 8997', 'Disable TLS 1.0 and 1.1.'),
  'certificate-expired': tls(
    'high',
    'Certificate has expired',
    'RFC 5280 §4.1.2.5',
    'Renew the certificate, and automate the renewal.',
  ),
  'certificate-expires-soon': tls(
    'low',
    'Certificate expires soon',
    'RFC 5280 §4.1.2.5',
    'Renew the certificate, and automate the renewal.',
  ),
  'certificate-not-yet-valid': tls(
    'high',
    'Certificate is not valid yet',
    'RFC 5280 §4.1.2.5',
    'Check the clock of the machine that issued the certificate, and the clock of this machine.',
  ),
  'certificate-name': tls(
    'high',
    'Certificate hostname mismatch',
    'RFC 9525 §6, RFC 7817 §3',
    'Use a certificate for the hostname that clients connect to.',
  ),
  'certificate-common-name': tls(
    'medium',
    'Hostname appears only in the common name of the certificate',
    'RFC 9525 §2, RFC 7817 §3',
    'Add the hostname as a DNS name in subjectAltName: many clients ignore the common name.',
  ),
  'certificate-self-signed': tls(
    'high',
    'Certificate is self-signed',
    'RFC 5280 §6, RFC 7817 §3',
    'Use a certificate from an authority that clients trust.',
  ),
  'certificate-untrusted': tls(
    'high',
    'Certificate chain is not trusted',
    'RFC 5280 §6, RFC 8446 §4.4.2',
    'Send the intermediate certificates too, and use an authority that clients trust.',
  ),
  'certificate-weak': tls(
    'medium',
    'Certificate key or signature is weak',
    'RFC 9325 §4.5',
    'Use RSA with at least 2048 bits, or P-256, and a signature with SHA-256 or better.',
  ),

  // MTA-STS: what the domain publishes, and whether its MX hosts comply.
  'mta-sts-missing': mtaSts('info', 'No MTA-STS policy', 'RFC 8461', 'Publish one, starting with the mode "testing".'),
  'mta-sts-record': mtaSts(
    'medium',
    'MTA-STS record is invalid',
    'RFC 8461 §3.1',
    'Publish one TXT record at _mta-sts: v=STSv1; id=<letters and digits>.',
  ),
  'mta-sts-policy': mtaSts(
    'high',
    'MTA-STS policy cannot be fetched or is invalid',
    'RFC 8461 §3.2, §3.3',
    'Serve the policy at https://mta-sts.<domain>/.well-known/mta-sts.txt, with a valid certificate and without a redirect.',
  ),
  'mta-sts-orphan': mtaSts(
    'low',
    'MTA-STS policy has no DNS record',
    'RFC 8461 §3.1',
    'Publish the TXT record at _mta-sts too: senders ignore a policy without a record.',
  ),
  'mta-sts-mx': mtaSts(
    'high',
    'MX host is not in the MTA-STS policy',
    'RFC 8461 §4.1',
    'Add the MX host to the policy and change the id in the record: senders refuse to deliver to this host.',
  ),
  'mta-sts-unused': mtaSts(
    'low',
    'MTA-STS policy names a host that is not an MX host',
    'RFC 8461 §3.2',
    'Remove the line from the policy, unless the host will be used soon.',
  ),
  'mta-sts-tls': mtaSts(
    'high',
    'MX host does not meet the MTA-STS policy',
    'RFC 8461 §4.1, §4.2',
    'Enable STARTTLS on the MX host, with a valid certificate for its own name: senders refuse to deliver to it.',
  ),

  // DANE.
  'dane-mismatch': dane(
    'high',
    'TLSA records do not match the certificate',
    'RFC 7672 §3.1, RFC 7671 §8.1',
    'Publish the TLSA record of a new certificate before you deploy it: senders refuse to deliver until they match.',
  ),
  'dane-no-tls': dane(
    'high',
    'TLSA records for a server without TLS',
    'RFC 7672 §2.2',
    'Enable STARTTLS, or remove the TLSA records: senders refuse to deliver.',
  ),
  'dane-unsigned': dane(
    'low',
    'TLSA records are not signed with DNSSEC',
    'RFC 7672 §2.1',
    'Sign the zone: without DNSSEC the records have no effect.',
  ),
  'dane-unusable': dane(
    'medium',
    'TLSA records are unusable for SMTP',
    'RFC 7672 §3.1.3',
    'Publish records with usage 3 (or 2), selector 1 and matching type 1.',
  ),

  // Records that the domain publishes about its mail.
  'tls-rpt-missing': tlsRpt(
    'info',
    'No TLS-RPT record',
    'RFC 8460 §3',
    'Publish a TXT record at _smtp._tls: v=TLSRPTv1; rua=mailto:<address>.',
  ),
  'tls-rpt-record': tlsRpt(
    'low',
    'TLS-RPT record is invalid',
    'RFC 8460 §3',
    'Publish one TXT record at _smtp._tls: v=TLSRPTv1; rua=mailto:<address>.',
  ),
  'spf-missing': spf(
    'medium',
    'No SPF record',
    'RFC 7208 §3',
    'Publish a record that names the sending hosts and ends in -all or ~all.',
  ),
  'spf-error': spf(
    'high',
    'SPF record causes permerror',
    'RFC 7208 §4.6.4, §5',
    'Fix the record: receivers return "permerror" and ignore it, or reject the mail.',
  ),
  'spf-open': spf(
    'high',
    'SPF record authorizes too many hosts',
    'RFC 7208 §11.4',
    'Name the sending hosts only, and end the record in -all or ~all.',
  ),
  'spf-neutral': spf(
    'low',
    'SPF record is neutral about other hosts',
    'RFC 7208 §5.1',
    'End the record in -all or ~all.',
  ),
  'dkim-missing': dkim(
    'low',
    'No DKIM keys',
    'RFC 6376 §3.6.2',
    'Sign outgoing mail, and publish the key at <selector>._domainkey.',
  ),
  'dkim-key': dkim(
    'medium',
    'DKIM key is missing, revoked or invalid',
    'RFC 6376 §3.6.1',
    'Publish the key of the selector, or stop signing with it.',
  ),
  'dkim-weak': dkim(
    'medium',
    'DKIM key is weak',
    'RFC 8301 §3.2',
    'Use an RSA key with 2048 bits, optionally with an Ed25519 key as well.',
  ),
  'dmarc-missing': dmarc(
    'medium',
    'No DMARC policy',
    'RFC 7489 §6.1',
    'Publish a TXT record at _dmarc, starting with p=none and a report address.',
  ),
  'dmarc-record': dmarc(
    'medium',
    'DMARC record is invalid',
    'RFC 7489 §6.3, §6.6.3',
    'Publish one TXT record at _dmarc: v=DMARC1; p=none, quarantine or reject.',
  ),
  'dmarc-none': dmarc(
    'low',
    'DMARC policy is not enforced',
    'RFC 7489 §6.3',
    'Read the reports, then change to p=quarantine or p=reject.',
  ),
  'dmarc-reports': dmarc(
    'low',
    'DMARC report recipient has not agreed to receive reports',
    'RFC 7489 §7.1',
    'Let the other domain publish v=DMARC1 at <domain>._report._dmarc, or use an address in your own domain.',
  ),
  'srv-missing': srv(
    'info',
    'No SRV records for login services',
    'RFC 6186 §3, RFC 8314 §5.1',
    'Publish SRV records: _submissions._tcp, _imaps._tcp, _pop3s._tcp.',
  ),
  'srv-target': srv(
    'medium',
    'SRV record has an unusable target',
    'RFC 2782',
    'Point the record at a host that has an address and is not an alias.',
  ),
  'srv-clear-preferred': srv(
    'low',
    'SRV records prefer a cleartext port',
    'RFC 8314 §5.1',
    'Announce the port with implicit TLS, with the same or a better priority.',
  ),

  // Addresses.
  'ptr-missing': ptr(
    'medium',
    'MX host address has no PTR record',
    'RFC 1912 §2.1',
    'Ask the owner of the address to publish a PTR record: receivers distrust hosts without one.',
  ),
  'ptr-unconfirmed': ptr(
    'medium',
    'Reverse DNS does not lead back to the address',
    'RFC 1912 §2.1, RFC 8601 §3',
    'Give the name this address, or let the PTR record name another host.',
  ),
  listed: lists(
    'high',
    'MX host is listed on a DNS blocklist',
    'RFC 5782 §2',
    'Look up the reason at the list, fix the cause, then request removal.',
  ),
  'list-broken': unknown('lists')(
    'info',
    'DNS list does not work',
    'RFC 5782 §5',
    'Check whether the list still exists and answers this resolver.',
  ),

  // The DNS itself.
  'mx-no-ipv6': mx(
    'info',
    'No MX host has an IPv6 address',
    'RFC 3974 §2, RFC 6540 §2',
    'Give at least one MX host an IPv6 address: senders without IPv4 cannot reach the domain.',
  ),
  'mx-wildcard': mx(
    'low',
    'Wildcard MX record',
    'RFC 4592 §2.1, RFC 1034 §4.3.3',
    'Remove the wildcard MX record, or make it a null MX (0 .): mail to mistyped subdomains is accepted or bounces late.',
  ),
  'dnssec-unsigned': dnssec(
    'info',
    'DNS records for mail are not signed with DNSSEC',
    'RFC 4033 §3, RFC 7672 §2.1',
    'Sign the zone and publish a DS record: without DNSSEC, DANE has no effect and MX records can be forged.',
  ),
  'caa-missing': caa(
    'info',
    'Any certificate authority may issue for the MX hosts',
    'RFC 8659 §3',
    'Publish a CAA record that names the authorities you use.',
  ),
  'caa-record': caa(
    'medium',
    'CAA record is invalid',
    'RFC 8659 §4',
    'Fix the record: authorities refuse to issue if they do not understand a critical property.',
  ),
  'resolver-down': unknown('mx')(
    'medium',
    'DNS resolver does not answer',
    'RFC 1035 §7',
    'Check the resolver and the network path to it (--resolver selects another), then run the audit again.',
  ),
  'lookup-failed': unknown('srv')(
    'medium',
    'DNS lookup failed',
    'RFC 1035 §7',
    'Check the name servers of the domain, then run the audit again.',
  ),
};

/** All findings of an audit: those about the MX records, and those of the probes. */
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
