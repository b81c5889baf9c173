/**
 * **Answers**: may this client try to log in, and may it send as this sender?
 *
 * **Knows**: the listener's role, the client's address, the TLS layer, the mechanism that the client named; later who has
 * logged in and what it sends as.
 * **Asks**: counters, for failures that outlive a session; the clock, for delays. Passwords are verified by the host.
 *
 * **Standards**: RFC 4954 (AUTH), RFC 4422 (SASL), RFC 8314 and RFC 8997 (TLS 1.2 at least), RFC 8265 (names).
 *
 * What is offered and what is accepted come from one function, `mechanismsFor`. Failures are counted by session, by client
 * prefix (/32 /26 /21 and /64 /48 /32, times 1, 3, 9), and by client address and account together. An address that has logged in
 * at an account is known there, and its neighbours' failures do not concern it. An account by itself is only ever delayed, never
 * locked, and one that does not exist is treated like one that does. A wrong secret that is tried again counts once; of secrets
 * only a digest is kept, under a key that does not leave the process.
 *
 * | what is so | result | reply |
 * | --- | --- | --- |
 * | the mechanism may be used | `pass` | |
 * | clear text, on submission | `fail` | 530 5.7.0 |
 * | clear text elsewhere, or TLS that is too old | `fail` | 538 5.7.11 |
 * | no logins on this listener | `fail` | 503 5.5.1 |
 * | a mechanism that is not offered | `fail` | 504 5.5.4 |
 * | the session's budget is used up | `softfail` | 421 4.7.0, close |
 *
 * **Limits**: two attempts that are verified at the same moment in two processes can both take the last place of a shared
 * budget. A wrong SCRAM proof cannot be told from another, so each one counts.
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
import { defer, defineCheck, fail, pass, reject, softfail } from '../../core/index.ts';
import type { AuthFacts } from '../../smtp/facts.ts';
import type { BudgetEnv, BudgetName, BudgetOptions, Budgets } from './budgets.ts';
import { authBudgets } from './budgets.ts';
import type { Login, LoginResult, Verification } from './login.ts';
import { login } from './login.ts';
import type { MechanismFacts, MechanismOptions, MechanismProblem } from './mechanisms.ts';
import { mechanismRules } from './mechanisms.ts';

export { canonicalAccount } from './account.ts';
export type { Admission, Attempt, AttemptOutcome, BudgetEnv, BudgetName, BudgetOptions, Budgets } from './budgets.ts';
export { admitAfterDelay, authBudgets, delayAfter, prefixesOf } from './budgets.ts';
export type { Login, LoginDetail, LoginResult, Verification } from './login.ts';
export type { MechanismFacts, MechanismOptions, MechanismProblem, Mechanisms, MinimumTls } from './mechanisms.ts';
export { isTlsAtLeast, mechanismRules } from './mechanisms.ts';
export type { RequiredOptions } from './required.ts';
export { authenticationRequired } from './required.ts';
export type { SenderDetail, SenderOptions } from './sender.ts';
export { headerFromMatchesLogin, senderMatchesLogin } from './sender.ts';

export interface SmtpAuthOptions extends MechanismOptions, BudgetOptions {
  /** How long the host's verification may take, in milliseconds. Default: 30,000. */
  readonly verifyWithinMs?: number;
}

/** Why a login may not begin. */
export interface AuthDetail {
  readonly mechanism: string;
  readonly because?: MechanismProblem | 'budget';
  readonly budget?: BudgetName;
  readonly retryAfterMs?: number;
}

/** Access control for AUTH: a check for the `auth` stage, and what a session needs besides. */
export interface SmtpAuth extends Check<AuthFacts, BudgetEnv, 'pass' | 'fail' | 'softfail', AuthDetail> {
  /** The mechanisms that the client may use now: the AUTH line of EHLO, which is not sent if it is empty. */
  mechanismsFor(facts: MechanismFacts): readonly string[];
  /**
   * Carries out a login once its credentials have been read: waits while the account is delayed, has them verified, keeps the
   * books. Never rejects. `smtpReply(judge([outcome]), 'auth')` is the answer; `null` means 235.
   */
  login(
    attempt: Login,
    verify: (signal: AbortSignal) => Verification | Promise<Verification>,
    env: BudgetEnv,
    signal?: AbortSignal,
  ): Promise<LoginResult>;
  /** The books, for a host that verifies by itself: `admitAfterDelay` before, `record` after. */
  readonly budgets: Budgets;
}

/**
 * Makes access control for AUTH.
 *
 * @throws TypeError for a wrong option
 */
export function smtpAuth(options: SmtpAuthOptions = {}): SmtpAuth {
  const mechanisms = mechanismRules(options);
  const budgets = authBudgets(options);
  const { verifyWithinMs, minimumTls = 'TLSv1.2' } = options;
  if (verifyWithinMs !== undefined && !(verifyWithinMs > 0 && Number.isFinite(verifyWithinMs)))
    throw new TypeError(`smtpAuth: verifyWithinMs must be a positive number of milliseconds, got ${verifyWithinMs}`);

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
    ): Promise<LoginResult> => login(budgets, attempt, verify, env, signal, verifyWithinMs),
    budgets,
  });
}

function refusal(because: MechanismProblem, mechanism: string, { session }: AuthFacts, minimumTls: string) {
  const say = (cause: string, explanation: string) =>
    fail({ cause, explanation, detail: { mechanism, because } as AuthDetail });
  switch (because) {
    case 'clear-text':
      return session.role === 'submission'
        ? say('starttls-required', 'Must issue a STARTTLS command first')
        : say('encryption-required', 'Encryption required for requested authentication mechanism');
    case 'tls-too-old':
      return say('encryption-required', `TLS ${minimumTls.slice('TLSv'.length)} or later is required`);
    case 'role':
      return say('auth-not-offered', 'Authentication is not offered here');
    case 'unknown':
      return say('mechanism-unknown', 'Unrecognized authentication type');
  }
}
