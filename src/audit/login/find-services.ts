import { knownProviders, providerOf, type RedundancyHost } from '../../checks/mx-redundancy/index.ts';
import type { DnsAnswer, RecordType } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
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
/** Addresses of one host. */
const MAX_ADDRESSES = 8;

/** The best reason first: where clients are sent, what was asked for, what they guess. */
const reasons: readonly ServiceAudit['because'][] = ['srv', 'given', 'usual-name', 'mx'];

interface Candidate {
  readonly service: Exclude<ServiceName, 'smtp'>;
  readonly host: string;
  readonly port: number;
  readonly because: ServiceAudit['because'];
}

/** What the DNS says of a host. */
interface Host {
  readonly addresses: readonly IpAddress[];
  readonly alias?: string;
}

/**
 * Where the domain's users may log in: each address and port once, with all its names. Never rejects.
 *
 * Hosts of a provider are looked at only where the domain sends its users there, or where they were given: what they do is
 * not the domain's. What is not public is never connected to, unless it was named (`publicNetworks`).
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
  const nobody = `postern-${Buffer.from(context.randomBytes(6)).toString('hex')}.${domain}`;
  const guesses = usualNames.map(([label, services]) => ({ host: `${label}.${domain}`, services }));
  const names = [...new Set([...candidates, ...guesses].map(({ host }) => host)), nobody];
  const hosts = new Map(
    await Promise.all(names.map(async (host): Promise<readonly [string, Host]> => [host, await lookAt(host, context)])),
  );
  // Under a wildcard every name exists: one that leads where all do says nothing.
  const everybody = new Set(hosts.get(nobody)?.addresses);
  for (const { host, services } of guesses) {
    const own = hosts.get(host);
    if (own !== undefined && !foreign(host, own) && !own.addresses.every((address) => everybody.has(address)))
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

/** The addresses of a host that may be connected to. What the DNS does not say in time is not there. */
async function lookAt(host: string, context: AuditContext): Promise<Host> {
  const [v4, v6, cname] = await Promise.all([
    ask(host, 'A', context),
    ask(host, 'AAAA', context),
    ask(host, 'CNAME', context),
  ]);
  const texts = [
    ...(v4?.status === 'found' ? v4.records.map(({ address }) => address) : []),
    ...(v6?.status === 'found' ? v6.records.map(({ address }) => address) : []),
  ];
  const addresses = texts.flatMap((text) => {
    const ip = parseIp(text);
    return ip !== undefined && mayBeAsked(ip, context) ? [ip] : [];
  });
  return {
    addresses: [...new Set(addresses)].slice(0, MAX_ADDRESSES),
    alias: cname?.status === 'found' ? cname.records[0]?.name.toLowerCase().replace(/\.$/, '') : undefined,
  };
}

function ask<T extends RecordType>(
  name: string,
  type: T,
  { dns, clock, settings, signal }: AuditContext,
): Promise<DnsAnswer<T> | undefined> {
  return new Promise((resolve) => {
    const control = new AbortController();
    const end = (answer: DnsAnswer<T> | undefined): void => {
      cancel();
      withdraw();
      resolve(answer);
    };
    const giveUp = (): void => {
      end(undefined);
      control.abort();
    };
    const cancel = clock.after(settings.timeoutMs, giveUp);
    const withdraw = onAbort(signal, giveUp);
    try {
      dns.resolve(name, type, { signal: control.signal }).then(end, () => end(undefined));
    } catch {
      end(undefined);
    }
  });
}

/** What is private is somebody else's wherever the audit runs. */
const mayBeAsked = (address: IpAddress, { settings }: AuditContext): boolean =>
  addressScope(address) === 'public' || settings.publicPrefixes.some((prefix) => prefixHas(prefix, address));
