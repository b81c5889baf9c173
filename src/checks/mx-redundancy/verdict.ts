import type { MailHosts } from '../../dns/index.ts';
import { ipVersion } from '../../net/index.ts';
import type { RedundancyFinding } from './findings.ts';
import { bySeverity, dnsTrouble, found } from './findings.ts';
import type { Settings } from './options.ts';
import type { RedundancyCounts, RedundancyHost, RedundancyState } from './report.ts';
import { publicAddresses } from './target.ts';

/** Returns the findings about the records of the domain as a whole. */
export function domainFindings(mail: MailHosts, loop: readonly string[] | undefined): RedundancyFinding[] {
  const { domain } = mail;
  const records = mail.mxHosts.map(({ host, preference }) => `${domain} MX ${preference} ${host}`);
  const findings: RedundancyFinding[] = [];
  if (mail.nullMixed)
    findings.push(
      found('null-mx-mixed', domain, 'The domain has a null MX beside other MX records.', [
        `${domain} MX .`,
        ...records,
      ]),
    );
  switch (mail.state) {
    case 'null-mx':
      findings.push(found('null-mx', domain, 'The domain accepts no mail (null MX).', [`${domain} MX .`]));
      if (mail.nullPreference !== undefined && mail.nullPreference !== 0)
        findings.push(
          found('null-mx-preference', domain, `The null MX has the preference ${mail.nullPreference}, not 0.`, [
            `${domain} MX ${mail.nullPreference} .`,
          ]),
        );
      break;
    case 'no-host': {
      const why = mail.nxdomain ? 'does not exist' : 'has neither MX records nor an address';
      findings.push(
        found('mx-none', domain, `The domain ${why}.`, [`${domain} ${mail.nxdomain ? 'NXDOMAIN' : 'no MX, A, AAAA'}`]),
      );
      break;
    }
    case 'none-usable':
      findings.push(found('mx-none-usable', domain, 'No MX host has an address.', records));
      break;
    case 'no-answer':
      if (loop !== undefined) findings.push(found('mx-none', domain, 'The domain is an alias of itself.', loop));
      else if (mail.mxHosts.length === 0 || mail.implicit) {
        const what = `The MX records of ${domain} could not be looked up (${mail.reason ?? 'no answer'}).`;
        findings.push(found(dnsTrouble(mail.reason), domain, what, []));
      }
  }
  if (mail.implicit && mail.state !== 'no-answer') {
    findings.push(
      found('mx-implicit', domain, 'The domain has no MX record, so senders use its own address.', [
        ...mail.mxHosts.flatMap(({ addresses }) => addresses.map(({ address }) => `${domain} ${address}`)),
      ]),
    );
  }
  return findings;
}

/** Returns the finding for hosts beyond the limit. */
export function unexamined(mail: MailHosts): RedundancyFinding[] {
  const left = mail.mxHosts.filter(({ state }) => state === 'not-examined');
  if (left.length === 0) return [];
  const all = mail.mxHosts.length;
  return [
    found(
      'mx-not-examined',
      mail.domain,
      `${mail.domain} has ${all} MX records; ${left.length} of them were not examined.`,
      left.map(({ host, preference }) => `${mail.domain} MX ${preference} ${host}`),
    ),
  ];
}

/** Returns the findings for hosts in more than one MX record. */
export function duplicates(mail: MailHosts): RedundancyFinding[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { host } of mail.mxHosts) (seen.has(host) ? twice : seen).add(host);
  return [...twice].map((host) =>
    found(
      'mx-duplicate',
      host,
      `The host ${host} occurs in more than one MX record.`,
      mail.mxHosts.flatMap((other) => (other.host === host ? [`${mail.domain} MX ${other.preference} ${host}`] : [])),
    ),
  );
}

/** Counts hosts, addresses and networks. */
export function count(mail: MailHosts, hosts: readonly RedundancyHost[]): RedundancyCounts {
  const open = hosts.filter(({ state }) => state === 'usable');
  const asns = hosts.some((host) => host.asns !== undefined)
    ? { asns: new Set(open.flatMap((host) => host.asns ?? [])).size }
    : {};
  return {
    records: mail.implicit ? 0 : mail.mxHosts.length + (mail.nullMixed || mail.state === 'null-mx' ? 1 : 0),
    hosts: hosts.length,
    resolvable: hosts.filter(({ addresses }) => addresses.length > 0).length,
    public: open.length,
    addresses: new Set(open.flatMap(publicAddresses)).size,
    networks: new Set(open.flatMap(({ networks }) => networks)).size,
    ...asns,
  };
}

/** The result of {@link redundancy}. */
export interface Verdict {
  readonly findings: readonly RedundancyFinding[];
  /** Whether too many lookups failed for a result. */
  readonly unknown: boolean;
  readonly provider?: string;
}

/** Examines whether mail still arrives if one server fails. */
export function redundancy(
  mail: MailHosts,
  hosts: readonly RedundancyHost[],
  counts: RedundancyCounts,
  { minimum }: Settings,
  known: readonly RedundancyFinding[],
): Verdict {
  const nothing = { findings: [], unknown: false };
  if (mail.state === 'no-answer') return { ...nothing, unknown: true };
  if (mail.state !== 'usable' && mail.state !== 'implicit') return nothing;
  const open = hosts.filter(({ state }) => state === 'usable');
  const provider = open.find((host) => host.provider !== undefined)?.provider;
  if (provider !== undefined) return { ...nothing, provider };
  const evidence = open.flatMap((host) => publicAddresses(host).map((address) => `${host.host} ${address}`));
  // A failed lookup may hide the second server, so nothing is reported as missing.
  const uncertain = hosts.some(
    ({ state, partial }) => state === 'no-answer' || state === 'not-examined' || partial === true,
  );
  const withoutIpv4 =
    !uncertain && !open.some((host) => publicAddresses(host).some((address) => ipVersion(address) === 4))
      ? [found('mx-no-ipv4', mail.domain, 'No mail host has an IPv4 address.', evidence)]
      : [];
  const lacking = (finding: RedundancyFinding): Verdict =>
    uncertain ? { findings: [], unknown: true } : { findings: [...withoutIpv4, finding], unknown: false };
  if (mail.state === 'implicit') return { findings: withoutIpv4, unknown: false };
  const { domain } = mail;

  const addresses = places(open.map(publicAddresses));
  if (open.length < minimum) {
    const why = known.some(({ id }) => id === 'mx-unresolvable' || id === 'mx-private' || id === 'mx-dangling')
      ? `Only ${open.length} of ${counts.hosts} mail hosts are reachable.`
      : `The domain has ${open.length === 1 ? 'one mail host' : `${open.length} mail hosts`}; ${minimum} are required.`;
    // Several addresses of one name survive the loss of one machine.
    return addresses >= minimum
      ? lacking(found('mx-single', domain, `${why} It has ${counts.addresses} addresses.`, evidence, 'medium'))
      : lacking(found('mx-single', domain, why, evidence));
  }
  if (addresses < minimum)
    return lacking(
      found(
        'mx-one-address',
        domain,
        `${open.length} mail hosts share ${addresses === 1 ? 'one address' : `${addresses} addresses`}.`,
        evidence,
      ),
    );
  const findings: RedundancyFinding[] = [...withoutIpv4];
  // If one host is enough, one network is enough.
  if (open.length === 1) return { findings, unknown: false };
  if (places(open.map(({ networks }) => networks)) < 2) {
    if (uncertain) return { findings, unknown: false };
    const networks = [...new Set(open.flatMap(({ networks: own }) => own))];
    findings.push(
      found('mx-one-network', domain, `All mail hosts are in one network (${networks.join(', ')}).`, evidence),
    );
  } else if (counts.asns === 1 && open.every(({ asns }) => (asns?.length ?? 0) > 0)) {
    const asn = open[0]?.asns?.[0];
    findings.push(found('mx-one-asn', domain, `All mail hosts are in one autonomous system (AS${asn}).`, evidence));
  }
  return { findings, unknown: false };
}

/**
 * Returns the number of places that can fail independently.
 *
 * The IPv4 and IPv6 address of one host are one place, and hosts that share an address or a network may be one. The result is
 * the larger of two numbers: groups of hosts that share nothing, and different values within one address family.
 */
function places(hosts: readonly (readonly string[])[]): number {
  let groups: Set<string>[] = [];
  for (const values of hosts) {
    if (values.length === 0) continue;
    const mine = new Set(values);
    const apart: Set<string>[] = [];
    for (const group of groups) {
      if (values.some((value) => group.has(value))) for (const value of group) mine.add(value);
      else apart.push(group);
    }
    groups = [...apart, mine];
  }
  const all = new Set(hosts.flat());
  const v6 = [...all].filter((value) => value.includes(':')).length;
  return Math.max(groups.length, v6, all.size - v6);
}

/** Returns the result in one sentence. */
export function summarise(
  state: RedundancyState,
  counts: RedundancyCounts,
  findings: readonly RedundancyFinding[],
  provider: string | undefined,
): string {
  switch (state) {
    case 'not-applicable':
      return 'The domain accepts no mail.';
    case 'could-not-check':
      return 'DNS lookups failed, so the domain could not be checked.';
    case 'fail':
      return bySeverity(findings)[0]?.what ?? 'The domain does not survive the loss of a mail host.';
    case 'pass':
      return provider === undefined
        ? `${counts.public} mail hosts, ${counts.addresses} addresses, ${counts.networks} networks.`
        : `${provider} is redundant behind one name.`;
  }
}
