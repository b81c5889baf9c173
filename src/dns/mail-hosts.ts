/**
 * The hosts that accept mail for a domain.
 *
 * **Answers**: which hosts accept mail for this domain, and which of them have a public address?
 * **Knows**: a domain name. **Asks**: `dns`: MX, then A and AAAA of the targets in parallel; A and AAAA of the domain itself
 * if it has no MX.
 * **Standards**: RFC 5321 §5.1 (MX and implicit MX), RFC 7505 (null MX), RFC 2181 §10.3 (an MX target is not an alias).
 * **Limits**: at most 20 targets are resolved. A failed lookup, or a target beyond the 20, never counts as "no host". No host
 * is connected to.
 *
 * @example
 * ```ts
 * import { mailHosts } from 'postern/dns';
 * import { parseDomain } from 'postern/net';
 * import { zone } from 'postern/testing';
 *
 * const dns = zone({ 'example.org': { MX: [[10, 'mx.example.org']] }, 'mx.example.org': { A: ['192.0.2.1'] } });
 * const { state, mxHosts } = await mailHosts(parseDomain('example.org')!, { dns }); // 'usable'
 * ```
 *
 * @module
 */
import type { Env } from '../env/index.ts';
import type { AddressScope, DomainName, IpAddress, Prefix } from '../net/index.ts';
import { addressScope, parseDomain, parseIp, prefixHas } from '../net/index.ts';

/** One address of a mail host. */
export interface MxHostAddress {
  readonly address: IpAddress;
  /** Where the address is reachable. `public`: from the Internet. */
  readonly scope: AddressScope;
}

/** A host that accepts mail for a domain, or is supposed to. */
export interface MxHost {
  /** The target of the MX record in lower case without the trailing dot, or the domain itself if the MX is implicit. */
  readonly host: string;
  readonly preference: number;
  /**
   * - `usable`: it has a public address
   * - `not-public`: it has addresses, but none of them is public
   * - `no-address`: its name does not exist, or has no address
   * - `no-answer`: a DNS lookup failed
   * - `address-literal`: the target is an IP address, which an MX record cannot name (RFC 5321 §5.1)
   * - `no-host-name`: the target is not a host name
   * - `not-examined`: it was not resolved
   */
  readonly state:
    | 'usable'
    | 'not-public'
    | 'no-address'
    | 'no-answer'
    | 'address-literal'
    | 'no-host-name'
    | 'not-examined';
  readonly addresses: readonly MxHostAddress[];
  /** The lookup of one address family failed, so there may be more addresses. */
  readonly partial?: true;
  /** The name does not exist (as opposed to: has no address). */
  readonly nonexistent?: true;
  readonly reason?: string;
}

/** The mail hosts of a domain. */
export interface MailHosts {
  readonly domain: DomainName;
  /**
   * - `usable`: at least one MX host has a public address
   * - `implicit`: the domain has no MX record, but a public address of its own (RFC 5321 §5.1)
   * - `null-mx`: the domain accepts no mail (RFC 7505)
   * - `none-usable`: the domain has MX records, but no MX host has an address
   * - `not-public`: no address is reachable from the Internet, or the MX target is an IP address
   * - `no-host`: the domain has neither MX nor address; `nxdomain` is true if it does not exist
   * - `no-answer`: a DNS lookup failed, or there are more targets than were resolved
   */
  readonly state: 'usable' | 'implicit' | 'null-mx' | 'none-usable' | 'not-public' | 'no-host' | 'no-answer';
  /** In order of preference. */
  readonly mxHosts: readonly MxHost[];
  /** The domain has a null MX beside other MX records, which RFC 7505 §3 forbids. */
  readonly nullMixed: boolean;
  /** The preference of the null MX. It should be 0 (RFC 7505 §3). */
  readonly nullPreference?: number;
  /** The domain does not exist. */
  readonly nxdomain: boolean;
  /** The domain has no MX record, so its own addresses count. */
  readonly implicit: boolean;
  /** Why the state is `no-answer`. */
  readonly reason?: string;
}

/** Options of {@link mailHosts}. */
export interface MailHostsOptions {
  /** Aborts the lookups. */
  readonly signal?: AbortSignal;
  /** `first-usable` resolves the other targets only if the first one is unusable. Default: `all`. */
  readonly look?: 'all' | 'first-usable';
  /** Limit of resolved targets. Default: 20. */
  readonly most?: number;
  /** Prefixes that count as public although they are not, for tests and private networks. Default: none. */
  readonly publicNetworks?: readonly Prefix[];
}

/** Limit of resolved targets. Domains with more than a dozen are rare. */
const MAX_TARGETS = 20;

/** Returns the scope of an address, given the prefixes that count as public. */
function scopeOf(address: IpAddress, publicNetworks: readonly Prefix[] = []): AddressScope {
  return publicNetworks.some((prefix) => prefixHas(prefix, address)) ? 'public' : addressScope(address);
}

/** Looks up the mail hosts of a domain. Never rejects. */
export async function mailHosts(
  domain: DomainName,
  env: Pick<Env, 'dns'>,
  options: MailHostsOptions = {},
): Promise<MailHosts> {
  const { signal } = options;
  const base = { domain, nullMixed: false, nxdomain: false, implicit: false, mxHosts: [] };
  const mx = await env.dns.resolve(domain, 'MX', { signal });
  if (mx.status === 'temperror') return { ...base, state: 'no-answer', reason: mx.reason };
  // RFC 8020: a name that does not exist has no records of any type.
  if (mx.status === 'nxdomain') return { ...base, state: 'no-host', nxdomain: true };
  const records = mx.status === 'found' ? mx.records : [];
  if (records.length === 0) {
    const host = await lookAt(domain, 0, env, options);
    const found = { ...base, implicit: true, mxHosts: [host] };
    if (host.state === 'usable') return { ...found, state: 'implicit' };
    if (host.state === 'not-public') return { ...found, state: 'not-public' };
    if (host.state === 'no-answer') return { ...found, state: 'no-answer', reason: host.reason };
    return { ...base, state: 'no-host', nxdomain: host.nonexistent === true };
  }
  const targets = records
    .map(({ exchange, preference }) => ({ host: exchange.toLowerCase().replace(/\.$/, ''), preference }))
    .sort((a, b) => a.preference - b.preference);
  const hosts = targets.filter(({ host }) => host !== '');
  // RFC 7505 §3: a null MX must be the only MX record. If it is not, the others count.
  if (hosts.length === 0) return { ...base, state: 'null-mx', nullPreference: targets[0]?.preference };
  const nullMixed = hosts.length < targets.length;
  const mxHosts = await lookAtAll(hosts, env, options);
  const has = (state: MxHost['state']): boolean => mxHosts.some((mxHost) => mxHost.state === state);
  const found = { ...base, nullMixed, mxHosts };
  if (has('usable')) return { ...found, state: 'usable' };
  // An MX host whose lookup failed might be usable.
  const unknown = mxHosts.find(({ state }) => state === 'no-answer');
  if (unknown !== undefined) return { ...found, state: 'no-answer', reason: unknown.reason };
  if (has('not-examined')) {
    return {
      ...found,
      state: 'no-answer',
      reason: `more than ${MAX_TARGETS} MX hosts, and none of the first ${MAX_TARGETS} is usable`,
    };
  }
  if (has('not-public') || has('address-literal')) return { ...found, state: 'not-public' };
  return { ...found, state: 'none-usable' };
}

interface Target {
  readonly host: string;
  readonly preference: number;
}

async function lookAtAll(
  targets: readonly Target[],
  env: Pick<Env, 'dns'>,
  options: MailHostsOptions,
): Promise<readonly MxHost[]> {
  // The same host may occur twice. It is resolved once.
  const asked = new Map<string, Promise<MxHost>>();
  const look = ({ host, preference }: Target): Promise<MxHost> => {
    let found = asked.get(host);
    if (found === undefined) {
      found = lookAt(host, preference, env, options);
      asked.set(host, found);
    }
    return found.then((mxHost) => ({ ...mxHost, preference }));
  };
  const unexamined = ({ host, preference }: Target): MxHost => ({
    host,
    preference,
    state: 'not-examined',
    addresses: [],
  });
  const [first, ...rest] = targets;
  if (options.look === 'first-usable' && first !== undefined) {
    const best = await look(first);
    if (best.state === 'usable') return [best, ...rest.map(unexamined)];
  }
  const { most = MAX_TARGETS } = options;
  return Promise.all(targets.map((target, i) => (i < most ? look(target) : unexamined(target))));
}

async function lookAt(
  host: string,
  preference: number,
  env: Pick<Env, 'dns'>,
  { signal, publicNetworks }: MailHostsOptions,
): Promise<MxHost> {
  const base = { host, preference, addresses: [] };
  if (parseIp(host.replace(/^\[(ipv6:)?|\]$/gi, '')) !== undefined) return { ...base, state: 'address-literal' };
  if (parseDomain(host) === undefined) return { ...base, state: 'no-host-name' };
  const [v4, v6] = await Promise.all([
    env.dns.resolve(host, 'A', { signal }),
    env.dns.resolve(host, 'AAAA', { signal }),
  ]);
  const addresses = [v4, v6].flatMap((answer) =>
    answer.status === 'found'
      ? answer.records.flatMap(({ address }) => {
          const ip = parseIp(address);
          return ip === undefined ? [] : [{ address: ip, scope: scopeOf(ip, publicNetworks) }];
        })
      : [],
  );
  const failed = [v4, v6].find((answer) => answer.status === 'temperror');
  const reason = failed?.status === 'temperror' ? failed.reason : undefined;
  const partial = failed === undefined ? {} : { partial: true as const, reason };
  if (addresses.some(({ scope }) => scope === 'public')) return { ...base, state: 'usable', addresses, ...partial };
  if (failed !== undefined) return { ...base, state: 'no-answer', addresses, reason };
  if (addresses.length > 0) return { ...base, state: 'not-public', addresses };
  const nonexistent = v4.status === 'nxdomain' && v6.status === 'nxdomain';
  return nonexistent ? { ...base, state: 'no-address', nonexistent } : { ...base, state: 'no-address' };
}
