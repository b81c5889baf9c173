/**
 * **Answers**: what would be said at this stage, about these facts?
 *
 * **Knows**: a policy and the facts. **Asks**: what its rules ask. **Standards**: the codes of RFC 5321 and RFC 3463.
 * **Limits**: one stage by itself: what an earlier stage would have refused is not asked. For a whole session there is
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
import { evaluate } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type { AuthenticatedStages, SessionPolicy, SmtpStages } from '../smtp/index.ts';
import { smtpReply } from '../smtp/index.ts';
import type { FactsOver } from './facts.ts';
import { factsAt } from './facts.ts';

/**
 * The codes of the reply: `550 5.7.1`; `null` where there is no objection.
 *
 * @throws TypeError for facts that no session would know
 */
export async function replyTo<E extends Env = Env>(
  policy: SessionPolicy<E>,
  stage: keyof SmtpStages,
  over: FactsOver,
  env: E,
): Promise<string | null> {
  const decision = await evaluate<AuthenticatedStages, E, typeof stage>(
    policy as never,
    stage,
    factsAt(stage, over),
    env,
  );
  const reply = smtpReply(decision, stage);
  return reply === null ? null : `${reply.code} ${reply.enhanced}`.trim();
}
