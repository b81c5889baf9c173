import type { SmtpAuth, Verification } from '../../checks/smtp-auth/index.ts';
import { judge } from '../../core/index.ts';
import type { Env } from '../../env/index.ts';
import type { Reply } from '../../smtp/index.ts';
import { replyFor, smtpReply } from '../../smtp/index.ts';
import type { SmtpSession } from '../smtp-session/index.ts';

/** What a client offered to prove who it is. */
export interface Credentials {
  readonly mechanism: string;
  readonly username: string;
  readonly password: string;
}

export interface LoginOptions {
  /** The check that stands at the policy's `auth` stage; what is offered and what is accepted come from it. */
  readonly check: SmtpAuth;
  /** Asks the host's users. What it throws is "nobody could say" (454), never "wrong" (535). */
  readonly verify: (credentials: Credentials, signal: AbortSignal) => Verification | Promise<Verification>;
}

/** The side of a connection that a login needs. */
export interface Speaker {
  readonly session: { user?: unknown };
  nextLine(challenge: string): Promise<string>;
  send(code: number, text: string): void;
}

const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

/** Carries SASL exchanges out over AUTH (RFC 4954). */
export class Login {
  readonly #options: LoginOptions;
  readonly #env: Env;

  constructor(options: LoginOptions, env: Env) {
    this.#options = options;
    this.#env = env;
  }

  offered(guard: SmtpSession): readonly string[] {
    return this.#options.check.mechanismsFor(guard.facts.connect);
  }

  /** Speaks until the client has logged in, `null`, or has not. */
  async exchange(
    speaker: Speaker,
    guard: SmtpSession,
    mechanism: string,
    initial: string | undefined,
  ): Promise<Reply | null> {
    const read = await (mechanism === 'LOGIN' ? readLogin(speaker, initial) : readPlain(speaker, initial));
    if (typeof read === 'string') return replyFor('parameter-syntax', read);
    const { connect } = guard.facts;
    const { outcome, identity } = await this.#options.check.login(
      {
        session: connect.session.id,
        client: connect.client.ip,
        account: read.username,
        mechanism,
        secret: read.password,
      },
      (signal) => this.#options.verify({ mechanism, ...read }, signal),
      this.#env,
    );
    const reply = smtpReply(judge([outcome]), 'auth');
    if (reply !== null || identity === undefined) {
      guard.authenticationFailed();
      return reply ?? replyFor('auth-unavailable', 'Temporary authentication failure');
    }
    guard.authenticated(identity, mechanism);
    speaker.session.user = identity;
    speaker.send(235, '2.7.0 Authentication successful');
    return null;
  }
}

type Read = { readonly username: string; readonly password: string } | string;

/** RFC 4616: `authzid NUL authcid NUL password`. */
async function readPlain(speaker: Speaker, initial: string | undefined): Promise<Read> {
  const line = initial ?? (await speaker.nextLine(''));
  if (line === '*') return 'Authentication aborted';
  const text = decode(line);
  const [authorizationId, username, password, ...more] = text?.split('\0') ?? [];
  if (username === undefined || password === undefined || more.length > 0 || username === '' || password === '')
    return 'Cannot decode the response';
  if (authorizationId !== '' && authorizationId !== username) return 'Acting for another is not offered';
  return { username, password };
}

async function readLogin(speaker: Speaker, initial: string | undefined): Promise<Read> {
  const name = initial ?? (await speaker.nextLine(encode('Username:')));
  if (name === '*') return 'Authentication aborted';
  const secret = await speaker.nextLine(encode('Password:'));
  if (secret === '*') return 'Authentication aborted';
  const username = decode(name);
  const password = decode(secret);
  if (!username || !password || username.includes('\0') || password.includes('\0')) return 'Cannot decode the response';
  return { username, password };
}

/** Base64 to UTF-8; undefined where it is neither. */
function decode(line: string): string | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(line)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(line, 'base64'));
  } catch {
    return undefined;
  }
}
