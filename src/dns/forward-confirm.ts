/**
 * Reverse DNS, confirmed forward.
 *
 * **Answers**: which names does this address claim, and which of them claim it back?
 * **Knows**: an IP address. **Asks**: `dns`: PTR, then A or AAAA of every name at the same time.
 * **Standards**: RFC 8601 §3 (iprev) and §2.7.3 (its results), RFC 1034 §3.6.2.
 * **Limits**: the first ten names are examined; a name that is no host name is not looked up. Only addresses of the
 * client's own family are asked for, since no others can match.
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
import type { DomainName, IpAddress } from '../net/index.ts';
import { ipVersion, isFullyQualified, parseDomain, parseIp, reverseName } from '../net/index.ts';

/** One PTR name, and what became of it. */
export interface ReverseNameDetail {
  /** As the PTR record has it, in lower case. */
  readonly name: string;
  /**
   * - `confirmed`: it resolves to the address
   * - `differs`: it resolves, and not to the address
   * - `no-address`: it has no address of this family, or does not exist
   * - `no-answer`: the DNS did not say
   * - `no-host-name`: it is no name of a host (an IP address, one label, characters that host names do not have)
   */
  readonly state: 'confirmed' | 'differs' | 'no-address' | 'no-answer' | 'no-host-name';
  /** What it resolves to instead; the first few. */
  readonly addresses?: readonly string[];
}

/**
 * What reverse DNS says (RFC 8601 §2.7.3).
 *
 * - `pass`: a name of the address resolves to it
 * - `fail`: there are names, and none of them resolves to it
 * - `permerror`: the address has no name
 * - `temperror`: the DNS did not say
 */
export interface ForwardConfirmed {
  readonly result: 'pass' | 'fail' | 'permerror' | 'temperror';
  /** The names that resolve to the address. */
  readonly confirmed: readonly DomainName[];
  readonly names: readonly ReverseNameDetail[];
  /** Names beyond the limit, which were not examined. */
  readonly unexamined: number;
  /** What the resolver said, where that is why there is no result. */
  readonly reason?: string;
}

export interface ForwardConfirmOptions {
  readonly signal?: AbortSignal;
}

/** RFC 8601 §3 leaves the limit to the evaluator; RFC 7208 §4.6.4 has the same for its `ptr`. */
const MAX_NAMES = 10;
const MAX_SHOWN = 4;

/** Finds the names of an address and resolves each. */
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
    // A name that could not be looked up might have been the one.
    result: confirmed.length > 0 ? 'pass' : unanswered === undefined ? 'fail' : 'temperror',
    confirmed,
    names: names.map(({ reason: _, ...detail }) => detail),
    unexamined: all.length - examined.length,
    ...(confirmed.length > 0 || unanswered === undefined ? {} : { reason: unanswered.reason }),
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
