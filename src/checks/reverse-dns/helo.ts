import type { Answer, Check } from '../../core/index.ts';
import { assertKnownOptions, defineCheck, fail, flag, pass, proceed, reject, temperror } from '../../core/index.ts';
import type { ForwardConfirmed } from '../../dns/index.ts';
import { addressList, domainList, forwardConfirm } from '../../dns/index.ts';
import type { DnsAnswer, Env } from '../../env/index.ts';
import type { DomainName, IpAddress } from '../../net/index.ts';
import { ipVersion, isFullyQualified, organizationalDomain, parseDomain, parseIp } from '../../net/index.ts';
import type { HeloFacts } from '../../smtp/facts.ts';

/** The state of a HELO name: the first that applies. */
export type HeloState =
  /** The name is neither a domain name nor an address literal. */
  | 'syntax'
  /** The name is this server's own name or address. */
  | 'claims-us'
  /** The literal is the client's address. */
  | 'literal-matches'
  /** The literal is another address. */
  | 'literal-differs'
  /** A single label, an IP address without brackets, or characters that are invalid in host names. */
  | 'not-qualified'
  /** The name resolves to the client. */
  | 'resolves'
  /** It does not, but it is a confirmed reverse DNS name of the client. */
  | 'same-name-as-ptr'
  /** It has the same organisational domain as a confirmed reverse DNS name. */
  | 'same-organization-as-ptr'
  /** It resolves to other addresses. */
  | 'resolves-elsewhere'
  /** It does not exist or has no address. */
  | 'unresolvable'
  /** A DNS lookup failed. */
  | 'no-answer';

/** The result for a HELO name. */
export interface HeloFound {
  readonly name: string;
  readonly state: HeloState;
  /** The first few addresses that it resolves to. */
  readonly addresses?: readonly string[];
  /** Why a lookup failed. */
  readonly reason?: string;
}

/** Options of {@link heloIdentity}. */
export interface HeloOptions {
  /** This server's own host names, in addition to the server name of the session. Default: none. */
  readonly ownNames?: readonly string[];
  /** This server's own addresses. Default: none. */
  readonly ownAddresses?: readonly string[];
}

interface OwnIdentity {
  readonly names: ReadonlySet<string>;
  readonly addresses: ReadonlySet<string>;
}

/** Options of {@link heloCheck}. */
export interface HeloCheckOptions extends HeloOptions {
  /** Aborts the lookups. */
  readonly signal?: AbortSignal;
}

/**
 * Checks a HELO name, without a policy.
 *
 * @throws {TypeError} if an option is wrong
 */
export const heloCheck = (
  helo: HeloFacts['helo'],
  ip: IpAddress,
  env: Pick<Env, 'dns'>,
  options: HeloCheckOptions = {},
): Promise<HeloFound> => judgeHelo(helo, ip, env, readOwn('heloCheck', options, ['signal']), options.signal);

async function judgeHelo(
  { name, domain, literal }: HeloFacts['helo'],
  ip: IpAddress,
  env: Pick<Env, 'dns'>,
  own: OwnIdentity,
  signal: AbortSignal | undefined,
): Promise<HeloFound> {
  const shown = name.slice(0, 255);
  if (literal !== undefined) {
    if (literal === ip) return { name: shown, state: 'literal-matches' };
    return { name: shown, state: own.addresses.has(literal) ? 'claims-us' : 'literal-differs' };
  }
  if (domain === undefined) return { name: shown, state: 'syntax' };
  // The server itself may use its own name, from its own address.
  if (own.names.has(domain) && !own.addresses.has(ip)) return { name: shown, state: 'claims-us' };
  if (!isFullyQualified(domain)) return { name: shown, state: 'not-qualified' };

  const forward: Promise<DnsAnswer<'A' | 'AAAA'>> = env.dns.resolve(domain, ipVersion(ip) === 4 ? 'A' : 'AAAA', {
    signal,
  });
  // Looked up in parallel, although it matters only if the name does not resolve to the client.
  const reverse = forwardConfirm(ip, env, { signal });
  // An error is thrown where the result is awaited, which may not happen.
  reverse.catch(() => {});
  const answer = await forward;
  const addresses = answer.status === 'found' ? answer.records.map(({ address }) => address) : [];
  if (addresses.some((address) => parseIp(address) === ip)) return { name: shown, state: 'resolves' };
  const { confirmed, result }: ForwardConfirmed = await reverse;
  if (confirmed.includes(domain)) return { name: shown, state: 'same-name-as-ptr' };
  const organization = organizationalDomain(domain);
  const seen = addresses.length === 0 ? {} : { addresses: addresses.slice(0, 4) };
  if (confirmed.some((other: DomainName) => organizationalDomain(other) === organization))
    return { name: shown, state: 'same-organization-as-ptr', ...seen };
  if (answer.status === 'temperror') return { name: shown, state: 'no-answer', reason: answer.reason };
  if (result === 'temperror') return { name: shown, state: 'no-answer', reason: 'no answer for the reverse DNS' };
  return { name: shown, state: addresses.length > 0 ? 'resolves-elsewhere' : 'unresolvable', ...seen };
}

/** See {@link heloIdentity}. */
export type HeloResult = 'pass' | 'softfail' | 'fail' | 'temperror';

/**
 * Checks whether the HELO name belongs to the client.
 *
 * By recommendation, only a name with invalid syntax is refused (501 5.5.2); the rest adds to the score: RFC 5321 §4.1.4
 * forbids refusing mail merely because the name does not verify.
 *
 * | state | result |
 * | --- | --- |
 * | `resolves`, `literal-matches`, `same-name-as-ptr`, `same-organization-as-ptr` | `pass` |
 * | `not-qualified`, `literal-differs`, `claims-us`, `resolves-elsewhere`, `unresolvable` | `softfail` |
 * | `syntax` | `fail` |
 * | `no-answer` | `temperror` |
 *
 * @throws {TypeError} if an option is wrong
 */
export function heloIdentity(
  options: HeloOptions = {},
): Check<
  Pick<HeloFacts, 'client' | 'helo'> & { readonly session?: { readonly serverName?: string } },
  Pick<Env, 'dns'>,
  HeloResult,
  HeloFound
> {
  const own = readOwn('heloIdentity', options);
  return defineCheck<
    Pick<HeloFacts, 'client' | 'helo'> & { readonly session?: { readonly serverName?: string } },
    Pick<Env, 'dns'>,
    HeloResult,
    HeloFound
  >(
    'helo',
    async ({ client, helo, session }, env, signal): Promise<Answer<HeloResult, HeloFound>> => {
      const serverName = session?.serverName === undefined ? undefined : parseDomain(session.serverName);
      const us = serverName === undefined ? own : { ...own, names: new Set([...own.names, serverName]) };
      const found = await judgeHelo(helo, client.ip, env, us, signal);
      return answerOf(found);
    },
    { softfail: flag(1), fail: reject(), temperror: proceed },
    { earliest: 'helo' },
  );
}

function answerOf(found: HeloFound): Answer<HeloResult, HeloFound> {
  const detail = found;
  const soft = { result: 'softfail', detail } as const;
  switch (found.state) {
    case 'resolves':
    case 'literal-matches':
    case 'same-name-as-ptr':
    case 'same-organization-as-ptr':
      return pass({ detail });
    case 'syntax':
      return fail({
        status: '5.2',
        cause: 'helo-syntax',
        explanation: 'HELO name is neither a domain name nor an address literal',
        detail,
      });
    case 'not-qualified':
      return {
        ...soft,
        status: '5.2',
        cause: 'helo-not-qualified',
        explanation: 'HELO name is not a fully qualified host name',
      };
    case 'literal-differs':
      return { ...soft, status: '7.1', explanation: 'HELO address is not the client address' };
    case 'claims-us':
      return { ...soft, status: '7.1', explanation: 'HELO name is the name of this server' };
    case 'resolves-elsewhere':
      return { ...soft, status: '7.1', explanation: 'HELO name does not resolve to the client' };
    case 'unresolvable':
      return { ...soft, status: '7.1', explanation: 'HELO name does not resolve' };
    case 'no-answer':
      return temperror({ status: '4.3', explanation: 'HELO name could not be looked up', detail });
  }
}

function readOwn(owner: string, options: HeloOptions, more: readonly string[] = []): OwnIdentity {
  assertKnownOptions(owner, options, ['ownNames', 'ownAddresses', ...more]);
  return {
    names: domainList(owner, 'ownNames', options.ownNames),
    addresses: addressList(owner, 'ownAddresses', options.ownAddresses),
  };
}
