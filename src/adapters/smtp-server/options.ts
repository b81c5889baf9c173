import type { SMTPServerOptions } from 'smtp-server';
import type { Env } from '../../env/index.ts';
import type { Mailbox } from '../../net/index.ts';
import type { Role, SessionPolicy } from '../../smtp/index.ts';
import type { MessageOutcome, SmtpSession, SmtpSessionOptions } from '../smtp-session/index.ts';
import type { LoginOptions } from './login.ts';

/** What smtp-server does by itself; the hooks are the guard's. */
export type ServerOptions = Omit<
  SMTPServerOptions,
  | 'onAuth'
  | 'onConnect'
  | 'onSecure'
  | 'onMailFrom'
  | 'onRcptTo'
  | 'onData'
  | 'onClose'
  | 'lmtp'
  | 'authMethods'
  | 'authOptional'
  | 'allowInsecureAuth'
  | 'hideENHANCEDSTATUSCODES'
>;

/** A message on its way in. */
export interface Delivery {
  readonly session: SmtpSession;
  readonly reversePath: Mailbox | null;
  /** The recipients that were accepted at RCPT. */
  readonly forwardPaths: readonly Mailbox[];
  /**
   * The message, as it arrives, without Authentication-Results fields that claim to be ours. It ends when the message does,
   * whatever is decided, and throws where the client vanishes. It need not be read.
   */
  readonly message: AsyncIterable<Uint8Array>;
  /**
   * What was decided, once the message has been read. Keep the message only for `accept` and `quarantine`, with
   * `outcome.headers` in front of it.
   */
  readonly outcome: Promise<MessageOutcome>;
}

export interface GuardOptions<E extends Env = Env> {
  readonly policy: SessionPolicy<E>;
  readonly env: E;
  readonly role: Role;
  /** Options of smtp-server: name, banner, size, key and cert, secure, useProxy, socketTimeout … */
  readonly server?: ServerOptions | undefined;
  readonly session?: SmtpSessionOptions | undefined;
  /**
   * Takes the message. A string that it returns is the text of the 250; what it throws is a 451, unless the error carries a
   * `responseCode`.
   */
  readonly deliver: (delivery: Delivery) => Promise<unknown>;
  /** Who may log in; without it AUTH is not offered. */
  readonly auth?: LoginOptions | undefined;
  /** Told of trouble on a connection or the listener. Nothing of it is fatal. */
  readonly onError?: ((error: Error) => void) | undefined;
}
