/**
 * Where a domain takes its mail.
 *
 * **Answers**: which hosts take mail for this domain, which of them can be reached by an address, and where can none?
 * **Knows**: a domain name. **Asks**: `dns`: MX, then A and AAAA of the targets at the same time; A and AAAA of the
 * domain itself where it has no MX.
 * **Standards**: RFC 5321 §5.1 (MX, and the implicit MX), RFC 7505 (null MX), RFC 2181 §10.3 (an MX is no alias).
 * **Limits**: the first 20 targets are looked at. A look-up that fails, and a target beyond the 20, never count as "there is
 * none". It connects to no host.
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
  /** Where such an address means anything; `public`: everywhere. */
  readonly scope: AddressScope;
}

/** A host that takes mail for a domain, or should. */
export interface MxHost {
  /** The target of the MX record, in lower case without the trailing dot; the domain itself where the MX is implicit. */
  readonly host: string;
  readonly preference: number;
  /**
   * - `usable`: it has a public address
   * - `not-public`: it has addresses, and none of them is public
   * - `no-address`: its name does not exist, or has no address
   * - `no-answer`: the DNS did not say
   * - `address-literal`: the target is an IP address, which an MX record cannot name (RFC 5321 §5.1)
   * - `no-host-name`: the target is no name of a host
   * - `not-examined`: it was not looked at
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
  /** A look-up of one address family failed, so that there may be more addresses. */
  readonly partial?: true;
  /** The name does not exist at all, rather than having no address. */
  readonly nonexistent?: true;
  readonly reason?: string;
}

/** Where a domain takes its mail: a row of the table of MX states. */
export interface MailHosts {
  readonly domain: DomainName;
  /**
   * - `usable`: at least one target has a public address
   * - `implicit`: there is no MX, and the domain itself has a public address (RFC 5321 §5.1)
   * - `null-mx`: the domain takes no mail (RFC 7505)
   * - `none-usable`: there are MX records, and no target has an address
   * - `not-public`: every address is one that the Internet cannot reach, or an IP address stands for a name
   * - `no-host`: the domain has neither MX nor address; `nxdomain` says whether it exists
   * - `no-answer`: the DNS did not answer, or there are more targets than were looked at
   */
  readonly state: 'usable' | 'implicit' | 'null-mx' | 'none-usable' | 'not-public' | 'no-host' | 'no-answer';
  /** In order of preference. */
  readonly mxHosts: readonly MxHost[];
  /** A null MX stands beside other records, which RFC 7505 §3 forbids. */
  readonly nullMixed: boolean;
  /** The preference of the null MX, which should be 0 (RFC 7505 §3). */
  readonly nullPreference?: number;
  /** The domain does not exist. */
  readonly nxdomain: boolean;
  /** The addresses of the domain itself stand for an MX. */
  readonly implicit: boolean;
  /** Why the state is `no-answer`. */
  readonly reason?: string;
}

/** Options of {@link mailHosts}. */
export interface MailHostsOptions {
  readonly signal?: AbortSignal;
  /** `first-usable`: stop as soon as mail could go somewhere; `all` (the default): look at every target. */
  readonly look?: 'all' | 'first-usable';
  /** How many targets are looked at. Default: 20. */
  readonly most?: number;
  /** Prefixes that count as public although they are not, for tests and private networks. */
  readonly publicNetworks?: readonly Prefix[];
}

/** How many targets are looked at; the most that occurs in practice is about a dozen. */
const MAX_TARGETS = 20;

/** The scope of an address as mail sees it. */
function scopeOf(address: IpAddress, publicNetworks: readonly Prefix[] = []): AddressScope {
  return publicNetworks.some((prefix) => prefixHas(prefix, address)) ? 'public' : addressScope(address);
}

/** Finds out where a domain takes its mail. Never rejects. */
export async function mailHosts(
  domain: DomainName,
  env: Pick<Env, 'dns'>,
  options: MailHostsOptions = {},
): Promise<MailHosts> {
  const { signal } = options;
  const base = { domain, nullMixed: false, nxdomain: false, implicit: false, mxHosts: [] };
  const mx = await env.dns.resolve(domain, 'MX', { signal });
  if (mx.status === 'temperror') return { ...base, state: 'no-answer', reason: mx.reason };
  // RFC 8020: below and at a name that does not exist there is nothing.
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
  // RFC 7505 §3: a null MX stands alone. Where it does not, what stands beside it is judged.
  if (hosts.length === 0) return { ...base, state: 'null-mx', nullPreference: targets[0]?.preference };
  const nullMixed = hosts.length < targets.length;
  const mxHosts = await lookAtAll(hosts, env, options);
  const has = (state: MxHost['state']): boolean => mxHosts.some((mxHost) => mxHost.state === state);
  const found = { ...base, nullMixed, mxHosts };
  if (has('usable')) return { ...found, state: 'usable' };
  // A target that nothing is known about might have been usable.
  const unknown = mxHosts.find(({ state }) => state === 'no-answer');
  if (unknown !== undefined) return { ...found, state: 'no-answer', reason: unknown.reason };
  if (has('not-examined')) {
    return {
      ...found,
      state: 'no-answer',
      reason: `more than ${MAX_TARGETS} MX hosts, and none of the first is usable`,
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
  // The same host may stand twice; it is asked for once.
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
  return { ...base, state: 'no-address', ...(nonexistent ? { nonexistent } : {}) };
}
