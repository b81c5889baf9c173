import type { Check, Result } from '../../core/index.ts';
import { assertKnownOptions, defineCheck, flag, oneOf, proceed, wrongOption } from '../../core/index.ts';
import type { Env } from '../../env/index.ts';
import { assertMailauth } from '../../mailauth/index.ts';
import { printMailbox } from '../../net/index.ts';
import type { MailFacts } from '../../smtp/facts.ts';
import type { CheckHostOptions } from './check-host.ts';
import { assertOptions, checkHost, checkHostOptionNames } from './check-host.ts';
import type { SpfOutcome } from './outcome.ts';

/** Options of {@link spf}. */
export interface SpfOptions extends Omit<CheckHostOptions, 'signal'> {
  /**
   * `mailfrom`: the sender's domain, or the HELO name for the null reverse-path (RFC 7208 §2.4). `helo`: always the HELO name
   * (§2.3); the rule's id is then `spf/helo`. Default: `mailfrom`.
   */
  readonly identity?: 'mailfrom' | 'helo';
  /** Whether a refusal quotes the explanation that the domain publishes (§6.2). Default: true. */
  readonly quoteExplanation?: boolean;
  /** Part of the rule's id, to distinguish several uses of the check. Default: none, or `helo`. */
  readonly label?: string;
}

/** The facts that SPF needs. */
export type SpfFacts = Pick<MailFacts, 'client' | 'helo' | 'reversePath'>;
export type SpfEnv = Pick<Env, 'dns' | 'clock'>;

/** Limit of a quoted explanation in characters: it must fit into a reply line. */
const MAX_QUOTED = 250;

/**
 * Checks whether the client may send for the sender's domain.
 *
 * Recommended: `fail` adds 2 to the score, `softfail` and `permerror` add 1, `temperror` proceeds. If the domain publishes
 * DMARC, its own policy covers failures. To refuse because of SPF alone: `on(spf(), { fail: reject() })`. To defer:
 * `on(spf(), { temperror: defer() })`.
 *
 * @throws {TypeError} if an option is wrong
 * @throws {Error} if the runtime has none of Node's builtins
 */
export function spf(options: SpfOptions = {}): Check<SpfFacts, SpfEnv, Result, SpfOutcome> {
  assertKnownOptions('spf', options, [
    'identity',
    'quoteExplanation',
    'label',
    ...checkHostOptionNames.filter((name) => name !== 'signal'),
  ]);
  const { identity: chosen = 'mailfrom', quoteExplanation = true, label: given, ...rest } = options;
  const identity = oneOf('spf', 'identity', chosen, ['mailfrom', 'helo']);
  const label = given ?? (identity === 'helo' ? 'helo' : undefined);
  if (typeof quoteExplanation !== 'boolean')
    throw wrongOption('spf', 'quoteExplanation', 'true or false', quoteExplanation);
  assertOptions('spf', rest);
  assertMailauth('spf');
  return defineCheck(
    'spf',
    async ({ client, helo, reversePath }: SpfFacts, env: SpfEnv, signal: AbortSignal) => {
      const mailFrom = identity === 'helo' || reversePath === null ? null : printMailbox(reversePath);
      const outcome = await checkHost({ ip: client.ip, helo: helo.name, mailFrom }, env, { ...rest, signal });
      const { result, domain, identity: checked } = outcome;
      const property = checked === 'helo' ? 'smtp.helo' : 'smtp.mailfrom';
      return {
        ...reasonOf(outcome, client.ip, quoteExplanation),
        result,
        authentication: [{ method: 'spf', result, properties: [[property, domain]] }],
        detail: outcome,
      };
    },
    { softfail: flag(1), fail: flag(2), permerror: flag(1), temperror: proceed },
    { earliest: 'mail', label },
  );
}

/** Returns the status code, cause and explanation of an outcome. */
function reasonOf(
  outcome: SpfOutcome,
  ip: string,
  quote: boolean,
): { status?: '7.23' | '7.24'; cause?: string; explanation?: string } {
  const { domain, identity } = outcome;
  const subject = identity === 'helo' ? `HELO name ${domain}` : domain;
  switch (outcome.result) {
    case 'fail': {
      const said = outcome.explanation;
      // RFC 7208 §8.4: the text must be attributed to the domain.
      const quoted = quote && said !== undefined ? `; the domain explains: ${said.slice(0, MAX_QUOTED)}` : '';
      return {
        status: '7.23',
        cause: 'spf-fail',
        explanation: `Client host [${ip}] is not allowed to send mail for ${subject} (SPF fail)${quoted}`,
      };
    }
    case 'softfail':
      return {
        status: '7.23',
        cause: 'spf-fail',
        explanation: `Client host [${ip}] is probably not allowed to send mail for ${subject} (SPF softfail)`,
      };
    case 'temperror':
      return { status: '7.24', cause: 'spf-error', explanation: `SPF record of ${subject} could not be looked up` };
    case 'permerror':
      return { status: '7.24', cause: 'spf-error', explanation: `SPF record of ${subject} is invalid` };
    default:
      return {};
  }
}
