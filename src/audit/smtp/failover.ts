import type { RedundancyReport } from '../../checks/mx-redundancy/index.ts';
import { type AuditFinding, found } from '../finding.ts';
import type { ServiceAudit } from '../report.ts';

/** State of one host over all its addresses. */
interface HostState {
  readonly host: string;
  readonly preference: number;
  readonly services: readonly ServiceAudit[];
  /** `up`: at least one address sends a greeting. `unknown`: it refused this client or closed the connection early. */
  readonly state: 'up' | 'down' | 'unknown';
}

/**
 * Checks whether mail still flows if any one MX host is down, and whether backup hosts are as secure as the primary ones.
 *
 * If no MX host is reachable, the result is one finding of the domain: `smtp-all-unreachable`, or `smtp-blocked-here` if
 * every connection timed out. Drop `smtp-unreachable` of each host then.
 *
 * @param domain in A-labels
 * @param mxHosts results for every address
 * @param redundancy the MX hosts in the DNS
 */
export function failoverFindings(
  domain: string,
  mxHosts: readonly ServiceAudit[],
  redundancy: Pick<RedundancyReport, 'hosts'>,
): readonly AuditFinding[] {
  const hosts = hostsOf(mxHosts);
  if (hosts.length === 0) return [];
  const lines = mxHosts.map(
    ({ host, address, port, reach, greeting }) =>
      `${host}[${address}]:${port} ${reach}${greeting === undefined ? '' : `: ${greeting}`}`,
  );
  if (mxHosts.every(({ reach }) => reach === 'timeout') && hosts.length > 1)
    return [
      found(
        'smtp-blocked-here',
        domain,
        `All connections to the ${hosts.length} MX hosts timed out: this network seems to block outbound connections to their port.`,
        lines,
      ),
    ];
  if (mxHosts.every(({ reach }) => reach === 'timeout' || reach === 'refused' || reach === 'unreachable'))
    return [
      found(
        'smtp-all-unreachable',
        domain,
        hosts.length === 1
          ? `The only MX host of ${domain} is unreachable.`
          : `All ${hosts.length} MX hosts of ${domain} are unreachable.`,
        lines,
      ),
    ];
  return [...lost(domain, hosts, redundancy, lines), ...weaker(hosts)];
}

function hostsOf(mxHosts: readonly ServiceAudit[]): readonly HostState[] {
  const byHost = new Map<string, ServiceAudit[]>();
  for (const service of mxHosts) {
    const same = byHost.get(service.host);
    if (same === undefined) byHost.set(service.host, [service]);
    else same.push(service);
  }
  return [...byHost].map(([host, services]) => ({
    host,
    services,
    preference: Math.min(...services.map(({ preference = 0 }) => preference)),
    state: services.some(({ reach }) => reach === 'open') ? 'up' : services.some(isUnknown) ? 'unknown' : 'down',
  }));
}

/** Whether the host may accept other clients: it refused this one temporarily (RFC 5321 §4.2.1), or by policy. */
const isUnknown = ({ reach, greeting = '' }: ServiceAudit): boolean =>
  reach === 'broken-off' || (reach === 'no-service' && !/^5\d\d(?![ -]5\.7\.)/.test(greeting));

function lost(
  domain: string,
  hosts: readonly HostState[],
  { hosts: published }: Pick<RedundancyReport, 'hosts'>,
  lines: readonly string[],
): readonly AuditFinding[] {
  const usable = new Set(
    published.filter(({ addresses }) => addresses.some(({ scope }) => scope === 'public')).map(({ host }) => host),
  );
  const up = hosts.filter(({ state }) => state === 'up');
  const unknown = hosts.some(({ state }) => state === 'unknown');
  const [only] = up;
  if (usable.size < 2 || hosts.length < 2 || unknown || up.length !== 1 || only === undefined) return [];
  return [
    found(
      'failover-lost',
      domain,
      `If ${only.host} fails, the domain receives no mail: of its ${hosts.length} MX hosts, only this one accepts SMTP sessions.`,
      lines,
    ),
  ];
}

function weaker(hosts: readonly HostState[]): readonly AuditFinding[] {
  const up = hosts.filter(({ state }) => state === 'up');
  const least = Math.min(...hosts.map(({ preference }) => preference));
  const firsts = up.filter(({ preference }) => preference === least).flatMap(openOf);
  if (firsts.length === 0) return [];
  return up
    .filter(({ preference }) => preference > least)
    .flatMap((backup): readonly AuditFinding[] => {
      const own = openOf(backup);
      const reasons = requirements
        .filter(([, isGood]) => firsts.every(isGood) && !own.every(isGood))
        .map(([reason]) => reason);
      if (reasons.length === 0) return [];
      return [
        found(
          'backup-weaker',
          backup.host,
          `${backup.host} (preference ${backup.preference}) ${reasons.join(', and ')}, unlike ${[...new Set(firsts.map(({ host }) => host))].join(', ')} (preference ${least}).`,
          [...firsts, ...own].map(shown),
        ),
      ];
    });
}

const openOf = ({ services }: HostState): readonly ServiceAudit[] => services.filter(({ reach }) => reach === 'open');

const hasTls = ({ starttls }: ServiceAudit): boolean => starttls === 'offered';

/** Requirements that a backup may miss. Without TLS, the certificate is not judged. */
const requirements: readonly (readonly [string, (service: ServiceAudit) => boolean])[] = [
  ['does not offer working TLS', hasTls],
  [
    'has an invalid certificate',
    (service) => {
      const certificate = service.session?.certificate;
      if (!hasTls(service) || certificate === undefined) return true;
      return certificate.nameMatches && certificate.chain === 'valid';
    },
  ],
  ['is an open relay', ({ relay = [] }) => !relay.some(({ accepted }) => accepted)],
];

function shown({ host, address, port, preference, starttls, session, relay = [] }: ServiceAudit): string {
  const certificate = session?.certificate;
  const accepted = relay.filter((form) => form.accepted).length;
  return [
    `${host}[${address}]:${port} preference ${preference ?? '?'}: TLS ${starttls ?? 'unknown'}`,
    ...(certificate === undefined
      ? []
      : [`certificate ${certificate.chain}, name ${certificate.nameMatches ? 'matches' : 'does not match'}`]),
    ...(accepted > 0 ? [`relays ${accepted} forms`] : []),
  ].join('; ');
}
