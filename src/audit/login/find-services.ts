import type { RedundancyHost } from '../../checks/mx-redundancy/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { addressScope, parseIp, prefixHas } from '../../net/index.ts';
import type { AuditContext } from '../context.ts';
import type { RecordsAudit, ServiceAudit, ServiceName } from '../report.ts';
import type { LoginTarget } from './probe.ts';

/** Names that clients guess, and what they expect there. */
const usualNames: readonly (readonly [string, readonly ServiceName[]])[] = [
  ['mail', ['submission', 'submissions', 'imap', 'imaps', 'pop3', 'pop3s', 'managesieve']],
  ['imap', ['imap', 'imaps', 'managesieve']],
  ['pop', ['pop3', 'pop3s']],
  ['pop3', ['pop3', 'pop3s']],
  ['smtp', ['submission', 'submissions']],
  ['submission', ['submission', 'submissions']],
];
/** Services that are looked at for one domain. */
const MAX_TARGETS = 100;

/** The best reason first: where clients are sent, what was asked for, what they guess. */
const reasons: readonly ServiceAudit['because'][] = ['srv', 'given', 'usual-name', 'mx'];

interface Candidate {
  readonly service: Exclude<ServiceName, 'smtp'>;
  readonly host: string;
  readonly port: number;
  readonly because: ServiceAudit['because'];
}

/** Where the domain's users may log in: each address and port once, with all its names. */
export async function findServices(
  domain: string,
  known: {
    readonly exchangers: readonly RedundancyHost[];
    readonly srv: NonNullable<RecordsAudit['srv']>;
  },
  context: AuditContext,
): Promise<readonly LoginTarget[]> {
  const { settings, dns, signal } = context;
  const wanted = Object.entries(settings.ports).filter(
    (entry): entry is [Exclude<ServiceName, 'smtp'>, number] => entry[0] !== 'smtp' && entry[1] !== undefined,
  );
  const candidates: Candidate[] = [];
  for (const { service, target, port } of known.srv) {
    const given = wanted.find(([name]) => name === service);
    if (service !== 'smtp' && given !== undefined)
      candidates.push({ service, host: target, port: settings.portsGiven ? given[1] : port, because: 'srv' });
  }
  const everywhere = (host: string, because: Candidate['because'], services?: readonly ServiceName[]): void => {
    for (const [service, port] of wanted)
      if (services === undefined || services.includes(service)) candidates.push({ service, host, port, because });
  };
  for (const host of settings.hosts) everywhere(host, 'given');
  for (const { host, provider, state } of known.exchangers)
    if (provider === undefined && state === 'usable') everywhere(host, 'mx');
  // Under a wildcard every name exists, and none says anything.
  const wildcard = `postern-${Buffer.from(context.randomBytes(6)).toString('hex')}.${domain}`;
  if (wanted.length > 0 && (await addressesOf(wildcard)).length === 0)
    for (const [label, services] of usualNames) everywhere(`${label}.${domain}`, 'usual-name', services);

  async function addressesOf(host: string): Promise<readonly IpAddress[]> {
    const [v4, v6] = await Promise.all([dns.resolve(host, 'A', { signal }), dns.resolve(host, 'AAAA', { signal })]);
    const texts = [
      ...(v4.status === 'found' ? v4.records.map(({ address }) => address) : []),
      ...(v6.status === 'found' ? v6.records.map(({ address }) => address) : []),
    ];
    return texts.flatMap((text) => {
      const ip = parseIp(text);
      return ip !== undefined && isPublic(ip, context) ? [ip] : [];
    });
  }
  const hosts = new Map(
    await Promise.all(
      [...new Set(candidates.map(({ host }) => host))].map(
        async (host): Promise<readonly [string, readonly IpAddress[]]> => [host, await addressesOf(host)],
      ),
    ),
  );
  const places = new Map<string, Candidate[]>();
  for (const candidate of candidates)
    for (const address of hosts.get(candidate.host) ?? []) {
      const place = `${address} ${candidate.port}`;
      const own = places.get(place);
      if (own === undefined) places.set(place, [candidate]);
      else own.push(candidate);
    }
  return [...places].slice(0, MAX_TARGETS).flatMap(([place, own]) => {
    const [best] = own.sort((a, b) => reasons.indexOf(a.because) - reasons.indexOf(b.because));
    if (best === undefined) return [];
    const named = (...because: readonly Candidate['because'][]): string[] => [
      ...new Set(own.filter((one) => because.includes(one.because)).map(({ host }) => host)),
    ];
    return [
      {
        ...best,
        domain,
        address: place.slice(0, place.indexOf(' ')),
        required: named('srv', 'given'),
        names: named('usual-name', 'mx'),
      },
    ];
  });
}

/** Addresses that nobody else can mean; what is private is not connected to unless it was named. */
function isPublic(address: IpAddress, { settings }: AuditContext): boolean {
  return addressScope(address) === 'public' || settings.publicPrefixes.some((prefix) => prefixHas(prefix, address));
}
