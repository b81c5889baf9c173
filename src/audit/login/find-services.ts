import { knownProviders, providerOf, type RedundancyHost } from '../../checks/mx-redundancy/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { addressScope, parseIp, prefixHas } from '../../net/index.ts';
import type { AuditContext } from '../context.ts';
import { type ProbeResolver, probeResolver } from '../records/index.ts';
import type { RecordsAudit, ServiceAudit, ServiceName } from '../report.ts';
import type { LoginTarget } from './probe.ts';

/** Host names that clients guess, and the services that they expect there. */
const usualNames: readonly (readonly [string, readonly ServiceName[]])[] = [
  ['mail', ['submission', 'submissions', 'imap', 'imaps', 'pop3', 'pop3s', 'managesieve']],
  ['imap', ['imap', 'imaps', 'managesieve']],
  ['pop', ['pop3', 'pop3s']],
  ['pop3', ['pop3', 'pop3s']],
  ['smtp', ['submission', 'submissions']],
  ['submission', ['submission', 'submissions']],
];
/** Maximum number of services checked for one domain. */
const MAX_TARGETS = 100;
/** Maximum number of addresses per host. */
const MAX_ADDRESSES = 8;

/** From the best reason to the worst: SRV records, hosts from the options, guessed names, MX hosts. */
const reasons: readonly ServiceAudit['because'][] = ['srv', 'given', 'usual-name', 'mx'];

interface Candidate {
  readonly service: Exclude<ServiceName, 'smtp'>;
  readonly host: string;
  readonly port: number;
  readonly because: ServiceAudit['because'];
}

/** DNS data of a host. */
interface Host {
  readonly addresses: readonly IpAddress[];
  readonly alias?: string;
}

/**
 * Finds the services that users of the domain may log in to: each address and port once, with all its names. Never rejects.
 *
 * Hosts of a provider are checked only if an SRV record or an option names them: otherwise they are not the domain's
 * concern. Addresses that are not public are skipped, unless `publicNetworks` contains them.
 */
export async function findServices(
  domain: string,
  known: {
    readonly mxHosts: readonly RedundancyHost[];
    readonly srv: NonNullable<RecordsAudit['srv']>;
  },
  context: AuditContext,
): Promise<readonly LoginTarget[]> {
  const { settings } = context;
  const wanted = Object.entries(settings.ports).filter(
    (entry): entry is [Exclude<ServiceName, 'smtp'>, number] => entry[0] !== 'smtp' && entry[1] !== undefined,
  );
  if (wanted.length === 0) return [];
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
  for (const { host, provider, state } of known.mxHosts)
    if (provider === undefined && state === 'usable') everywhere(host, 'mx');

  const providers = [...settings.providers, ...knownProviders];
  const foreign = (host: string, { alias }: Host): boolean =>
    providerOf(alias ?? host, providers) !== undefined || providerOf(host, providers) !== undefined;
  const unknownName = `postern-${Buffer.from(context.randomBytes(6)).toString('hex')}.${domain}`;
  const guesses = usualNames.map(([label, services]) => ({ host: `${label}.${domain}`, services }));
  const names = [...new Set([...candidates, ...guesses].map(({ host }) => host)), unknownName];
  const dns = probeResolver(context);
  const hosts = new Map(
    await Promise.all(
      names.map(async (host): Promise<readonly [string, Host]> => [host, await resolveHost(host, dns, context)]),
    ),
  );
  // A wildcard record answers for every name: a guessed name with the same addresses proves nothing.
  const wildcard = new Set(hosts.get(unknownName)?.addresses);
  for (const { host, services } of guesses) {
    const own = hosts.get(host);
    if (own !== undefined && !foreign(host, own) && !own.addresses.every((address) => wildcard.has(address)))
      everywhere(host, 'usual-name', services);
  }

  const places = new Map<string, Candidate[]>();
  for (const candidate of candidates)
    for (const address of hosts.get(candidate.host)?.addresses ?? []) {
      const place = `${address} ${candidate.port}`;
      const own = places.get(place);
      if (own === undefined) places.set(place, [candidate]);
      else own.push(candidate);
    }
  return [...places]
    .flatMap(([place, all]): LoginTarget[] => {
      const own = [...all].sort(byReason);
      const [best] = own;
      if (best === undefined) return [];
      const named = (...because: readonly Candidate['because'][]): string[] => [
        ...new Set(own.filter((one) => because.includes(one.because)).map(({ host }) => host)),
      ];
      const address = place.slice(0, place.indexOf(' '));
      return [{ ...best, domain, address, required: named('srv', 'given'), names: named('usual-name', 'mx') }];
    })
    .sort(byReason)
    .slice(0, MAX_TARGETS);
}

const byReason = (a: Pick<Candidate, 'because'>, b: Pick<Candidate, 'because'>): number =>
  reasons.indexOf(a.because) - reasons.indexOf(b.because);

/** Returns the addresses of a host that the audit may connect to. A failed query counts as no address. */
async function resolveHost(host: string, dns: ProbeResolver, context: AuditContext): Promise<Host> {
  const [v4, v6, cname] = await Promise.all([
    dns.resolve(host, 'A'),
    dns.resolve(host, 'AAAA'),
    dns.resolve(host, 'CNAME'),
  ]);
  const texts = [
    ...(v4.status === 'found' ? v4.records.map(({ address }) => address) : []),
    ...(v6.status === 'found' ? v6.records.map(({ address }) => address) : []),
  ];
  const addresses = texts.flatMap((text) => {
    const ip = parseIp(text);
    return ip !== undefined && isReachable(ip, context) ? [ip] : [];
  });
  return {
    addresses: [...new Set(addresses)].slice(0, MAX_ADDRESSES),
    alias: cname.status === 'found' ? cname.records[0]?.name.toLowerCase().replace(/\.$/, '') : undefined,
  };
}

/** A private address belongs to a different host on the network of the audit. */
const isReachable = (address: IpAddress, { settings }: AuditContext): boolean =>
  addressScope(address) === 'public' || settings.publicPrefixes.some((prefix) => prefixHas(prefix, address));
