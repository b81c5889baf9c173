import type { Check, Result } from '../../core/index.ts';
import { defineCheck, flag, proceed } from '../../core/index.ts';
import type { Env } from '../../env/index.ts';
import { assertMailauth } from '../../mailauth/index.ts';
import { printMailbox } from '../../net/index.ts';
import type { MailFacts } from '../../smtp/facts.ts';
import type { CheckHostOptions, SpfOutcome } from './check-host.ts';
import { assertOptions, checkHost } from './check-host.ts';

export interface SpfOptions extends Omit<CheckHostOptions, 'signal'> {
  /**
   * `mailfrom`, where not given: the sender's domain, or the HELO name where the reverse-path is null (RFC 7208 §2.4).
   * `helo`: the HELO name, whatever the sender is (§2.3); the rule's id is then `spf/helo`.
   */
  readonly identity?: 'mailfrom' | 'helo';
  /** Whether a refusal quotes the explanation that the domain publishes (§6.2); true. */
  readonly quoteExplanation?: boolean;
  /** Tells this use of the check from others in ids. */
  readonly label?: string;
}

/** The facts that SPF is about. */
export type SpfFacts = Pick<MailFacts, 'client' | 'helo' | 'reversePath'>;
export type SpfEnv = Pick<Env, 'dns' | 'clock'>;

/** A line of a reply has room for little more. */
const MAX_QUOTED = 250;

/**
 * The check: may this client send for this domain?
 *
 * Recommended: `fail` and `softfail` raise the score, `permerror` as well; `temperror` is passed over. Where a domain
 * publishes DMARC, its own policy says what becomes of a failure, so refusing because of SPF alone is opted into:
 * `on(spf(), { fail: reject() })`; deferring likewise: `on(spf(), { temperror: defer() })`.
 *
 * @throws {TypeError} if an option is wrong
 * @throws {Error} if the runtime has none of Node's builtins
 */
export function spf(options: SpfOptions = {}): Check<SpfFacts, SpfEnv, Result, SpfOutcome> {
  const {
    identity = 'mailfrom',
    label = identity === 'helo' ? 'helo' : undefined,
    quoteExplanation = true,
    ...rest
  } = options;
  assertOptions('spf', rest);
  assertMailauth('spf');
  if (identity !== 'mailfrom' && identity !== 'helo')
    throw new TypeError(`spf: identity ${JSON.stringify(identity)} must be "mailfrom" or "helo"`);
  return defineCheck(
    'spf',
    async ({ client, helo, reversePath }: SpfFacts, env: SpfEnv, signal: AbortSignal) => {
      const mailFrom = identity === 'helo' || reversePath === null ? null : printMailbox(reversePath);
      const outcome = await checkHost({ ip: client.ip, helo: helo.name, mailFrom }, env, { ...rest, signal });
      const { result, domain, identity: checked } = outcome;
      const property = checked === 'helo' ? 'smtp.helo' : 'smtp.mailfrom';
      return {
        ...spoken(outcome, client.ip, quoteExplanation),
        result,
        authentication: [{ method: 'spf', result, properties: [[property, domain]] }],
        detail: outcome,
      };
    },
    { softfail: flag(1), fail: flag(2), permerror: flag(1), temperror: proceed },
    { earliest: 'mail', label },
  );
}

function spoken(
  outcome: SpfOutcome,
  ip: string,
  quote: boolean,
): { status?: '7.23' | '7.24'; cause?: string; explanation?: string } {
  const { domain, identity } = outcome;
  const subject = identity === 'helo' ? `the HELO name ${domain}` : domain;
  switch (outcome.result) {
    case 'fail': {
      const said = outcome.explanation;
      // RFC 7208 §8.4: it must be clear whose words these are.
      const quoted = quote && said !== undefined ? `; the domain explains: ${said.slice(0, MAX_QUOTED)}` : '';
      return {
        status: '7.23',
        cause: 'spf-fail',
        explanation: `${ip} is not allowed to send for ${subject} (SPF fail)${quoted}`,
      };
    }
    case 'softfail':
      return {
        status: '7.23',
        cause: 'spf-fail',
        explanation: `${ip} is probably not allowed to send for ${subject} (SPF softfail)`,
      };
    case 'temperror':
      return { status: '7.24', cause: 'spf-error', explanation: `The SPF record of ${subject} could not be looked up` };
    case 'permerror':
      return { status: '7.24', cause: 'spf-error', explanation: `The SPF record of ${subject} is in error` };
    default:
      return {};
  }
}
