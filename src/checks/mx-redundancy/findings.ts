/** The severity of a finding. */
export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info';

/** The kinds of findings about the MX hosts of a domain. */
export type RedundancyFindingId =
  | 'mx-none'
  | 'mx-none-usable'
  | 'mx-implicit'
  | 'null-mx'
  | 'null-mx-mixed'
  | 'null-mx-preference'
  | 'mx-single'
  | 'mx-one-address'
  | 'mx-one-network'
  | 'mx-one-asn'
  | 'mx-no-ipv4'
  | 'mx-unresolvable'
  | 'mx-dangling'
  | 'mx-private'
  | 'mx-address-literal'
  | 'mx-invalid-target'
  | 'mx-cname'
  | 'mx-duplicate'
  | 'mx-not-examined'
  | 'dns-timeout'
  | 'dns-servfail'
  | 'dns-error';

/** One finding. Plain JSON. */
export interface RedundancyFinding {
  readonly id: RedundancyFindingId;
  readonly severity: Severity;
  /** The domain or the target that the finding is about. */
  readonly subject: string;
  /** The finding as a sentence. */
  readonly what: string;
  /** The standard that recommends otherwise. */
  readonly source: string;
  /** How to fix it. */
  readonly fix: string;
  /** The records that prove it. */
  readonly evidence: readonly string[];
}

/** The common part of all findings of one kind. */
export interface RedundancyCatalogueEntry {
  /** A short title. */
  readonly title: string;
  readonly severity: Severity;
  readonly source: string;
  readonly fix: string;
}

/** The common part of the findings, by kind. */
export const redundancyCatalogue: { readonly [id in RedundancyFindingId]: RedundancyCatalogueEntry } = {
  'mx-none': {
    title: 'Domain has no mail host',
    severity: 'critical',
    source: 'RFC 5321 §5.1',
    fix: 'Publish MX records for at least two mail hosts; or a null MX (0 .) if the domain must not receive mail.',
  },
  'mx-none-usable': {
    title: 'No MX host has an address',
    severity: 'critical',
    source: 'RFC 5321 §5.1',
    fix: 'Publish addresses for the targets, or use other targets.',
  },
  'mx-implicit': {
    title: 'Domain has no MX record',
    severity: 'medium',
    source: 'RFC 5321 §5.1',
    fix: 'Publish at least two MX records: without them, senders deliver to the address of the domain itself, often the web site.',
  },
  'null-mx': {
    title: 'Domain accepts no mail',
    severity: 'info',
    source: 'RFC 7505 §3',
    fix: 'Nothing, if the domain must not receive mail.',
  },
  'null-mx-mixed': {
    title: 'Null MX beside other MX records',
    severity: 'high',
    source: 'RFC 7505 §3',
    fix: 'Remove the null MX (0 .), or all others: some senders do not deliver to such a domain at all.',
  },
  'null-mx-preference': {
    title: 'Null MX has a preference other than 0',
    severity: 'low',
    source: 'RFC 7505 §3',
    fix: 'Publish the null MX as "0 .": software that compares the whole record does not recognise it otherwise.',
  },
  'mx-single': {
    title: 'Only one MX host',
    severity: 'high',
    source: 'RFC 5321 §5.1',
    fix: 'Publish a second MX record, for a host in another network.',
  },
  'mx-one-address': {
    title: 'All MX hosts have the same address',
    severity: 'high',
    source: 'RFC 5321 §5.1',
    fix: 'Give the second mail host its own address: the names lead to the same machine.',
  },
  'mx-one-network': {
    title: 'All MX hosts are in one network',
    severity: 'medium',
    source: 'RFC 2182 §3.1',
    fix: 'Move one mail host to another network, so that one network failure does not cut off all of them.',
  },
  'mx-one-asn': {
    title: 'All MX hosts are in one autonomous system',
    severity: 'low',
    source: 'RFC 2182 §3.1',
    fix: 'Move one mail host to the network of another provider.',
  },
  'mx-no-ipv4': {
    title: 'No MX host has an IPv4 address',
    severity: 'medium',
    source: 'RFC 3974 §2',
    fix: 'Give at least one mail host an IPv4 address: many senders have no IPv6.',
  },
  'mx-unresolvable': {
    title: 'MX host has no address',
    severity: 'high',
    source: 'RFC 5321 §5.1',
    fix: 'Publish an address for the target, or remove its MX record: senders try it in vain.',
  },
  'mx-dangling': {
    title: 'Domain of an MX host can be registered by anyone',
    severity: 'critical',
    source: 'RFC 5321 §5.1',
    fix: 'Remove the record at once: an attacker who registers the domain receives this mail.',
  },
  'mx-private': {
    title: 'MX host has an unreachable address',
    severity: 'high',
    source: 'RFC 6890 §2.2.2, RFC 1918 §3',
    fix: 'Publish addresses that are reachable from the Internet, and keep internal ones in internal DNS.',
  },
  'mx-address-literal': {
    title: 'MX record contains an IP address',
    severity: 'high',
    source: 'RFC 5321 §5.1, RFC 1035 §3.3.9',
    fix: 'Use a host name instead of an IP address.',
  },
  'mx-invalid-target': {
    title: 'MX record does not contain a host name',
    severity: 'high',
    source: 'RFC 5321 §2.3.5, RFC 1123 §2.1',
    fix: 'Use a host name: letters, digits and hyphens between dots.',
  },
  'mx-cname': {
    title: 'MX record points to an alias',
    severity: 'medium',
    source: 'RFC 2181 §10.3',
    fix: 'Use the name to which the alias points.',
  },
  'mx-duplicate': {
    title: 'Duplicate MX host',
    severity: 'low',
    source: 'RFC 2181 §5',
    fix: 'Keep one record for the host.',
  },
  'mx-not-examined': {
    title: 'Not every MX host was examined',
    severity: 'medium',
    source: 'RFC 5321 §5.1',
    fix: 'Publish fewer MX records: most senders try only the first few.',
  },
  'dns-timeout': {
    title: 'DNS lookup timed out',
    severity: 'medium',
    source: 'RFC 1035 §7',
    fix: 'Check the name servers of the domain, and try again.',
  },
  'dns-servfail': {
    title: 'DNS server failure',
    severity: 'medium',
    source: 'RFC 1035 §4.1.1, RFC 4035 §5.5',
    fix: 'Check the name servers of the domain and, if it is signed, its DNSSEC; and try again.',
  },
  'dns-error': {
    title: 'DNS lookup failed',
    severity: 'medium',
    source: 'RFC 1035 §4.1.1',
    fix: 'Check the name servers of the domain, and try again.',
  },
};

/** Creates a finding with the texts of the catalogue. */
export const found = (
  id: RedundancyFindingId,
  subject: string,
  what: string,
  evidence: readonly string[],
  severity: Severity = redundancyCatalogue[id].severity,
): RedundancyFinding => ({
  id,
  severity,
  subject,
  what,
  source: redundancyCatalogue[id].source,
  fix: redundancyCatalogue[id].fix,
  evidence: evidence.slice(0, 20),
});

/** Returns whether a finding means that something could not be checked, as opposed to: something is wrong. */
export const isUnknown = (id: RedundancyFindingId): boolean => id.startsWith('dns-') || id === 'mx-not-examined';

/** Returns the kind of finding for the reason of a `temperror`. */
export const dnsTrouble = (reason: string | undefined): 'dns-timeout' | 'dns-servfail' | 'dns-error' =>
  /time.?out|timed out|deadline/i.test(reason ?? '')
    ? 'dns-timeout'
    : /serv.?fail|bogus|dnssec/i.test(reason ?? '')
      ? 'dns-servfail'
      : 'dns-error';

const order: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];
/** Sorts findings by severity, the worst first. */
export const bySeverity = (findings: readonly RedundancyFinding[]): readonly RedundancyFinding[] =>
  [...findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
