import type { Answer, Check } from '../../core/index.ts';
import {
  assertKnownOptions,
  defineCheck,
  fail,
  flag,
  pass,
  permerror,
  proceed,
  temperror,
  wrongOption,
} from '../../core/index.ts';
import type { ForwardConfirmed } from '../../dns/index.ts';
import { forwardConfirm, isLocalAddress } from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';
import type { GenericName } from './generic-name.ts';
import { genericName } from './generic-name.ts';

/**
 * The result of reverse DNS (RFC 8601 §2.7.3).
 *
 * - `pass`: a name of the address resolves to it
 * - `fail`: the address has names, but none of them resolves to it
 * - `permerror`: the address has no name
 * - `temperror`: a DNS lookup failed
 * - `softfail`: as `pass`, but the name looks like one that a provider assigns to a customer line
 * - `none`: a local or private address, which has no public name
 */
export type ReverseDnsResult = 'pass' | 'softfail' | 'fail' | 'permerror' | 'temperror' | 'none';

/** The PTR names and what they resolve to. */
export interface ReverseDnsDetail extends Omit<ForwardConfirmed, 'result'> {
  /** How generic the least generic confirmed name looks. */
  readonly generic?: GenericName;
}

/** Options of {@link reverseDns}. */
export interface ReverseDnsOptions {
  /** Score, above 0 and up to 1, from which a generic confirmed name is a `softfail`; `false` for never. Default: 0.7. */
  readonly genericAt?: number | false;
}

/**
 * Looks up the confirmed names of an address: `iprev` of RFC 8601 §3, for any kind of address.
 *
 * @param options `signal` aborts the lookups
 */
export const iprev = (
  ip: IpAddress,
  env: Pick<Env, 'dns'>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ForwardConfirmed> => forwardConfirm(ip, env, options);

/**
 * Checks whether a reverse DNS name of the client resolves back to it.
 *
 * Recommended: `fail`, `softfail` and `permerror` add 1 to the score, `temperror` proceeds. To refuse instead:
 * `on(reverseDns(), { fail: reject(), permerror: reject(), temperror: defer() })` answers 550 5.7.25 and 451 4.7.25.
 *
 * @throws {TypeError} if an option is wrong
 */
export function reverseDns(
  options: ReverseDnsOptions = {},
): Check<Pick<ConnectFacts, 'client'>, Pick<Env, 'dns'>, ReverseDnsResult, ReverseDnsDetail> {
  assertKnownOptions('reverseDns', options, ['genericAt']);
  const { genericAt = 0.7 } = options;
  if (genericAt !== false && !(typeof genericAt === 'number' && genericAt > 0 && genericAt <= 1))
    throw wrongOption('reverseDns', 'genericAt', 'a number above 0 and up to 1, or false', genericAt);
  return defineCheck<Pick<ConnectFacts, 'client'>, Pick<Env, 'dns'>, ReverseDnsResult, ReverseDnsDetail>(
    'reverse-dns',
    async ({ client: { ip } }, env, signal): Promise<Answer<ReverseDnsResult, ReverseDnsDetail>> => {
      if (isLocalAddress(ip)) return { result: 'none' };
      const { result, ...found } = await iprev(ip, env, { signal });
      const authentication = [{ method: 'iprev', result, properties: [['policy.iprev', ip]] }] as const;
      const because = { status: '7.25', cause: 'reverse-dns', authentication } as const;
      switch (result) {
        case 'permerror':
          return permerror({ ...because, explanation: `Client host [${ip}] has no reverse DNS name`, detail: found });
        case 'temperror':
          return temperror({
            ...because,
            explanation: `Reverse DNS of client host [${ip}] could not be looked up`,
            detail: found,
          });
        case 'fail':
          return fail({
            ...because,
            explanation: `No reverse DNS name of client host [${ip}] resolves back to it`,
            detail: found,
          });
        case 'pass': {
          // The least generic name counts.
          const generic = found.confirmed
            .map((name) => genericName(name, ip))
            .reduce((best, next) => (next.score < best.score ? next : best));
          const detail = { ...found, generic };
          if (genericAt === false || generic.score < genericAt) return pass({ authentication, detail });
          return {
            result: 'softfail',
            ...because,
            explanation: `Reverse DNS name ${found.confirmed[0]} of client host [${ip}] looks generic`,
            detail,
          };
        }
      }
    },
    { none: proceed, softfail: flag(1), fail: flag(1), permerror: flag(1), temperror: proceed },
    { earliest: 'connect' },
  );
}
