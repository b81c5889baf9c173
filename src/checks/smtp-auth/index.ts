/**
 * Access control for AUTH: mechanisms, budgets of failed logins, and who may send as whom.
 *
 * **Answers**: may this client try to log in, what follows from the login, and may it send as this sender?
 *
 * **Knows**: the listener's role, the client's address, the TLS layer, the mechanism that the client named; later the login's
 * name and the sender addresses.
 * **Asks**: counters, for failures that outlive a session; the clock, for delays. The host verifies passwords.
 *
 * **Standards**: RFC 4954 (AUTH), RFC 4422 (SASL), RFC 8314 and RFC 8997 (at least TLS 1.2), RFC 8265 (names).
 *
 * One function, `mechanismsFor`, decides what is offered and what is accepted. Failures are counted by session, by client
 * prefix (/32 /26 /21 and /64 /48 /32, with 1, 3 and 9 times the limit), and by client address and account together. An
 * address that has logged in at an account is known there, and failures of its neighbours do not affect it. An account is only
 * delayed, never locked, and one that does not exist is treated like one that does. A repeated wrong secret counts once; only
 * a digest of a secret is kept, under a key that does not leave the process.
 *
 * | before the login | result | reply |
 * | --- | --- | --- |
 * | the mechanism may be used | `pass` | |
 * | no TLS, on submission | `fail` | 530 5.7.0 |
 * | no TLS elsewhere, or TLS that is too old | `fail` | 538 5.7.11 |
 * | this listener accepts no logins | `fail` | 503 5.5.1 |
 * | the mechanism is not offered | `fail` | 504 5.5.4 |
 * | the session's budget is used up | `softfail` | 421 4.7.0, close |
 *
 * The outcome of the login is a rule of its own, `smtp-auth/login` ({@link loginOutcome}). `loginConsequences` changes its
 * verdicts.
 *
 * | outcome of the login | result | reply |
 * | --- | --- | --- |
 * | credentials accepted | `pass` | 235 |
 * | credentials wrong, or the account is unknown | `fail` | 535 5.7.8 |
 * | account disabled | `fail` | 525 5.7.13 |
 * | a budget is used up | `softfail` | 421 4.7.0, close |
 * | the credentials could not be verified | `temperror` | 454 4.7.0 |
 *
 * **Limits**: two attempts that are verified at the same moment in two processes can both take the last place of a shared
 * budget. Wrong SCRAM proofs cannot be compared, so each one counts.
 *
 * @example
 * ```ts
 * import { authenticationRequired, senderMatchesLogin, smtpAuth } from 'postern/checks/smtp-auth';
 * import { relayControl } from 'postern/checks/relay-control';
 * import { smtpPolicy } from 'postern/smtp';
 *
 * export const auth = smtpAuth({ mechanisms: ['SCRAM-SHA-256', 'PLAIN'] });
 * export const submission = smtpPolicy({
 *   relay: relayControl({ localDomains: ['example.com'] }),
 *   auth: [auth],
 *   mail: [authenticationRequired(), senderMatchesLogin({ senders: { bob: ['bob@example.com', '*@bob.example'] } })],
 * });
 * ```
 *
 * @module
 */
import type { Check } from '../../core/index.ts';
import {
  assertKnownOptions,
  defer,
  defineCheck,
  fail,
  none,
  pass,
  positiveNumber,
  reject,
  softfail,
} from '../../core/index.ts';
import type { AuthFacts, MailFacts, Role } from '../../smtp/facts.ts';
import type { BudgetEnv, BudgetName, BudgetOptions, Budgets } from './budgets.ts';
import { budgetOptions, checkedBudgets } from './budgets.ts';
import type { Login, LoginConsequences, LoginResult, Verification } from './login.ts';
import { login, loginRule } from './login.ts';
import type { MechanismFacts, MechanismOptions, MechanismProblem } from './mechanisms.ts';
import { checkedRoles, mechanismRules } from './mechanisms.ts';

export type { Attempt } from './account.ts';
export type { Admission, AttemptOutcome, BudgetEnv, BudgetName, BudgetOptions, Budgets } from './budgets.ts';
export { admitAfterDelay, authBudgets } from './budgets.ts';
export type {
  Login,
  LoginConsequences,
  LoginDetail,
  LoginFacts,
  LoginOutcome,
  LoginResult,
  Verification,
} from './login.ts';
export { loginOutcome } from './login.ts';
export type { MechanismFacts, MechanismOptions, MechanismProblem, MinimumTls } from './mechanisms.ts';
export type { SenderDetail, SenderOptions } from './sender.ts';
export { headerFromMatchesLogin, senderMatchesLogin } from './sender.ts';

// For the project only.

/** @internal */
export { canonicalAccount } from './account.ts';
/** @internal */
export { prefixesOf } from './budgets.ts';
/** @internal */
export { judgeLogin, loginRule } from './login.ts';

export interface SmtpAuthOptions extends MechanismOptions, BudgetOptions {
  /** Deadline of the host's verification, in milliseconds. Default: 30,000. */
  readonly verifyWithinMs?: number;
  /** How failed logins are refused. Default: see {@link LoginConsequences}. */
  readonly loginConsequences?: LoginConsequences;
}

/** Why a login may not begin. */
export interface AuthDetail {
  readonly mechanism: string;
  readonly because?: MechanismProblem | 'budget';
  readonly budget?: BudgetName;
  readonly retryAfterMs?: number;
}

/** Access control for AUTH: a check for the `auth` stage, with what a session needs to carry out a login. */
export interface SmtpAuth extends Check<AuthFacts, BudgetEnv, 'pass' | 'fail' | 'softfail', AuthDetail> {
  /** Returns the mechanisms that the client may use now, for the AUTH line of EHLO. If empty, the line is not sent. */
  mechanismsFor(facts: MechanismFacts): readonly string[];
  /**
   * Carries out a login once its credentials have been read: waits for the account's delay, calls `verify`, records the
   * outcome. Never rejects. `smtpReply(judge([outcome]), 'auth')` is the reply; `null` means 235. Report `error` of the result
   * to the operator.
   */
  login(
    attempt: Login,
    verify: (signal: AbortSignal) => Verification | Promise<Verification>,
    env: BudgetEnv,
    signal?: AbortSignal,
  ): Promise<LoginResult>;
  /** The budgets, for a host that verifies by itself: `admitAfterDelay` before, `record` after. */
  readonly budgets: Budgets;
}

/**
 * Creates access control for AUTH.
 *
 * @throws {TypeError} for a wrong or unknown option
 */
export function smtpAuth(options: SmtpAuthOptions = {}): SmtpAuth {
  const owner = 'smtpAuth';
  assertKnownOptions(owner, options, [
    'mechanisms',
    'roles',
    'minimumTls',
    'clearTextFrom',
    'channelBinding',
    ...budgetOptions,
    'verifyWithinMs',
    'loginConsequences',
  ]);
  const mechanisms = mechanismRules(options);
  const budgets = checkedBudgets(owner, options);
  const outcome = loginRule(`${owner}: loginConsequences`, options.loginConsequences);
  const { verifyWithinMs, minimumTls = 'TLSv1.2' } = options;
  if (verifyWithinMs !== undefined) positiveNumber(owner, 'verifyWithinMs', verifyWithinMs);

  const check = defineCheck(
    'smtp-auth',
    async (facts: AuthFacts, env: BudgetEnv) => {
      const mechanism = facts.attempt.mechanism.toUpperCase();
      const because = mechanisms.problem(mechanism, facts);
      if (because !== undefined) return refusal(because, mechanism, facts, minimumTls);
      const admission = await budgets.peek({ session: facts.session.id, client: facts.client.ip }, env);
      if (admission.allowed) return pass({ detail: { mechanism } as AuthDetail });
      const { budget, retryAfterMs } = admission;
      return softfail({
        cause: 'too-many-auth-failures',
        explanation: 'Too many failed logins; please try again later',
        detail: { mechanism, because: 'budget', budget, retryAfterMs } as AuthDetail,
      });
    },
    { fail: reject(), softfail: defer({ close: true }) },
  );
  return Object.freeze({
    ...check,
    mechanismsFor: mechanisms.available,
    login: (
      attempt: Login,
      verify: (signal: AbortSignal) => Verification | Promise<Verification>,
      env: BudgetEnv,
      signal?: AbortSignal,
    ): Promise<LoginResult> => login(outcome, budgets, attempt, verify, env, signal, verifyWithinMs),
    budgets,
  });
}

function refusal(because: MechanismProblem, mechanism: string, { session }: AuthFacts, minimumTls: string) {
  const refuse = (cause: string, explanation: string) =>
    fail({ cause, explanation, detail: { mechanism, because } as AuthDetail });
  switch (because) {
    case 'clear-text':
      return session.role === 'submission'
        ? refuse('starttls-required', STARTTLS_FIRST)
        : refuse('encryption-required', 'Encryption required for requested authentication mechanism');
    case 'tls-too-old':
      return refuse('encryption-required', `TLS ${minimumTls.slice('TLSv'.length)} or later is required`);
    case 'role':
      return refuse('auth-not-offered', 'Authentication is not offered here');
    case 'unknown':
      return refuse('mechanism-unknown', 'Unrecognized authentication type');
  }
}

/** RFC 3207 §4. */
const STARTTLS_FIRST = 'Must issue a STARTTLS command first';

export interface RequiredOptions {
  /** Listeners on which a login is required before MAIL (RFC 6409 §4.3). Default: `['submission']`. */
  readonly roles?: readonly Role[];
}

/**
 * Requires a login before MAIL. Refused with 530 5.7.0 (RFC 4954 §6; without TLS: RFC 3207 §4).
 *
 * @throws {TypeError} for an unknown role or option
 */
export function authenticationRequired(
  options: RequiredOptions = {},
): Check<Pick<MailFacts, 'session' | 'tls' | 'auth'>, object, 'pass' | 'none' | 'fail', { readonly role: Role }> {
  const owner = 'authenticationRequired';
  assertKnownOptions(owner, options, ['roles']);
  const roles = checkedRoles(owner, options.roles);
  return defineCheck(
    'authentication-required',
    ({ session: { role }, tls, auth }: Pick<MailFacts, 'session' | 'tls' | 'auth'>) => {
      const detail = { role };
      if (!roles.includes(role)) return none({ detail });
      if (auth !== null && auth !== undefined) return pass({ detail });
      return tls === null || tls === undefined
        ? fail({ cause: 'starttls-required', explanation: STARTTLS_FIRST, detail })
        : fail({ cause: 'authentication-required', explanation: 'Authentication required', detail });
    },
    { fail: reject() },
    { earliest: 'mail' },
  );
}
