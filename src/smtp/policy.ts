import type { Entry, Policy, PolicyWarning } from '../core/index.ts';
import { assertUniqueIds, leavesOf, warningsOf } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type {
  AuthenticatedDataFacts,
  AuthFacts,
  ConnectFacts,
  DataFacts,
  HeloFacts,
  MailFacts,
  RcptFacts,
  SmtpStages,
} from './facts.ts';
import type { BanRule, MessageAuthenticator, SessionLimitRule } from './parts.ts';
import { isRelayCheck, type RelayCheck } from './relay.ts';

/** The rules of an SMTP policy, as an author writes them. */
export interface SmtpRules<E = Env, Data extends DataFacts = DataFacts> {
  /**
   * Who may send to where. It has no default, because the wrong one is an open relay. It is judged first at RCPT, and
   * nothing else in the policy can widen it.
   */
  readonly relay: RelayCheck<E> | 'decided-by-the-server';
  readonly connect?: readonly Entry<ConnectFacts, E>[];
  readonly helo?: readonly Entry<HeloFacts, E>[];
  /** Asked when the client names a mechanism, before any secret has crossed the wire. */
  readonly auth?: readonly Entry<AuthFacts, E>[];
  readonly mail?: readonly Entry<MailFacts, E>[];
  readonly rcpt?: readonly Entry<RcptFacts, E>[];
  readonly data?: readonly Entry<Data, E>[];
  /**
   * Who is banned for what it does again and again: rules that a session shows every decision to, and what none decides
   * (wrong credentials, commands that were none). `banAfter()` of `postern/checks/connection-limits` makes them.
   */
  readonly bans?: readonly BanRule[];
  /**
   * What one session may do: limits that the session looks at before every command. A client that has reached one is
   * answered 421, and the connection is closed. `sessionLimits()` of `postern/checks/connection-limits` makes them.
   */
  readonly limits?: readonly SessionLimitRule[];
}

/** Rules of which those at `data` may ask what the message proves: `facts.authentication`. */
export interface AuthenticatingRules<E = Env> extends SmtpRules<E, AuthenticatedDataFacts> {
  /** How a message is authenticated: `authenticator()` of `postern/checks/message-authentication`. */
  readonly authentication: MessageAuthenticator<E>;
}

declare const policyMark: unique symbol;

/**
 * A policy that says who may relay. Made only by `smtpPolicy()`; a copy with other rules is none.
 *
 * `Data` is what its rules at `data` want to know; a policy that authenticates nothing is also one that may.
 *
 * The mark has the shape of a stage without rules, so that `evaluate` can tell the stages from the type.
 */
export type SmtpPolicy<E = Env, Data extends DataFacts = DataFacts> = Policy<
  Omit<SmtpStages, 'data'> & { readonly data: Data },
  E
> & {
  readonly [policyMark]: readonly never[];
  /** Flags that no score adds up, and thresholds that no sum can reach. Print them when the server starts. */
  readonly warnings: readonly PolicyWarning[];
};

/** A policy that a session can be held to, whether or not it authenticates messages. */
export type SessionPolicy<E = Env> = SmtpPolicy<E, AuthenticatedDataFacts>;

/** What belongs to a policy and is no stage. */
export interface PolicyParts<E = Env> {
  readonly authentication: MessageAuthenticator<E> | undefined;
  readonly bans: readonly BanRule[];
  readonly limits: readonly SessionLimitRule[];
}

const made = new WeakMap<object, PolicyParts<never>>();
const stages = ['connect', 'helo', 'auth', 'mail', 'rcpt', 'data'] as const;

/**
 * Puts a policy together: relay control stands before every other rule at RCPT, so no `permit` can step over it.
 *
 * Its rules may ask what `Env` has. Where they need more, say so: `smtpPolicy<Env & Users>({ … })`. Rules at `data` may ask
 * for `facts.authentication` where `authentication` says how it is found out.
 *
 * `warnings` of the policy lists what has no effect: print them when the server starts.
 *
 * @throws {TypeError} if `relay` is missing or not a relay control, for an unknown stage, if two rules have the same id, for
 *   an authenticator or a ban rule that is not one, and for a weight that no score adds up
 *
 * @example
 * ```ts
 * import { smtpPolicy } from 'postern/smtp';
 * import { relayControl } from 'postern/checks/relay-control';
 *
 * export const policy = smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }) });
 * ```
 */
export function smtpPolicy<E = Env>(rules: AuthenticatingRules<NoInfer<E>>): SmtpPolicy<E, AuthenticatedDataFacts>;
export function smtpPolicy<E = Env>(rules: SmtpRules<NoInfer<E>>): SmtpPolicy<E>;
export function smtpPolicy<E>(
  rules: SmtpRules<E, AuthenticatedDataFacts> & { readonly authentication?: MessageAuthenticator<E> },
): SmtpPolicy<E, AuthenticatedDataFacts> {
  const { relay, authentication, bans = [], limits = [], ...others } = rules;
  if (relay !== 'decided-by-the-server' && !isRelayCheck(relay))
    throw new TypeError(
      "smtpPolicy: relay must be relayControl({ … }), or 'decided-by-the-server' where the server itself decides it",
    );
  if (authentication !== undefined && typeof authentication?.authenticate !== 'function')
    throw new TypeError('smtpPolicy: authentication must be made by authenticator({ … })');
  if (!Array.isArray(bans) || bans.some((rule) => typeof rule?.feed !== 'function'))
    throw new TypeError('smtpPolicy: bans must be a list of rules made by banAfter({ … })');
  if (!Array.isArray(limits) || limits.some((rule) => typeof rule?.exceeded !== 'function'))
    throw new TypeError('smtpPolicy: limits must be a list of rules made by sessionLimits({ … })');
  for (const stage of Object.keys(others)) {
    if (!(stages as readonly string[]).includes(stage))
      throw new TypeError(
        `smtpPolicy: ${JSON.stringify(stage)} is no stage; allowed: relay, ${stages.join(', ')}, authentication, bans, limits`,
      );
  }
  const policy: Policy<Omit<SmtpStages, 'data'> & { readonly data: AuthenticatedDataFacts }, E> =
    relay === 'decided-by-the-server' ? { ...others } : { ...others, rcpt: [relay, ...(others.rcpt ?? [])] };
  for (const stage of stages) {
    const entries = policy[stage];
    if (entries !== undefined && !Array.isArray(entries))
      throw new TypeError(`smtpPolicy: ${stage} must be a list of rules`);
    // A limit among the rules of a stage would not be looked at once relay control has refused a recipient.
    if (leavesOf((entries ?? []) as never).some(({ check }) => 'exceeded' in check))
      throw new TypeError(`smtpPolicy: sessionLimits() belongs to limits: [sessionLimits()], not to ${stage}`);
    if (entries !== undefined) Object.freeze(entries);
  }
  assertUniqueIds({ ...policy, limits: limits as never });
  const warnings = Object.freeze(warningsOf('smtpPolicy', policy));
  // Not enumerable: the keys of a policy are its stages.
  Object.defineProperty(policy, 'warnings', { value: warnings });
  made.set(policy, {
    authentication,
    bans: Object.freeze([...bans]),
    limits: Object.freeze([...limits]),
  } as PolicyParts<never>);
  return Object.freeze(policy) as unknown as SmtpPolicy<E, AuthenticatedDataFacts>;
}

/** Whether the policy was made by `smtpPolicy()` and so has been asked who may relay. */
export const isSmtpPolicy = (policy: object): boolean => made.has(policy);

/** What the policy says besides its stages; for a session. */
export const policyParts = <E>(policy: SessionPolicy<E>): PolicyParts<E> =>
  (made.get(policy) as PolicyParts<E> | undefined) ?? { authentication: undefined, bans: [], limits: [] };
