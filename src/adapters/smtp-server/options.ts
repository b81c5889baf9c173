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
   * Who gets the message: the recipients that were accepted at RCPT, without those for whom a rule has discarded it. What is
   * decided later is in `outcome.recipients`.
   */
  readonly forwardPaths: readonly Mailbox[];
  /**
   * The message, without Authentication-Results fields that claim to be ours. It can be read once: while it arrives, after
   * `outcome`, or never. It ends with the message, whatever is decided, and throws if the client disconnects or the message
   * is refused on the way.
   */
  readonly message: AsyncIterable<Uint8Array>;
  /**
   * What was decided, as soon as the message has arrived, whether or not it is read. Keep the message only for `accept` and
   * `quarantine`, with `outcome.headers` in front of it. It never rejects.
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
   * Options of smtp-server: name, banner, key and cert, secure, useProxy … Two have other defaults than there: `size` is
   * 35,000,000 bytes (0: no limit), and `socketTimeout` five minutes (RFC 5321 §4.5.3.2.7).
   */
  readonly server?: ServerOptions;
  /** Options of each session; `size` is that of `server`. */
  readonly session?: Omit<SmtpSessionOptions, 'size' | 'onError'>;
  /**
   * Takes the message. A string that it returns is the text of the 250. If it throws or rejects, the message is deferred with
   * 451; an error with a `responseCode` from 400 to 599 is answered with that and the error's message.
   *
   * It is called for every message that is sent, before anything is decided about it: await `outcome`.
   */
  readonly deliver: (delivery: Delivery) => unknown;
  /**
   * Says that `deliver` keeps messages whose `outcome.action` is `quarantine`. Required if a rule of the policy can
   * quarantine: otherwise such a message would be answered with 250, and be lost.
   */
  readonly quarantine?: 'deliver';
  /** Who may log in; without it AUTH is not offered. */
  readonly auth?: LoginOptions;
  /** Where a message waits for `deliver` to read it. */
  readonly spool?: SpoolOptions;
  /**
   * How long the client may take to send one command, in milliseconds, however steadily its bytes arrive. Then it is
   * answered 421. Default: 300,000 (RFC 5321 §4.5.3.2.7).
   */
  readonly commandMs?: number;
  /** How long the client may take to send one message, in milliseconds. Then it is answered 421. Default: 3,600,000. */
  readonly messageMs?: number;
  /**
   * How long `deliver` may take once the message has been received and judged, in milliseconds. Then it is answered 451.
   * Default: 540,000, because a client waits ten minutes (RFC 5321 §4.5.3.2.6).
   */
  readonly deliverMs?: number;
  /**
   * Called once for every failure of a hook, a store, a connection or the listener. None of them ends the server. What
   * `onError` itself throws is ignored.
   */
  readonly onError?: (error: Error) => void;
}
