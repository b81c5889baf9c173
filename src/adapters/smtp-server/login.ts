import type { SaslLogin, SaslStep, ScramOptions } from '../../access/index.ts';
import { encodeBase64, saslExchange } from '../../access/index.ts';
import type { SmtpAuth, Verification } from '../../checks/smtp-auth/index.ts';
import type { Env } from '../../env/index.ts';
import type { SmtpSession } from '../../session/index.ts';
import type { Reply } from '../../smtp/index.ts';
import { replyFor } from '../../smtp/index.ts';

/** What a client offered to prove who it is. */
export interface Credentials {
  /** In upper case. */
  readonly mechanism: string;
  /** Who the client claims to be. Empty for OAUTHBEARER without a name: the token says whose it is. */
  readonly account: string;
  /** The password, or the bearer token. */
  readonly secret: string;
}

export interface LoginOptions {
  /** The check that stands at the policy's `auth` stage; what is offered and what is accepted come from it. */
  readonly check: SmtpAuth;
  /**
   * Asks the host's users about a password or a token. What it throws is "nobody could say" (454), never "wrong" (535).
   */
  readonly verify: (credentials: Credentials, signal: AbortSignal) => Verification | Promise<Verification>;
  /** What is stored for SCRAM; needed where the check offers it. */
  readonly scram?: ScramOptions;
  /** Whether an account may act as another (the SASL authorization identity); it may not where this is not given. */
  readonly mayActAs?: (account: string, other: string) => boolean;
}

/** The side of a connection that a login needs. */
export interface Speaker {
  readonly session: { user?: unknown };
  /** Says `334` and the challenge, and hears the client's next line. */
  nextLine(challenge: string): Promise<string>;
  send(code: number, text: string): void;
}

/** Carries SASL exchanges out over AUTH (RFC 4954). */
export class Login {
  readonly #options: LoginOptions;
  readonly #env: Env;
  readonly #onError: (error: unknown) => void;

  /** @param onError told what a store of counters throws; the login's own answer stands */
  constructor(options: LoginOptions, env: Env, onError: (error: unknown) => void) {
    this.#options = options;
    this.#env = env;
    this.#onError = onError;
  }

  /** What may stand on the AUTH line now. */
  offered(guard: SmtpSession): readonly string[] {
    return this.#options.check.mechanismsFor(guard.facts.connect);
  }

  /** Carries the exchange out. Resolves with null once the client has logged in, or else with the reply to send. */
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
    // Some mechanisms have a last word: the server's own proof, or the reason why not.
    let last = exchange.conclude(identity !== undefined);
    while (last.state === 'challenge') last = await exchange.step(await speaker.nextLine(encodeBase64(last.data)));
    if (identity === undefined) return reply ?? replyFor('auth-unavailable', 'Temporary authentication failure');
    if (last.state !== 'done') return unread(last);
    guard.authenticated(identity, mechanism);
    speaker.session.user = identity;
    speaker.send(235, '2.7.0 Authentication successful');
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
      : replyFor('auth-syntax', 'The response cannot be read');
