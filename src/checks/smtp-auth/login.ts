import type { Check, Outcome, Verdict } from '../../core/index.ts';
import {
  assertKnownOptions,
  defer,
  defineCheck,
  fail,
  oneOf,
  pass,
  proceed,
  recommending,
  reject,
  softfail,
  temperror,
} from '../../core/index.ts';
import { withDeadline } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import type { Attempt } from './account.ts';
import type { Admission, AttemptOutcome, BudgetEnv, Budgets } from './budgets.ts';
import { admitAfterDelay } from './budgets.ts';

/**
 * What the host's own verification returns.
 *
 * - `accepted`: the credentials are right; `identity` is the account's name from here on
 * - `rejected`: they are wrong
 * - `unknown-account`: the account does not exist; delays, budgets and replies are those of `rejected`
 * - `disabled`: they are right, but the account must not be used
 * - `unavailable`: they could not be verified; the same if the verification throws or is late. `error` is reported to the
 *   operator
 */
export type Verification =
  | { readonly result: 'accepted'; readonly identity: string }
  | { readonly result: 'rejected' | 'unknown-account' | 'disabled' }
  | { readonly result: 'unavailable'; readonly reason?: string; readonly error?: unknown };

/** One login, once its credentials have been read. */
export interface Login {
  readonly session: string;
  readonly client: IpAddress;
  /** The account as the client named it. */
  readonly account: string;
  readonly mechanism: string;
  /** The password or token, if the mechanism reveals it: repeats of a wrong one count once. It is not kept. */
  readonly secret?: string | Uint8Array;
}

/** How a login ended, for rules, logs and events. It contains neither the secret nor a digest of it. */
export interface LoginDetail {
  readonly mechanism: string;
  /** The account as the client named it. */
  readonly account: string;
  readonly because: Verification['result'] | 'too-many-failures';
  /** How long the attempt was delayed, in milliseconds. */
  readonly heldMs?: number;
  /** The budget that was used up, or `busy`. */
  readonly budget?: string;
  /** What went wrong, if the credentials could not be verified. */
  readonly reason?: string;
}

/** The facts about a login that has ended. */
export interface LoginFacts {
  readonly login: LoginDetail;
}

type LoginWord = 'pass' | 'fail' | 'softfail' | 'temperror';

/** A verdict that refuses. */
type Refusing = Verdict & { readonly action: 'defer' | 'reject' };

/** How each failed login is refused. Every verdict must be `defer()` or `reject()`: no table lets a client in. */
export interface LoginConsequences {
  /** The credentials are wrong, or the account is disabled. Default: `reject()`. */
  readonly fail?: Refusing;
  /** A budget is used up. Default: `defer({ close: true })`. */
  readonly softfail?: Refusing;
  /** The credentials could not be verified. Default: `defer()`. */
  readonly temperror?: Refusing;
}

/** The rule about the outcome of a login. `loginOutcome()` makes it. */
export type LoginOutcome = Check<LoginFacts, object, LoginWord, LoginDetail>;

const LOGIN_RULE = defineCheck(
  'smtp-auth',
  ({ login: detail }: LoginFacts) => {
    switch (detail.because) {
      case 'accepted':
        return pass({ detail });
      case 'rejected':
      case 'unknown-account':
        return fail({ cause: 'credentials-invalid', explanation: 'Authentication credentials invalid', detail });
      case 'disabled':
        return fail({ cause: 'account-disabled', explanation: 'Account is disabled', detail });
      case 'too-many-failures':
        return softfail({
          cause: 'too-many-auth-failures',
          explanation: 'Too many failed logins; please try again later',
          detail,
        });
      default:
        return temperror({ cause: 'auth-unavailable', explanation: 'Temporary authentication failure', detail });
    }
  },
  { pass: proceed, fail: reject(), softfail: defer({ close: true }), temperror: defer() },
  { label: 'login' },
);

/**
 * Returns the rule that maps the outcome of a login to a verdict. Its id is `smtp-auth/login`.
 *
 * | outcome | result | recommended |
 * | --- | --- | --- |
 * | credentials accepted | `pass` | `proceed` |
 * | credentials wrong, account unknown or disabled | `fail` | `reject()` |
 * | budget used up | `softfail` | `defer({ close: true })` |
 * | credentials could not be verified | `temperror` | `defer()` |
 *
 * @throws {TypeError} if a consequence is neither `defer()` nor `reject()`, or belongs to an unknown result
 */
export const loginOutcome = (consequences: LoginConsequences = {}): LoginOutcome =>
  loginRule('loginOutcome', consequences);

/**
 * Does the same for an option of another function.
 *
 * @internal
 */
export function loginRule(owner: string, consequences: LoginConsequences = {}): LoginOutcome {
  assertKnownOptions(owner, consequences, ['fail', 'softfail', 'temperror']);
  // A result without a verdict would let the client pass, so an undefined one keeps its recommended verdict.
  const changed = Object.entries(consequences).filter((entry): entry is [string, Refusing] => entry[1] !== undefined);
  for (const [result, verdict] of changed) oneOf(owner, `${result}: action`, verdict.action, ['defer', 'reject']);
  return recommending(LOGIN_RULE, Object.fromEntries(changed));
}

/**
 * Applies the rule to a login that has ended.
 *
 * @internal
 */
export async function judgeLogin(rule: LoginOutcome, login: LoginDetail): Promise<Outcome> {
  const finding = await rule.examine({ login }, {}, new AbortController().signal);
  return { rule: rule.id, finding, verdict: rule.recommended[finding.result] ?? proceed };
}

/** How a login ended. The outcome is judged like that of any rule: `smtpReply(judge([outcome]), 'auth')` is the answer. */
export interface LoginResult {
  readonly outcome: Outcome;
  /** The account's name, only if the login was accepted. */
  readonly identity?: string;
  /** What the verification or the counters threw. The outcome stays as it is; report the error to the operator once. */
  readonly error?: unknown;
}

/** Deadline of the host's verification, in milliseconds. */
const VERIFY_MS = 30_000;

/**
 * Waits as long as the account's budget demands, has the credentials verified, and records the outcome. Never rejects.
 *
 * @param verify the host's verification; if it throws or takes longer than `withinMs`, the login is `unavailable`
 */
export async function login(
  rule: LoginOutcome,
  budgets: Budgets,
  { session, client, account, mechanism, secret }: Login,
  verify: (signal: AbortSignal) => Verification | Promise<Verification>,
  env: BudgetEnv,
  signal: AbortSignal | undefined,
  withinMs: number = VERIFY_MS,
): Promise<LoginResult> {
  const attempt: Attempt = { session, client, account };
  const end = async (ended: Partial<LoginDetail> & Pick<LoginDetail, 'because'>, error?: unknown) => ({
    outcome: await judgeLogin(rule, { mechanism, account, ...ended }),
    error,
  });
  let admission: Admission;
  try {
    admission = await admitAfterDelay(budgets, attempt, env, signal);
  } catch (error) {
    return end({ because: 'unavailable', reason: messageOf(error) }, error);
  }
  if (!admission.allowed) {
    const { budget } = admission;
    if (signal?.aborted) return end({ because: 'unavailable', reason: 'aborted' });
    if (budget === 'busy') return end({ because: 'unavailable', budget, reason: 'too many logins at once' });
    return end({ because: 'too-many-failures', budget });
  }
  const verified = await verification(verify, env, withinMs, signal);
  const { result } = verified;
  const { reason, error } = result === 'unavailable' ? verified : {};
  const heldMs = admission.holdMs > 0 ? admission.holdMs : undefined;
  const ended: LoginResult = {
    ...(await end({ because: result, heldMs, reason }, error)),
    identity: result === 'accepted' ? verified.identity : undefined,
  };
  try {
    await budgets.record(attempt, attemptOutcome(result), env, secret);
    return ended;
  } catch (error) {
    return { ...ended, error: ended.error ?? error };
  }
}

const attemptOutcome = (result: Verification['result']): AttemptOutcome =>
  result === 'accepted' || result === 'rejected' || result === 'unknown-account' ? result : 'not-judged';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Calls the host's verification. An exception, a late answer and an answer of the wrong form are `unavailable`. */
async function verification(
  verify: (signal: AbortSignal) => Verification | Promise<Verification>,
  { clock }: BudgetEnv,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<Verification> {
  const ended = await withDeadline(clock, ms, signal, verify);
  switch (ended.how) {
    case 'answered':
      return checkedVerification(ended.value);
    case 'failed':
      return { result: 'unavailable', reason: messageOf(ended.error), error: ended.error };
    case 'late':
      return { result: 'unavailable', reason: 'deadline', error: new Error(`verify did not answer within ${ms} ms`) };
    case 'aborted':
      return { result: 'unavailable', reason: 'aborted' };
  }
}

/** Only an `accepted` with a name lets a client in. */
function checkedVerification(answer: Verification): Verification {
  const invalid = (reason: string): Verification => ({
    result: 'unavailable',
    reason,
    error: new TypeError(`verify: ${reason}`),
  });
  switch (answer?.result) {
    case 'accepted':
      return typeof answer.identity === 'string' && answer.identity !== ''
        ? answer
        : invalid('accepted without an identity');
    case 'rejected':
    case 'unknown-account':
    case 'disabled':
    case 'unavailable':
      return answer;
    default:
      return invalid('the verification returned no result');
  }
}
