import type { SaslLogin, SaslStep, ScramOptions } from '../../access/index.ts';
import { encodeBase64, saslExchange } from '../../access/index.ts';
import type { SmtpAuth, Verification } from '../../checks/smtp-auth/index.ts';
import type { Env } from '../../env/index.ts';
import type { SmtpSession } from '../../session/index.ts';
import type { Reply } from '../../smtp/index.ts';
import { positiveReply, replyFor } from '../../smtp/index.ts';

/** The credentials that a client has sent. */
export interface Credentials {
  /** In upper case. */
  readonly mechanism: string;
  /** The account that the client names. Empty for OAUTHBEARER without a name: the token identifies the account. */
  readonly account: string;
  /** The password, or the bearer token. */
  readonly secret: string;
}

export interface LoginOptions {
  /** The check at the policy's `auth` stage. It determines which mechanisms are offered and accepted. */
  readonly check: SmtpAuth;
  /**
   * Verifies a password or a token. If it throws, the login is deferred (454), never rejected (535).
   */
  readonly verify: (credentials: Credentials, signal: AbortSignal) => Verification | Promise<Verification>;
  /** The stored SCRAM keys. Required if the check offers SCRAM. */
  readonly scram?: ScramOptions;
  /** Whether an account may act as another (the SASL authorization identity). Default: no account may. */
  readonly mayActAs?: (account: string, other: string) => boolean;
}

/** What a login needs from a connection. */
export interface Speaker {
  readonly session: { user?: unknown };
  /** Sends a challenge, and resolves with the client's answer. */
  nextLine(challenge: string): Promise<string>;
  say(reply: Reply): void;
}

/** Runs SASL exchanges over AUTH (RFC 4954). */
export class Login {
  readonly #options: LoginOptions;
  readonly #env: Env;
  readonly #onError: (error: unknown) => void;

  /** @param onError called for errors of the counter store, which do not change the result of a login */
  constructor(options: LoginOptions, env: Env, onError: (error: unknown) => void) {
    this.#options = options;
    this.#env = env;
    this.#onError = onError;
  }

  /** The mechanisms to offer now. */
  offered(guard: SmtpSession): readonly string[] {
    return this.#options.check.mechanismsFor(guard.facts.connect);
  }

  /** Runs an exchange. Resolves with null if the client has logged in, or else with the reply to send. */
  async exchange(
    speaker: Speaker,
    guard: SmtpSession,
    mechanism: string,
    initial: string | undefined,
    gone: AbortSignal,
  ): Promise<Reply | null> {
    const { scram } = this.#options;
    const exchange = saslExchange(mechanism, scram === undefined ? {} : { scram });
    let step = await exchange.step(initial);
    while (step.state === 'challenge') step = await exchange.step(await speaker.nextLine(encodeBase64(step.data)));
    if (step.state !== 'login') return unread(step);
    const { reply, identity } = await this.#verify(guard, mechanism, step.login, gone);
    // Some mechanisms end with a message of the server: its own proof, or the reason for the failure.
    let last = exchange.conclude(identity !== undefined);
    while (last.state === 'challenge') last = await exchange.step(await speaker.nextLine(encodeBase64(last.data)));
    if (identity === undefined) return reply ?? replyFor('auth-unavailable', 'Temporary authentication failure');
    if (last.state !== 'done') return unread(last);
    guard.authenticated(identity, mechanism);
    speaker.session.user = identity;
    speaker.say(positiveReply('logged-in', 'Authentication successful'));
    return null;
  }

  async #verify(
    guard: SmtpSession,
    mechanism: string,
    login: SaslLogin,
    gone: AbortSignal,
  ): Promise<{ readonly reply: Reply | null; readonly identity?: string }> {
    const { connect } = guard.facts;
    const { check, verify, mayActAs } = this.#options;
    const { account, authorizeAs, secret, prove } = login;
    const other = authorizeAs !== undefined && authorizeAs !== '' && authorizeAs !== account ? authorizeAs : undefined;
    const { outcome, identity, error } = await check.login(
      {
        session: connect.session.id,
        client: connect.client.ip,
        account,
        mechanism,
        secret,
      },
      async (signal) => {
        const verified =
          prove !== undefined
            ? await prove()
            : secret === undefined
              ? ({ result: 'rejected' } as const)
              : await verify({ mechanism, account, secret }, signal);
        if (verified.result !== 'accepted' || other === undefined) return verified;
        return mayActAs?.(verified.identity, other) === true
          ? { result: 'accepted', identity: other }
          : { result: 'rejected' };
      },
      this.#env,
      gone,
    );
    if (error !== undefined) this.#onError(error);
    return { reply: guard.loginJudged(mechanism, outcome), identity };
  }
}

/** RFC 4954 §4 and §6. */
const unread = (step: SaslStep): Reply =>
  step.state === 'cancelled'
    ? replyFor('auth-cancelled', 'Authentication cancelled')
    : step.state === 'malformed' && step.tooLong
      ? replyFor('auth-too-long', 'Authentication exchange line is too long')
      : replyFor('auth-syntax', 'Malformed authentication response');
