import type { Entry, Policy } from '../core/index.ts';
import { assertUniqueIds } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type { AuthFacts, ConnectFacts, DataFacts, HeloFacts, MailFacts, RcptFacts, SmtpStages } from './facts.ts';
import { isRelayCheck, type RelayCheck } from './relay.ts';

/** The rules of an SMTP policy, as an author writes them. */
export interface SmtpRules<E = Env> {
  /**
   * Who may send to where. It has no default, because the wrong one is an open relay. It is judged first at RCPT, and
   * nothing else in the policy can widen it.
   */
  readonly relay: RelayCheck<E> | 'decided-by-the-server';
  readonly connect?: readonly Entry<ConnectFacts, E>[] | undefined;
  readonly helo?: readonly Entry<HeloFacts, E>[] | undefined;
  /** Asked when the client names a mechanism, before any secret has crossed the wire. */
  readonly auth?: readonly Entry<AuthFacts, E>[] | undefined;
  readonly mail?: readonly Entry<MailFacts, E>[] | undefined;
  readonly rcpt?: readonly Entry<RcptFacts, E>[] | undefined;
  readonly data?: readonly Entry<DataFacts, E>[] | undefined;
}

declare const policyMark: unique symbol;

/**
 * A policy that says who may relay. Made only by `smtpPolicy()`; a copy with other rules is none.
 *
 * The mark has the shape of a stage without rules, so that `evaluate` can tell the stages from the type.
 */
export type SmtpPolicy<E = Env> = Policy<SmtpStages, E> & { readonly [policyMark]: readonly never[] };

const made = new WeakSet<object>();
const stages = ['connect', 'helo', 'auth', 'mail', 'rcpt', 'data'] as const;

/**
 * Puts a policy together: relay control stands before every other rule at RCPT, so no `permit` can step over it.
 *
 * Its rules may ask what `Env` has. Where they need more, say so: `smtpPolicy<Env & Users>({ … })`.
 *
 * @throws TypeError where `relay` is missing or is no relay control, for an unknown stage, and where two rules have the same id
 *
 * @example
 * ```ts
 * import { smtpPolicy } from 'postern/smtp';
 * import { relayControl } from 'postern/checks/relay-control';
 *
 * export const policy = smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }) });
 * ```
 */
export function smtpPolicy<E = Env>(rules: SmtpRules<NoInfer<E>>): SmtpPolicy<E> {
  const { relay, ...others } = rules;
  if (relay !== 'decided-by-the-server' && !isRelayCheck(relay))
    throw new TypeError(
      "smtpPolicy: relay must be relayControl({ … }), or 'decided-by-the-server' where the server itself decides it",
    );
  for (const stage of Object.keys(others)) {
    if (!(stages as readonly string[]).includes(stage))
      throw new TypeError(`smtpPolicy: ${JSON.stringify(stage)} is no stage; allowed: relay, ${stages.join(', ')}`);
  }
  const policy: Policy<SmtpStages, E> =
    relay === 'decided-by-the-server' ? { ...others } : { ...others, rcpt: [relay, ...(others.rcpt ?? [])] };
  for (const stage of stages) {
    const entries = policy[stage];
    if (entries !== undefined && !Array.isArray(entries))
      throw new TypeError(`smtpPolicy: ${stage} must be a list of rules`);
    if (entries !== undefined) Object.freeze(entries);
  }
  assertUniqueIds(policy);
  made.add(policy);
  return Object.freeze(policy) as SmtpPolicy<E>;
}

/** Whether the policy was made by `smtpPolicy()` and so has been asked who may relay. */
export const isSmtpPolicy = (policy: object): boolean => made.has(policy);
