import type { Finding, Outcome, Verdict } from '../../core/index.ts';
import { defer, proceed, reject } from '../../core/index.ts';
import type { IpAddress } from '../../net/index.ts';
import type { Admission, Attempt, AttemptOutcome, BudgetEnv, Budgets } from './budgets.ts';

/**
 * What the host's own verification says.
 *
 * - `accepted`: the credentials are right; `identity` is the account's name from here on
 * - `rejected`: they are wrong (535 5.7.8)
 * - `unknown-account`: so they are, and there is no such account; the client is told the same
 * - `disabled`: they are right, and the account may not be used (525 5.7.13)
 * - `unavailable`: nobody could say (454 4.7.0); so is a verification that throws, or is late
 */
export type Verification =
  | { readonly result: 'accepted'; readonly identity: string }
  | { readonly result: 'rejected' | 'unknown-account' | 'disabled' }
  | { readonly result: 'unavailable'; readonly reason?: string | undefined };

/** One login, once its credentials have been read. */
export interface Login {
  readonly session: string;
  readonly client: IpAddress;
  /** The account that the client named. */
  readonly account: string;
  readonly mechanism: string;
  /** The password or token, where the mechanism shows one: repeats of a wrong one count once. It is not kept. */
  readonly secret?: string | Uint8Array | undefined;
}

/** Why a login ended as it did, for the log; neither secret nor digest. */
export interface LoginDetail {
  readonly mechanism: string;
  readonly account: string;
  readonly because: Verification['result'] | 'too-many-failures';
  readonly heldMs?: number | undefined;
  readonly budget?: string | undefined;
  readonly reason?: string | undefined;
}

/** How a login ended. The outcome is judged as a rule's is: `smtpReply(judge([outcome]), 'auth')` is the answer. */
export interface LoginResult {
  readonly outcome: Outcome;
  /** The account's name; only where the login was accepted. */
  readonly identity?: string | undefined;
}

const VERIFY_MS = 30_000;

/**
 * Waits as long as the account's budget says, has the credentials verified, and keeps the books.
 *
 * @param verify asks the host; what it throws, and what takes longer than `withinMs`, is `unavailable`
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
  const admission: Admission = await budgets.admit(attempt, env);
  if (!admission.allowed)
    return end(
      'softfail',
      defer({ close: true }),
      'too-many-auth-failures',
      'Too many failed logins; please try again later',
      detail('too-many-failures', { budget: admission.budget }),
    );
  let outcome: AttemptOutcome = 'not-judged';
  try {
    const { holdMs } = admission;
    if (holdMs > 0) await wait(env, holdMs, signal);
    if (signal?.aborted) return unavailable(detail('unavailable', { reason: 'aborted' }));
    const answer = await inTime(verify, env, withinMs, signal);
    const held = holdMs > 0 ? { heldMs: holdMs } : {};
    switch (answer.result) {
      case 'accepted':
        outcome = 'accepted';
        return { ...end('pass', proceed, undefined, undefined, detail('accepted', held)), identity: answer.identity };
      case 'rejected':
      case 'unknown-account':
        outcome = answer.result;
        return end(
          'fail',
          reject(),
          'credentials-invalid',
          'Authentication credentials invalid',
          detail(answer.result, held),
        );
      case 'disabled':
        return end('fail', reject(), 'account-disabled', 'Account is disabled', detail('disabled', held));
      default:
        return unavailable(
          detail('unavailable', { ...held, ...(answer.reason === undefined ? {} : { reason: answer.reason }) }),
        );
    }
  } finally {
    await budgets.record(attempt, outcome, env, secret);
  }
}

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
    ...(cause === undefined ? {} : { cause }),
    ...(explanation === undefined ? {} : { explanation }),
    detail,
  };
  return { outcome: { rule: 'smtp-auth/login', finding, verdict } };
}

const wait = (env: BudgetEnv, ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const cancel = env.clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = (): void => {
      cancel();
      resolve();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });

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
    const failed = (error: unknown): void =>
      give({ result: 'unavailable', reason: error instanceof Error ? error.message : String(error) });
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

/** Only what is plainly `accepted`, with a name, is accepted; an answer that is none at all is trouble. */
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
