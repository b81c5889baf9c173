/**
 * The model behind the map of a domain: domain → MX hosts → addresses → networks, each with its state.
 *
 * It is built from the report alone: the MX hosts in the DNS, the results of connecting, and the findings by subject.
 *
 * @module
 */

import type { RedundancyHost } from '../../checks/mx-redundancy/index.ts';
import { parseIp, parsePrefix, prefixHas } from '../../net/index.ts';
import type { AuditFinding, FindingId } from '../finding.ts';
import { apart } from '../group.ts';
import type { DomainAudit, ServiceAudit } from '../report.ts';
import { type Standing, standingOf, standingWord, worstStanding } from './html-marks.ts';
import { titleOf } from './sheet.ts';

/** A box on the map. */
export interface MapNode {
  /** The full name. */
  readonly label: string;
  readonly standing: Standing;
  /** The state in a few words, or an empty string. */
  readonly words: string;
}

export interface MapMxHost extends MapNode {
  readonly preference: number;
  /** Indices of `addresses`. */
  readonly addresses: readonly number[];
}

export interface MapAddress extends MapNode {
  /** Index of `networks`. */
  readonly network?: number;
}

export interface DomainMap {
  readonly domain: MapNode;
  /** In order of preference. */
  readonly mxHosts: readonly MapMxHost[];
  readonly addresses: readonly MapAddress[];
  readonly networks: readonly MapNode[];
  /** Replaces the MX hosts if there are none. */
  readonly empty?: MapNode;
}

/** Builds the map of a domain. */
export function mapOf({ domain, state, findings: whole, redundancy: published, services }: DomainAudit): DomainMap {
  const findings = apart(whole).map(({ part }) => part);
  const redundancy = { ...published, hosts: [...published.hosts].sort((a, b) => a.preference - b.preference) };
  const exchanging = services.filter(({ service }) => service === 'smtp');
  const ofMail = findings.filter(({ probe }) => mailProbes.has(probe));
  const ports = new Set(exchanging.map(({ port }) => String(port)));
  const addresses: MapAddress[] = [];
  const networks: MapNode[] = [];
  const places = new Map<string, number>();
  const netPlaces = new Map<string, number>();
  const oneNetwork = findings.some(({ id }) => id === 'mx-one-network');
  const blocked = findings.some(({ id }) => id === 'smtp-blocked-here');
  const users = new Map<string, number>();
  for (const { addresses: own } of redundancy.hosts)
    for (const { address } of own) users.set(address, (users.get(address) ?? 0) + 1);

  const networkOf = (host: RedundancyHost, address: string): number | undefined => {
    const ip = parseIp(address);
    const network = host.networks.find((text) => {
      try {
        return ip !== undefined && prefixHas(parsePrefix(text), ip);
      } catch {
        return false;
      }
    });
    if (network === undefined) return undefined;
    const known = netPlaces.get(network);
    if (known !== undefined) return known;
    netPlaces.set(network, networks.length);
    networks.push({
      label: network,
      standing: oneNetwork ? 'weak' : 'plain',
      words: oneNetwork ? 'the only network' : '',
    });
    return networks.length - 1;
  };

  const mxHosts = redundancy.hosts.map((host): MapMxHost => {
    const own = host.addresses.map(({ address, scope }) => {
      const known = places.get(address);
      if (known !== undefined) return known;
      const about = ofMail.filter(({ subject }) => subject === address || subject.includes(`[${address}]`));
      const reached = exchanging.filter((service) => service.address === address);
      const unreached =
        blocked && scope === 'public' && reached.length > 0
          ? { label: address, standing: 'unknown' as const, words: shortWords['smtp-blocked-here'] ?? '' }
          : undefined;
      const node =
        unreached ?? nodeOf(address, about, reached, scope === 'public' ? reachTrouble(reached) : `${scope} address`);
      const shared = (users.get(address) ?? 0) > 1 && redundancy.counts.addresses === 1;
      places.set(address, addresses.length);
      addresses.push({
        ...(shared && (node.standing === 'good' || node.standing === 'plain')
          ? { label: address, standing: 'fails' as const, words: 'the only address' }
          : node),
        network: networkOf(host, address),
      });
      return addresses.length - 1;
    });
    const about = ofMail.filter(({ subject }) => concerns(subject, host.host, ports));
    const reached = exchanging.filter((service) => service.host === host.host);
    return {
      ...nodeOf(host.host, about, reached, hostWords[host.state]),
      preference: host.preference,
      addresses: [...new Set(own)],
    };
  });

  const standing = worstStanding(findings.map(standingOf));
  return {
    domain: {
      label: domain,
      standing: state === 'clean' ? 'good' : standing,
      words: '',
    },
    mxHosts,
    addresses,
    networks,
    ...(mxHosts.length > 0 ? {} : { empty: emptyNode(redundancy.state) }),
  };
}

function emptyNode(state: DomainAudit['redundancy']['state']): MapNode {
  switch (state) {
    case 'not-applicable':
      return { label: 'accepts no mail', standing: 'good', words: 'null MX' };
    case 'could-not-check':
      return { label: 'MX hosts unknown', standing: 'unknown', words: 'DNS did not answer' };
    default:
      return { label: 'no MX host', standing: 'fails', words: 'mail cannot be delivered' };
  }
}

/** Probes of MX hosts. Login services are not on the map. */
const mailProbes: ReadonlySet<string> = new Set([
  'mx',
  'smtp',
  'relay',
  'failover',
  'tls',
  'mta-sts',
  'dane',
  'ptr',
  'lists',
]);

/**
 * Whether a finding concerns the host itself or its service on one of these ports. Subjects have the form `host`,
 * `host:port` or `host[address]:port`.
 */
export function concerns(subject: string, host: string, ports: ReadonlySet<string>): boolean {
  if (subject === host) return true;
  if (!subject.startsWith(`${host}:`) && !subject.startsWith(`${host}[`)) return false;
  const port = /:(\d+)/.exec(subject.slice(host.length).replace(/\[[^\]]*\]/g, ''))?.[1];
  return port === undefined || ports.has(port);
}

function nodeOf(
  label: string,
  about: readonly AuditFinding[],
  reached: readonly ServiceAudit[],
  trouble: string | undefined,
): MapNode {
  const standing = worstStanding([
    ...about.map(standingOf),
    ...(trouble === undefined ? [] : ['fails' as const]),
    ...(reached.some(({ reach }) => reach === 'open') ? ['good' as const] : []),
  ]);
  const worst = about.filter((finding) => standingOf(finding) === standing);
  const reasons = [
    ...new Set([...(trouble === undefined || standing !== 'fails' ? [] : [trouble]), ...worst.map(short)]),
  ];
  const words =
    standing === 'good' || standing === 'remark' || standing === 'plain'
      ? standing === 'plain'
        ? ''
        : standingWord.good
      : `${reasons[0] ?? standingWord[standing]}${reasons.length > 1 ? ` +${reasons.length - 1}` : ''}`;
  return { label, standing: standing === 'remark' ? 'good' : standing, words };
}

/** Describes why no session with an address was possible. */
function reachTrouble(reached: readonly ServiceAudit[]): string | undefined {
  if (reached.length === 0 || reached.some(({ reach }) => reach === 'open' || reach === 'broken-off')) return undefined;
  const [first] = reached;
  return first === undefined ? undefined : reachWords[first.reach];
}

const reachWords: { readonly [reach in ServiceAudit['reach']]?: string } = {
  mute: 'no greeting',
  refused: 'connection refused',
  timeout: 'timed out',
  unreachable: 'unreachable',
  'no-service': 'refuses all',
  'wrong-protocol': 'not SMTP',
};

const hostWords: { readonly [state in RedundancyHost['state']]?: string } = {
  'not-public': 'no public address',
  'no-address': 'no address',
  'address-literal': 'IP address as name',
  'no-host-name': 'not a host name',
};

/** Describes a finding in about three words. */
export const short = ({ id }: Pick<AuditFinding, 'id'>): string => shortWords[id] ?? titleOf(id) ?? id;

const shortWords: { readonly [id in FindingId]?: string } = {
  'mx-unresolvable': 'no address',
  'mx-dangling': 'unregistered domain',
  'mx-private': 'not public',
  'mx-address-literal': 'IP address as name',
  'mx-invalid-target': 'not a host name',
  'mx-cname': 'alias',
  'mx-duplicate': 'listed twice',
  'dns-timeout': 'DNS timeout',
  'dns-servfail': 'DNS failed',
  'dns-error': 'DNS error',
  'smtp-unreachable': 'not reachable',
  'smtp-all-unreachable': 'not reachable',
  'smtp-blocked-here': 'port 25 blocked here',
  'smtp-mute': 'no greeting',
  'smtp-no-service': 'refuses all',
  'smtp-not-smtp': 'not SMTP',
  'smtp-refused-us': 'refused this client',
  'smtp-no-ehlo': 'no EHLO',
  'smtp-broken-off': 'connection lost',
  'starttls-missing': 'no TLS',
  'starttls-failed': 'TLS fails',
  'starttls-injection': 'TLS injection',
  'starttls-response-injection': 'TLS injection',
  'starttls-stale': 'stale capabilities',
  'postmaster-refused': 'refuses postmaster',
  'postmaster-unknown': 'postmaster unknown',
  'smtp-greeting-slow': 'slow greeting',
  'submission-no-auth': 'no login',
  'login-clear-accepted': 'cleartext logins',
  'login-secret-invited': 'cleartext logins',
  'login-clear-offered': 'cleartext logins',
  'login-starttls-missing': 'no TLS',
  'login-not-tls': 'no TLS',
  'preauth-clear': 'logged in without TLS',
  'relay-open': 'open relay',
  'relay-unknown': 'relaying unknown',
  'failover-lost': 'no failover',
  'backup-weaker': 'weaker backup',
  'tls-old-only': 'only old TLS',
  'tls-old': 'old TLS',
  'certificate-expired': 'certificate expired',
  'certificate-expires-soon': 'expires soon',
  'certificate-not-yet-valid': 'not yet valid',
  'certificate-name': 'hostname mismatch',
  'certificate-common-name': 'common name only',
  'certificate-self-signed': 'self-signed',
  'certificate-untrusted': 'not trusted',
  'certificate-weak': 'weak key',
  'mta-sts-mx': 'not in MTA-STS',
  'mta-sts-tls': 'violates MTA-STS',
  'dane-mismatch': 'DANE mismatch',
  'dane-no-tls': 'DANE without TLS',
  'dane-unsigned': 'DANE unsigned',
  'dane-unusable': 'DANE unusable',
  'ptr-missing': 'no PTR',
  'ptr-unconfirmed': 'PTR unconfirmed',
  listed: 'on a DNS list',
  'list-broken': 'unusable list',
};
