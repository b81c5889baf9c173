/**
 * **Answers**: what is the reply to these facts at this stage?
 *
 * **Knows**: a policy and the facts. **Asks**: what its rules ask. **Standards**: the codes of RFC 5321 and RFC 3463.
 * **Limits**: only this stage is evaluated, even if an earlier stage would refuse. For a whole session use
 * `playTranscript`.
 *
 * @example
 * ```ts
 * import { relayControl } from 'postern/checks/relay-control';
 * import { smtpPolicy } from 'postern/smtp';
 * import { quietEnv, replyTo } from 'postern/testing';
 *
 * const policy = smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }) });
 * console.log(await replyTo(policy, 'rcpt', { to: 'x@elsewhere.example' }, quietEnv())); // 550 5.7.1
 * ```
 *
 * @module
 */
import type { Decision } from '../core/index.ts';
import { evaluate } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type { AuthenticatedStages, SessionPolicy, SmtpStages } from '../smtp/index.ts';
import { smtpReply } from '../smtp/index.ts';
import type { FactsOver } from './facts.ts';
import { factsAt } from './facts.ts';

/**
 * Decides one stage for the given facts: for a test of the action, the deciding rule, the tags or the score.
 *
 * @throws {TypeError} for facts that no session can have
 *
 * @example
 * ```ts
 * import { dnsbl } from 'postern/checks/dnsbl';
 * import { smtpPolicy } from 'postern/smtp';
 * import { decisionAt, quietEnv, zone } from 'postern/testing';
 *
 * const policy = smtpPolicy({ relay: 'decided-by-the-server', rcpt: [dnsbl({ zone: 'zen.dnsbl.example', label: 'ZEN' })] });
 * const dns = zone({ '9.9.9.9.zen.dnsbl.example': { A: ['127.0.0.2'] } });
 * console.log(await decisionAt(policy, 'rcpt', { client: '9.9.9.9' }, quietEnv({ dns }))); // { action: 'reject', rule: 'dnsbl/zen', … }
 * ```
 */
export const decisionAt = <E extends Env = Env>(
  policy: SessionPolicy<E>,
  stage: keyof SmtpStages,
  over: FactsOver,
  env: E,
): Promise<Decision> =>
  evaluate<AuthenticatedStages, E, typeof stage>(policy as never, stage, factsAt(stage, over), env);

/** The options of `replyTo`. */
export interface ReplyToOptions {
  /** Whether the reply names the rule that refused: `550 5.7.1 (dnsbl/zen)`. Several rules share a code. Default: false. */
  readonly rule?: boolean;
}

/**
 * Returns the codes of the reply, `550 5.7.1`, or `null` if no rule refuses.
 *
 * @throws {TypeError} for facts that no session can have
 */
export async function replyTo<E extends Env = Env>(
  policy: SessionPolicy<E>,
  stage: keyof SmtpStages,
  over: FactsOver,
  env: E,
  { rule = false }: ReplyToOptions = {},
): Promise<string | null> {
  const decision = await decisionAt(policy, stage, over, env);
  const reply = smtpReply(decision, stage);
  if (reply === null) return null;
  const codes = `${reply.code} ${reply.enhanced}`.trim();
  return rule && 'rule' in decision ? `${codes} (${decision.rule})` : codes;
}
