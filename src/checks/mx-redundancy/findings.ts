/** How bad it is. */
export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info';

/** What can be found about a domain's MX hosts. */
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

/** One thing that was found. Plain JSON. */
export interface RedundancyFinding {
  readonly id: RedundancyFindingId;
  readonly severity: Severity;
  /** The name it is about: the domain, or a target. */
  readonly subject: string;
  /** What is so, as a sentence. */
  readonly what: string;
  /** Where it is written that it should not be so. */
  readonly source: string;
  /** What to do about it. */
  readonly fix: string;
  /** The records that show it. */
  readonly evidence: readonly string[];
}

/** What every finding of one kind has in common. */
export interface RedundancyCatalogueEntry {
  /** A few words. */
  readonly title: string;
  readonly severity: Severity;
  readonly source: string;
  readonly fix: string;
}

/** What every finding has in common, whatever the domain. */
export const redundancyCatalogue: { readonly [id in RedundancyFindingId]: RedundancyCatalogueEntry } = {
  'mx-none': {
    title: 'The domain takes mail nowhere',
    severity: 'critical',
    source: 'RFC 5321 §5.1',
    fix: 'Publish MX records for at least two mail hosts; or a null MX (0 .), if the domain shall take no mail.',
  },
  'mx-none-usable': {
    title: 'No MX host has an address',
    severity: 'critical',
    source: 'RFC 5321 §5.1',
    fix: 'Give the targets addresses, or name targets that have some.',
  },
  'mx-implicit': {
    title: 'The domain has no MX record',
    severity: 'medium',
    source: 'RFC 5321 §5.1',
    fix: 'Publish MX records that name the mail hosts, two at least: the address of the web site is taken for one now.',
  },
  'null-mx': {
    title: 'The domain takes no mail',
    severity: 'info',
    source: 'RFC 7505 §3',
    fix: 'Nothing, if the domain shall take no mail.',
  },
  'null-mx-mixed': {
    title: 'A null MX stands beside other records',
    severity: 'high',
    source: 'RFC 7505 §3',
    fix: 'Take the null MX (0 .) away, or all others: some senders refuse to deliver to such a domain at all.',
  },
  'null-mx-preference': {
    title: 'Null MX has a preference other than 0',
    severity: 'low',
    source: 'RFC 7505 §3',
    fix: 'Publish the null MX as "0 .": software that compares the whole record does not recognise it otherwise.',
  },
  'mx-single': {
    title: 'There is one MX host only',
    severity: 'high',
    source: 'RFC 5321 §5.1',
    fix: 'Publish a second MX record, for a host in another network.',
  },
  'mx-one-address': {
    title: 'All MX hosts have the same address',
    severity: 'high',
    source: 'RFC 5321 §5.1',
    fix: 'Give the second mail host an address of its own: the names end in the same machine now.',
  },
  'mx-one-network': {
    title: 'All MX hosts are in one network',
    severity: 'medium',
    source: 'RFC 2182 §3.1',
    fix: 'Move one mail host to another network, so that one broken line does not cut off all.',
  },
  'mx-one-asn': {
    title: 'All MX hosts are in one autonomous system',
    severity: 'low',
    source: 'RFC 2182 §3.1',
    fix: 'Put one mail host into the network of another provider.',
  },
  'mx-no-ipv4': {
    title: 'No MX host has an IPv4 address',
    severity: 'medium',
    source: 'RFC 3974 §2',
    fix: 'Give at least one mail host an IPv4 address: many senders have no IPv6.',
  },
  'mx-unresolvable': {
    title: 'An MX host has no address',
    severity: 'high',
    source: 'RFC 5321 §5.1',
    fix: 'Publish an address for the target, or take its MX record away: senders wait for it in vain.',
  },
  'mx-dangling': {
    title: 'The domain of an MX host is free to take',
    severity: 'critical',
    source: 'RFC 5321 §5.1',
    fix: 'Take the record away at once: whoever registers the name of the target receives this mail.',
  },
  'mx-private': {
    title: 'An MX host has an address that cannot be reached',
    severity: 'high',
    source: 'RFC 6890 §2.2.2, RFC 1918 §3',
    fix: 'Publish addresses that the Internet can reach, and keep internal ones to internal DNS.',
  },
  'mx-address-literal': {
    title: 'An MX record names an IP address',
    severity: 'high',
    source: 'RFC 5321 §5.1, RFC 1035 §3.3.9',
    fix: 'Name a host instead of an IP address: an MX record holds names only.',
  },
  'mx-invalid-target': {
    title: 'An MX record names no host',
    severity: 'high',
    source: 'RFC 5321 §2.3.5, RFC 1123 §2.1',
    fix: 'Name a host: letters, digits and hyphens between dots.',
  },
  'mx-cname': {
    title: 'An MX record names an alias',
    severity: 'medium',
    source: 'RFC 2181 §10.3',
    fix: 'Name the host that the alias stands for.',
  },
  'mx-duplicate': {
    title: 'An MX host is named twice',
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
    title: 'The DNS did not answer in time',
    severity: 'medium',
    source: 'RFC 1035 §7',
    fix: 'Look at the name servers of the name, and ask again.',
  },
  'dns-servfail': {
    title: 'The DNS answered with a failure',
    severity: 'medium',
    source: 'RFC 1035 §4.1.1, RFC 4035 §5.5',
    fix: 'Look at the name servers of the name and, where it is signed, at its DNSSEC; and ask again.',
  },
  'dns-error': {
    title: 'The DNS did not answer',
    severity: 'medium',
    source: 'RFC 1035 §4.1.1',
    fix: 'Look at the name servers of the name, and ask again.',
  },
};

/** Makes a finding out of the catalogue. */
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

/** Whether a finding says that something could not be checked, rather than that something is wrong. */
export const isUnknown = (id: RedundancyFindingId): boolean => id.startsWith('dns-') || id === 'mx-not-examined';

/** Which finding a resolver's trouble is. */
export const dnsTrouble = (reason: string | undefined): 'dns-timeout' | 'dns-servfail' | 'dns-error' =>
  /time.?out|timed out|deadline/i.test(reason ?? '')
    ? 'dns-timeout'
    : /serv.?fail|bogus|dnssec/i.test(reason ?? '')
      ? 'dns-servfail'
      : 'dns-error';

const order: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];
/** The worst first; of equals, as they were found. */
export const bySeverity = (findings: readonly RedundancyFinding[]): readonly RedundancyFinding[] =>
  [...findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
