/**
 * What follows from a decision besides the reply: bans, and charges that wait until the mail is accepted.
 *
 * **Knows**: decisions, as plain data. **Asks**: `env.counters` and `env.bans`.
 *
 * @module
 */
import type { Decision } from '../core/index.ts';
import type { Ban, Env } from '../env/index.ts';
import type { ConnectFacts } from './facts.ts';
import type { BanRule, Offence } from './parts.ts';

/**
 * Counts a decision, or an offence that no rule decides, against ban rules. A session does this with the `bans` of its
 * policy; a host without a session calls it after every decision.
 *
 * Never throws: the error of a predicate or a store is reported to `onError`, and nobody is banned because of it.
 *
 * @returns the ban that follows; if there are several, the one that lasts longest
 *
 * @example
 * ```ts
 * import { banAfter } from 'postern/checks/connection-limits';
 * import type { Decision } from 'postern/core';
 * import type { Env } from 'postern/env';
 * import { type ConnectFacts, feedBans } from 'postern/smtp';
 *
 * const rules = [banAfter({ failures: 20, of: 'unknown-recipient' })];
 * export const onDecision = (decision: Decision, facts: ConnectFacts, env: Env) => feedBans(rules, decision, facts, env);
 * export const onWrongPassword = (facts: ConnectFacts, env: Env) => feedBans(rules, 'auth-failure', facts, env);
 * ```
 */
export async function feedBans(
  rules: readonly BanRule[],
  what: Decision | Offence,
  facts: Pick<ConnectFacts, 'client'>,
  env: Pick<Env, 'counters' | 'bans'>,
  onError?: (error: unknown) => void,
): Promise<Ban | undefined> {
  let longest: Ban | undefined;
  for (const rule of rules) {
    try {
      const times = rule.counts(what);
      if (times === 0) continue;
      const ban = await rule.feed(times, facts, env);
      if (ban !== undefined && (longest === undefined || ban.until > longest.until)) longest = ban;
    } catch (error) {
      onError?.(error);
    }
  }
  return longest;
}

/**
 * Makes the charges in `afterwards` of the findings of one transaction, once its message is accepted. A session does this by
 * itself; a host without a session calls it. Decisions that refused, and rules in shadow, charge nothing.
 *
 * @returns the number of charges
 */
export async function chargeAccepted(
  decisions: Decision | readonly Decision[],
  { counters }: Pick<Env, 'counters'>,
): Promise<number> {
  let made = 0;
  for (const decision of 'action' in decisions ? [decisions] : decisions) {
    if (decision.action === 'defer' || decision.action === 'reject') continue;
    for (const { finding, shadow } of decision.outcomes) {
      const { afterwards = [] } = finding;
      if (shadow || afterwards.length === 0) continue;
      await counters.chargeAll(afterwards);
      made += afterwards.length;
    }
  }
  return made;
}
