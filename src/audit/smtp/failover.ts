import type { RedundancyReport } from '../../checks/mx-redundancy/index.ts';
import { type AuditFinding, found } from '../finding.ts';
import type { ServiceAudit } from '../report.ts';
import { isTrusted } from '../tls/index.ts';

/** What is so of one host, over all its addresses. */
interface HostState {
  readonly host: string;
  readonly preference: number;
  readonly services: readonly ServiceAudit[];
  /** `up`: it greets on one address at least; `unknown`: it refuses this client, or there is no way to it from here. */
  readonly state: 'up' | 'down' | 'unknown';
}

/**
 * Whether mail still flows with each MX host in turn taken as down, and whether those that stand in are as good.
 *
 * Where no MX host at all can be reached, that is one finding of the domain (`smtp-all-unreachable`, or
 * `smtp-blocked-here` where nothing came back from anywhere): drop the `smtp-unreachable` of each host then.
 *
 * @param domain in A-labels
 * @param MX hosts every address that was talked to
 * @param redundancy what the DNS says
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
        `None of the ${hosts.length} MX hosts answers, and none refuses: this network seems to let nobody out to their port.`,
        lines,
      ),
    ];
  if (mxHosts.every(({ reach }) => reach === 'timeout' || reach === 'refused' || reach === 'unreachable'))
    return [
      found(
        'smtp-all-unreachable',
        domain,
        hosts.length === 1
          ? `The only MX host of ${domain} cannot be reached.`
          : `None of the ${hosts.length} MX hosts of ${domain} can be reached.`,
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

/** It may talk to others: it refused this client for now (RFC 5321 §4.2.1), or for a reason of policy. */
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
      `With ${only.host} down, no mail flows: of the ${hosts.length} MX hosts that the DNS names, it is the only one that greets.`,
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
      const reasons = lacks
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

/** What a backup may lack. Without TLS nothing is said of its certificate. */
const lacks: readonly (readonly [string, (service: ServiceAudit) => boolean])[] = [
  ['does not offer TLS that works', hasTls],
  [
    'shows a certificate that is not valid',
    (service) => {
      const certificate = service.session?.certificate;
      if (!hasTls(service) || certificate === undefined) return true;
      // OpenSSL names a date where it is the fault.
      return certificate.nameMatches && isTrusted(certificate) && certificate.chain === 'valid';
    },
  ],
  ['relays for strangers', ({ relay = [] }) => !relay.some(({ taken }) => taken)],
];

function shown({ host, address, port, preference, starttls, session, relay = [] }: ServiceAudit): string {
  const certificate = session?.certificate;
  const taken = relay.filter((form) => form.taken).length;
  return [
    `${host}[${address}]:${port} preference ${preference ?? '?'}: TLS ${starttls ?? 'unknown'}`,
    ...(certificate === undefined
      ? []
      : [`certificate ${certificate.chain}, name ${certificate.nameMatches ? 'matches' : 'does not match'}`]),
    ...(taken > 0 ? [`relays ${taken} forms`] : []),
  ].join('; ');
}
