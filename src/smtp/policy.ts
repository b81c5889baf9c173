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

/** What rules at `data` may ask for: with an authenticator also what the message proves. */
export type DataFactsOf<A> = [A] extends [undefined] ? DataFacts : AuthenticatedDataFacts;

/** The rules of an SMTP policy, as an author writes them. `A` is the type of its authenticator. */
export interface SmtpRules<E = Env, A = MessageAuthenticator<E> | undefined> {
  /**
   * Who may send mail to whom. There is no default, because a wrong one is an open relay. It is judged first at RCPT, and no
   * other rule can allow what it refuses.
   */
  readonly relay: RelayCheck<E> | 'decided-by-the-server';
  readonly connect?: readonly Entry<ConnectFacts, E>[];
  readonly helo?: readonly Entry<HeloFacts, E>[];
  /** Evaluated when the client names a mechanism, before it sends a secret. */
  readonly auth?: readonly Entry<AuthFacts, E>[];
  readonly mail?: readonly Entry<MailFacts, E>[];
  readonly rcpt?: readonly Entry<RcptFacts, E>[];
  readonly data?: readonly Entry<DataFactsOf<A>, E>[];
  /**
   * How a message is authenticated: `authenticator()` of `postern/checks/message-authentication`. Rules at `data` can then ask
   * for `facts.authentication`. Default: messages are not authenticated.
   */
  readonly authentication?: A;
  /**
   * Which clients are banned: rules that count every decision, and offences that no rule decides (wrong credentials, unknown
   * commands). `banAfter()` of `postern/checks/connection-limits` makes them. Default: none.
   */
  readonly bans?: readonly BanRule[];
  /**
   * Limits of one session, which are checked before every command. A client that has reached one gets 421, and the connection
   * is closed. `sessionLimits()` of `postern/checks/connection-limits` makes them. Default: none.
   */
  readonly limits?: readonly SessionLimitRule[];
}

declare const policyMark: unique symbol;

/**
 * A policy that decides who may relay. Only `smtpPolicy()` makes one; a copy with other rules is not a policy.
 *
 * `Data` is the facts that its rules at `data` need. A policy without an authenticator can be used where one with an
 * authenticator is expected.
 *
 * The type of the mark is that of a stage without rules, so that `evaluate` can read the stages from the type.
 */
export type SmtpPolicy<E = Env, Data extends DataFacts = DataFacts> = Policy<
  Omit<SmtpStages, 'data'> & { readonly data: Data },
  E
> & {
  readonly [policyMark]: readonly never[];
  /** Flags that no score adds up, and thresholds that no sum can reach. Print them when the server starts. */
  readonly warnings: readonly PolicyWarning[];
};

/** A policy for a session, with or without an authenticator. */
export type SessionPolicy<E = Env> = SmtpPolicy<E, AuthenticatedDataFacts>;

/** The parts of a policy that are not stages. */
export interface PolicyParts<E = Env> {
  readonly authentication: MessageAuthenticator<E> | undefined;
  readonly bans: readonly BanRule[];
  readonly limits: readonly SessionLimitRule[];
}

const made = new WeakMap<object, PolicyParts<never>>();
const stages = ['connect', 'helo', 'auth', 'mail', 'rcpt', 'data'] as const;

/**
 * Makes a policy. Relay control is evaluated before every other rule at RCPT, so that no `permit` can bypass it.
 *
 * Rules may use what `Env` has. If they need more, name it: `smtpPolicy<Env & Users>({ … })`. With an authenticator besides, name
 * its type too: `smtpPolicy<Env & Users, MessageAuthenticator<Env & Users>>({ … })`.
 *
 * `warnings` of the policy lists rules without effect. Print them when the server starts.
 *
 * @throws {TypeError} if `relay` is missing or not a relay control, if a stage is unknown, if two rules have the same id, if an
 *   authenticator, a limit or a ban rule is not one, or if no score adds up a weight
 *
 * @example
 * ```ts
 * import { smtpPolicy } from 'postern/smtp';
 * import { relayControl } from 'postern/checks/relay-control';
 *
 * export const policy = smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }) });
 * ```
 */
export function smtpPolicy<E = Env, A extends MessageAuthenticator<E> | undefined = undefined>(
  rules: SmtpRules<NoInfer<E>, A>,
): SmtpPolicy<E, DataFactsOf<A>> {
  const { relay, authentication, bans = [], limits = [], ...others } = rules;
  if (relay !== 'decided-by-the-server' && !isRelayCheck(relay))
    throw new TypeError(
      "smtpPolicy: relay must be relayControl({ … }), or 'decided-by-the-server' if the server itself controls relaying",
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
        `smtpPolicy: unknown stage ${stage} (known: relay, ${stages.join(', ')}, authentication, bans, limits)`,
      );
  }
  const policy: Policy<Omit<SmtpStages, 'data'> & { readonly data: DataFactsOf<A> }, E> =
    relay === 'decided-by-the-server' ? { ...others } : { ...others, rcpt: [relay, ...(others.rcpt ?? [])] };
  for (const stage of stages) {
    const entries = policy[stage];
    if (entries !== undefined && !Array.isArray(entries))
      throw new TypeError(`smtpPolicy: ${stage} must be a list of rules`);
    // A limit among the rules of a stage would not be checked once relay control has refused a recipient.
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
  return Object.freeze(policy) as unknown as SmtpPolicy<E, DataFactsOf<A>>;
}

/** Whether the policy was made by `smtpPolicy()`, so that it decides who may relay. */
export const isSmtpPolicy = (policy: object): boolean => made.has(policy);

/** Returns the parts of a policy that are not stages. */
export const policyParts = <E>(policy: SessionPolicy<E>): PolicyParts<E> =>
  (made.get(policy) as PolicyParts<E> | undefined) ?? { authentication: undefined, bans: [], limits: [] };
