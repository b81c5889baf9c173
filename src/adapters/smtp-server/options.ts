import type { Env } from '../../env/index.ts';
import type { Mailbox } from '../../net/index.ts';
import type { MessageOutcome, SmtpSession, SmtpSessionOptions } from '../../session/index.ts';
import type { Role, SessionPolicy } from '../../smtp/index.ts';
import type { LoginOptions } from './login.ts';
import type { ServerOptions } from './server-options.ts';
import type { SpoolOptions } from './spool.ts';

/** A message that is being received. */
export interface Delivery {
  readonly session: SmtpSession;
  readonly reversePath: Mailbox | null;
  /**
   * Recipients accepted at RCPT, without those for whom a rule has discarded the message. Later decisions are in
   * `outcome.recipients`.
   */
  readonly forwardPaths: readonly Mailbox[];
  /**
   * The message, without Authentication-Results fields that claim to be ours. It can be read once: while it arrives, after
   * `outcome`, or not at all. It ends when the message ends, whatever the decision. It throws if the client disconnects or
   * the message is refused before its end.
   */
  readonly message: AsyncIterable<Uint8Array>;
  /**
   * Resolves to the decision once the message has arrived, whether or not you read it. Never rejects. Keep the message only
   * for `accept` and `quarantine`, with `outcome.headers` in front of it.
   */
  readonly outcome: Promise<MessageOutcome>;
  /** Aborted if the message is not received completely, or `deliver` takes longer than `deliverMs`. */
  readonly signal: AbortSignal;
}

export interface GuardOptions<E extends Env = Env> {
  readonly policy: SessionPolicy<E>;
  readonly env: E;
  readonly role: Role;
  /**
   * Options of smtp-server: name, banner, key and cert, secure, useProxy … Two defaults differ from those of smtp-server:
   * `size` is 35,000,000 bytes (0: no limit), and `socketTimeout` is five minutes (RFC 5321 §4.5.3.2.7).
   */
  readonly server?: ServerOptions;
  /** Options of each session. Set `size` in `server` instead. */
  readonly session?: Omit<SmtpSessionOptions, 'size' | 'onError'>;
  /**
   * Delivers the message. If it returns a string, that is the text of the 250 reply. If it throws or rejects, the reply is
   * 451, or the error's `responseCode` (400 to 599) and message.
   *
   * It is called for every message before the decision about it, so await `outcome`.
   */
  readonly deliver: (delivery: Delivery) => unknown;
  /**
   * Confirms that `deliver` keeps messages whose `outcome.action` is `quarantine`. Required if a rule of the policy can
   * quarantine. Otherwise such a message would be accepted with 250 and lost.
   */
  readonly quarantine?: 'deliver';
  /** Authentication of users. Default: AUTH is not offered. */
  readonly auth?: LoginOptions;
  /** Storage for messages until `deliver` reads them. */
  readonly spool?: SpoolOptions;
  /**
   * Deadline for one command in milliseconds, even if its bytes arrive steadily. After that, the reply is 421.
   * Default: 300,000 (RFC 5321 §4.5.3.2.7).
   */
  readonly commandMs?: number;
  /** Deadline for receiving one message, in milliseconds. After that, the reply is 421. Default: 3,600,000. */
  readonly messageMs?: number;
  /**
   * Deadline for `deliver` in milliseconds, counted from the decision about the message. After that, the reply is 451.
   * Default: 540,000, because a client waits ten minutes (RFC 5321 §4.5.3.2.6).
   */
  readonly deliverMs?: number;
  /**
   * Called once for every failure of a hook, a store, a connection or the listener. None of them stops the server. Errors
   * that `onError` throws are ignored.
   */
  readonly onError?: (error: Error) => void;
}
