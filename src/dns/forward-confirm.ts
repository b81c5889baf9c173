/**
 * Forward-confirmed reverse DNS.
 *
 * **Answers**: which PTR names does this address have, and which of them resolve back to it?
 * **Knows**: an IP address. **Asks**: `dns`: PTR, then A or AAAA of all names in parallel.
 * **Standards**: RFC 8601 §3 (iprev) and §2.7.3 (its results), RFC 1034 §3.6.2.
 * **Limits**: at most ten names are resolved. A name that is not a host name is not resolved. Only addresses of the client's
 * own family are queried, since no others can match.
 *
 * @example
 * ```ts
 * import { forwardConfirm } from 'postern/dns';
 * import { parseIp } from 'postern/net';
 * import { zone } from 'postern/testing';
 *
 * const dns = zone({ '9.2.0.192.in-addr.arpa': { PTR: ['mx.example.org'] }, 'mx.example.org': { A: ['192.0.2.9'] } });
 * const { result, confirmed } = await forwardConfirm(parseIp('192.0.2.9')!, { dns }); // 'pass', ['mx.example.org']
 * ```
 *
 * @module
 */
import type { DnsAnswer, Env } from '../env/index.ts';
import type { AddressScope, DomainName, IpAddress } from '../net/index.ts';
import {
  addressScope,
  ipVersion,
  isFullyQualified,
  parseDomain,
  parseIp,
  parsePrefix,
  prefixHas,
  reverseName,
} from '../net/index.ts';

/** One PTR name and the result of resolving it. */
export interface ReverseNameDetail {
  /** The name in the PTR record, in lower case. */
  readonly name: string;
  /**
   * - `confirmed`: it resolves to the address
   * - `differs`: it resolves to other addresses
   * - `no-address`: it has no address of this family, or does not exist
   * - `no-answer`: the DNS lookup failed
   * - `no-host-name`: it is not a host name (an IP address, a single label, or invalid characters)
   */
  readonly state: 'confirmed' | 'differs' | 'no-address' | 'no-answer' | 'no-host-name';
  /** The first few addresses that it resolves to instead. */
  readonly addresses?: readonly string[];
}

/**
 * The result of forward-confirmed reverse DNS (RFC 8601 §2.7.3).
 *
 * - `pass`: a name of the address resolves to it
 * - `fail`: the address has names, but none of them resolves to it
 * - `permerror`: the address has no name
 * - `temperror`: a DNS lookup failed
 */
export interface ForwardConfirmed {
  readonly result: 'pass' | 'fail' | 'permerror' | 'temperror';
  /** The names that resolve to the address. */
  readonly confirmed: readonly DomainName[];
  readonly names: readonly ReverseNameDetail[];
  /** How many names were not resolved because of the limit. */
  readonly unexamined: number;
  /** Why a lookup failed, for `temperror`. */
  readonly reason?: string;
}

export interface ForwardConfirmOptions {
  readonly signal?: AbortSignal;
}

/** RFC 8601 §3 leaves the limit to the implementation. RFC 7208 §4.6.4 has the same limit for `ptr`. */
const MAX_NAMES = 10;
/** Limit of reported addresses of one name. */
const MAX_SHOWN = 4;

/** Looks up the PTR names of an address and resolves each of them. */
export async function forwardConfirm(
  ip: IpAddress,
  env: Pick<Env, 'dns'>,
  options: ForwardConfirmOptions = {},
): Promise<ForwardConfirmed> {
  const reverse = await env.dns.resolve(reverseName(ip), 'PTR', options);
  if (reverse.status === 'temperror')
    return { result: 'temperror', confirmed: [], names: [], unexamined: 0, reason: reverse.reason };
  if (reverse.status !== 'found' || reverse.records.length === 0)
    return { result: 'permerror', confirmed: [], names: [], unexamined: 0 };

  const all = [...new Set(reverse.records.map(({ name }) => name.toLowerCase().replace(/\.$/, '')))];
  const examined = all.slice(0, MAX_NAMES);
  const names = await Promise.all(examined.map((name) => examine(name, ip, env, options)));
  const confirmed = names.flatMap(({ state, name }) => (state === 'confirmed' ? [name as DomainName] : []));
  const unanswered = names.find(({ state }) => state === 'no-answer');
  return {
    // A name whose lookup failed might resolve to the address.
    result: confirmed.length > 0 ? 'pass' : unanswered === undefined ? 'fail' : 'temperror',
    confirmed,
    names: names.map(({ reason: _, ...detail }) => detail),
    unexamined: all.length - examined.length,
    reason: confirmed.length > 0 ? undefined : unanswered?.reason,
  };
}

async function examine(
  text: string,
  ip: IpAddress,
  env: Pick<Env, 'dns'>,
  options: ForwardConfirmOptions,
): Promise<ReverseNameDetail & { readonly reason?: string }> {
  const name = parseDomain(text);
  const shown = text.slice(0, 253);
  if (name === undefined || !isFullyQualified(name)) return { name: shown, state: 'no-host-name' };
  const answer: DnsAnswer<'A' | 'AAAA'> = await env.dns.resolve(name, ipVersion(ip) === 4 ? 'A' : 'AAAA', options);
  if (answer.status === 'temperror') return { name, state: 'no-answer', reason: answer.reason };
  if (answer.status !== 'found' || answer.records.length === 0) return { name, state: 'no-address' };
  const addresses = answer.records.map(({ address }) => address);
  if (addresses.some((address) => parseIp(address) === ip)) return { name, state: 'confirmed' };
  return { name, state: 'differs', addresses: addresses.slice(0, MAX_SHOWN) };
}

const localScopes: ReadonlySet<AddressScope> = new Set(['loopback', 'private', 'link-local', 'shared', 'multicast']);
const thisNetwork = parsePrefix('0.0.0.0/8');

/**
 * Returns whether an address has a meaning only on its own network: neither reverse DNS nor public DNS lists have data about
 * it.
 *
 * @internal
 */
export const isLocalAddress = (ip: IpAddress): boolean =>
  localScopes.has(addressScope(ip)) || prefixHas(thisNetwork, ip) || ip === '::';
