import type { Answer, Check } from '../../core/index.ts';
import { defineCheck, fail, flag, pass, permerror, proceed, temperror } from '../../core/index.ts';
import type { ForwardConfirmed } from '../../dns/index.ts';
import { forwardConfirm } from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import type { AddressScope, IpAddress } from '../../net/index.ts';
import { addressScope } from '../../net/index.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';
import type { GenericName } from './generic-name.ts';
import { genericName } from './generic-name.ts';

/**
 * What reverse DNS says (RFC 8601 §2.7.3).
 *
 * - `pass`: a name of the address resolves to it
 * - `fail`: there are names, and none of them resolves to it
 * - `permerror`: the address has no name
 * - `temperror`: the DNS did not say
 * - `softfail`: as `pass`, but the name is one that a provider gives to a line, not to a mail server
 */
export type ReverseDnsResult = 'pass' | 'softfail' | 'fail' | 'permerror' | 'temperror' | 'none';

/** What was found, for the log. */
export interface ReverseDnsDetail extends Omit<ForwardConfirmed, 'result'> {
  /** How much the best name looks like one that is made from the address. */
  readonly generic?: GenericName;
}

/** Options of {@link reverseDns}. */
export interface ReverseDnsOptions {
  /**
   * From which score (0 to 1) a confirmed name that looks generic is a `softfail`; 0.7 where not given, and `false`
   * never.
   */
  readonly genericAt?: number | false;
}

/**
 * Who the address says it is: RFC 8601 §3, whatever kind of address it is.
 *
 * @param options `signal` gives up early
 */
export const iprev = (
  ip: IpAddress,
  env: Pick<Env, 'dns'>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ForwardConfirmed> => forwardConfirm(ip, env, options);

/** Networks whose addresses have no names that the world could confirm. */
const unnamed: ReadonlySet<AddressScope> = new Set(['loopback', 'private', 'link-local', 'shared', 'multicast']);

/**
 * Is the client who it says it is, by reverse DNS?
 *
 * Recommended: `fail`, `softfail` and `permerror` add 1 to the score, `temperror` proceeds. To refuse instead:
 * `on(reverseDns(), { fail: reject(), permerror: reject(), temperror: defer() })` answers 550 5.7.25 and 451 4.7.25.
 *
 * @throws TypeError for an option that is wrong
 */
export function reverseDns(
  options: ReverseDnsOptions = {},
): Check<Pick<ConnectFacts, 'client'>, Pick<Env, 'dns'>, ReverseDnsResult, ReverseDnsDetail> {
  const { genericAt = 0.7 } = options;
  if (genericAt !== false && !(genericAt > 0 && genericAt <= 1))
    throw new TypeError(`reverseDns: genericAt ${String(genericAt)} must be more than 0 and at most 1, or false`);
  return defineCheck<Pick<ConnectFacts, 'client'>, Pick<Env, 'dns'>, ReverseDnsResult, ReverseDnsDetail>(
    'reverse-dns',
    async ({ client: { ip } }, env, signal): Promise<Answer<ReverseDnsResult, ReverseDnsDetail>> => {
      if (unnamed.has(addressScope(ip))) return { result: 'none' };
      const { result, ...found } = await iprev(ip, env, { signal });
      const authentication = [{ method: 'iprev', result, properties: [['policy.iprev', ip]] }] as const;
      const because = { status: '7.25', cause: 'reverse-dns', authentication } as const;
      switch (result) {
        case 'permerror':
          return permerror({ ...because, explanation: `Client address ${ip} has no reverse DNS name`, detail: found });
        case 'temperror':
          return temperror({
            ...because,
            explanation: `Reverse DNS of ${ip} could not be looked up`,
            detail: found,
          });
        case 'fail':
          return fail({
            ...because,
            explanation: `No reverse DNS name of ${ip} resolves back to it`,
            detail: found,
          });
        case 'pass': {
          // The least generic of the names speaks for the client.
          const generic = found.confirmed
            .map((name) => genericName(name, ip))
            .reduce((best, next) => (next.score < best.score ? next : best));
          const detail = { ...found, generic };
          if (genericAt === false || generic.score < genericAt) return pass({ authentication, detail });
          return {
            result: 'softfail',
            ...because,
            explanation: `Reverse DNS name ${found.confirmed[0]} of ${ip} looks generic`,
            detail,
          };
        }
      }
    },
    { none: proceed, softfail: flag(1), fail: flag(1), permerror: flag(1), temperror: proceed },
    { earliest: 'connect' },
  );
}
