import type { Finding, Outcome, Verdict } from '../../core/index.ts';
import { defer, proceed, reject } from '../../core/index.ts';
import type { IpAddress } from '../../net/index.ts';
import type { Admission, Attempt, AttemptOutcome, BudgetEnv, Budgets } from './budgets.ts';
import { admitAfterDelay } from './budgets.ts';

/**
 * What the host's own verification returns.
 *
 * - `accepted`: the credentials are right; `identity` is the account's name from here on
 * - `rejected`: they are wrong (535 5.7.8)
 * - `unknown-account`: there is no such account; delays, budgets and replies are those of `rejected`
 * - `disabled`: they are right, but the account may not be used (525 5.7.13)
 * - `unavailable`: they could not be verified (454 4.7.0); the same if the verification throws or is late
 */
export type Verification =
  | { readonly result: 'accepted'; readonly identity: string }
  | { readonly result: 'rejected' | 'unknown-account' | 'disabled' }
  | { readonly result: 'unavailable'; readonly reason?: string };

/** One login, once its credentials have been read. */
export interface Login {
  readonly session: string;
  readonly client: IpAddress;
  /** The account that the client named. */
  readonly account: string;
  readonly mechanism: string;
  /** The password or token, if the mechanism shows one: repeats of a wrong one count once. It is not kept. */
  readonly secret?: string | Uint8Array;
}

/** Why a login ended as it did, for logs and events; neither secret nor digest. */
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

/** How a login ended. The outcome is judged as a rule's is: `smtpReply(judge([outcome]), 'auth')` is the answer. */
export interface LoginResult {
  readonly outcome: Outcome;
  /** The account's name; only if the login was accepted. */
  readonly identity?: string;
  /** What a store of counters threw. The outcome stands all the same; report this to the operator. */
  readonly error?: unknown;
}

const VERIFY_MS = 30_000;

/**
 * Waits as long as the account's budget demands, has the credentials verified, and keeps the books. Never rejects.
 *
 * @param verify asks the host; if it throws or takes longer than `withinMs`, the result is `unavailable`
 */
export async function login(
  budgets: Budgets,
  { session, client, account, mechanism, secret }: Login,
  verify: (signal: AbortSignal) => Verification | Promise<Verification>,
  env: BudgetEnv,
  signal: AbortSignal | undefined,
  withinMs: number = VERIFY_MS,
): Promise<LoginResult> {
  const attempt: Attempt = { session, client, account };
  const detail = (because: LoginDetail['because'], more: Partial<LoginDetail> = {}): LoginDetail => ({
    mechanism,
    account,
    because,
    ...more,
  });
  let admission: Admission;
  try {
    admission = await admitAfterDelay(budgets, attempt, env, signal);
  } catch (error) {
    return { ...unavailable(detail('unavailable', { reason: messageOf(error) })), error };
  }
  if (!admission.allowed) {
    if (signal?.aborted) return unavailable(detail('unavailable', { reason: 'aborted' }));
    const { budget } = admission;
    if (budget === 'busy') return unavailable(detail('unavailable', { budget, reason: 'too many logins at once' }));
    return end(
      'softfail',
      defer({ close: true }),
      'too-many-auth-failures',
      'Too many failed logins; please try again later',
      detail('too-many-failures', { budget }),
    );
  }
  const held = admission.holdMs > 0 ? { heldMs: admission.holdMs } : {};
  const answer: Verification = signal?.aborted
    ? { result: 'unavailable', reason: 'aborted' }
    : await inTime(verify, env, withinMs, signal);
  const { result } = answer;
  const outcome: AttemptOutcome =
    result === 'accepted' || result === 'rejected' || result === 'unknown-account' ? result : 'not-judged';
  const said = answered(answer, (more) => detail(result, { ...held, ...more }));
  try {
    await budgets.record(attempt, outcome, env, secret);
    return said;
  } catch (error) {
    return { ...said, error };
  }
}

function answered(answer: Verification, detail: (more?: Partial<LoginDetail>) => LoginDetail): LoginResult {
  switch (answer.result) {
    case 'accepted':
      return { ...end('pass', proceed, undefined, undefined, detail()), identity: answer.identity };
    case 'rejected':
    case 'unknown-account':
      return end('fail', reject(), 'credentials-invalid', 'Authentication credentials invalid', detail());
    case 'disabled':
      return end('fail', reject(), 'account-disabled', 'Account is disabled', detail());
    default:
      return unavailable(detail(answer.reason === undefined ? {} : { reason: answer.reason }));
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const unavailable = (detail: LoginDetail): LoginResult =>
  end('temperror', defer(), 'auth-unavailable', 'Temporary authentication failure', detail);

function end(
  result: Finding['result'],
  verdict: Verdict,
  cause: string | undefined,
  explanation: string | undefined,
  detail: LoginDetail,
): LoginResult {
  const finding: Finding = {
    check: 'smtp-auth',
    result,
    cause,
    explanation,
    detail,
  };
  return { outcome: { rule: 'smtp-auth/login', finding, verdict } };
}

function inTime(
  verify: (signal: AbortSignal) => Verification | Promise<Verification>,
  env: BudgetEnv,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<Verification> {
  return new Promise((resolve) => {
    const late = new AbortController();
    const give = (answer: Verification): void => {
      cancel();
      signal?.removeEventListener('abort', onAbort);
      resolve(answer);
    };
    const failed = (error: unknown): void => give({ result: 'unavailable', reason: messageOf(error) });
    const onAbort = (): void => {
      late.abort();
      give({ result: 'unavailable', reason: 'aborted' });
    };
    const cancel = env.clock.after(ms, () => {
      late.abort();
      give({ result: 'unavailable', reason: 'deadline' });
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      Promise.resolve(verify(late.signal)).then((answer) => give(sound(answer)), failed);
    } catch (error) {
      failed(error);
    }
  });
}

/** Takes only a plain `accepted` with a name for one; what is not an answer at all is `unavailable`. */
const sound = (answer: Verification): Verification => {
  switch (answer?.result) {
    case 'accepted':
      return typeof answer.identity === 'string' && answer.identity !== ''
        ? answer
        : { result: 'unavailable', reason: 'accepted without an identity' };
    case 'rejected':
    case 'unknown-account':
    case 'disabled':
    case 'unavailable':
      return answer;
    default:
      return { result: 'unavailable', reason: 'the verification gave no answer' };
  }
};
