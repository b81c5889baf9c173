import type { Decision, HeaderField } from '../../core/index.ts';
import type { Ban } from '../../env/index.ts';
import type { MessageFacts, ReadOptions } from '../../message/index.ts';
import type { Mailbox } from '../../net/index.ts';
import type {
  ConnectFacts,
  HeloFacts,
  MailFacts,
  MessageAuthentication,
  Reply,
  SmtpStages,
  TlsFacts,
} from '../../smtp/index.ts';

/** What happened at one stage: for the log, for metrics, for replay. Plain JSON. */
export interface SessionEvent {
  readonly stage: keyof SmtpStages;
  readonly decision: Decision;
  /** `null`: no objection. */
  readonly reply: Reply | null;
  /** Milliseconds from the question to the decision. */
  readonly tookMs: number;
  /** The recipient, at `rcpt` and at `data` where each is answered for itself. */
  readonly recipient?: string | undefined;
}

export interface SmtpSessionOptions {
  /** After how many milliseconds a stage is decided with what is known; 30,000 where it is not given. */
  readonly deadlineMs?: number | undefined;
  /** The longest that a rule may hold a reply back, in milliseconds; 30,000 where it is not given. */
  readonly maxDelayMs?: number | undefined;
  /**
   * Examine checks as soon as their facts exist. True for the role `mx` where it is not given: on submission most
   * clients log in, and no list need be asked about them.
   */
  readonly ahead?: boolean | undefined;
  /** SMTPUTF8 is offered (RFC 6531); false where it is not given. */
  readonly smtpUtf8?: boolean | undefined;
  /** The domain whose postmaster a bare `<postmaster>` means; the server's name where it is not given. */
  readonly postmasterDomain?: string | undefined;
  /** Puts the session's id at the end of every refusal. */
  readonly correlation?: boolean | undefined;
  /** Bounds for reading the message. */
  readonly reading?: ReadOptions | undefined;
  /** Octets of the message to keep for checks that need it raw; 0, none, where it is not given. */
  readonly keepMessage?: number | undefined;
  /**
   * The name under which this service writes Authentication-Results fields (RFC 8601 §2.5), the same on all its hosts; `null`
   * for none. Where it is not given: the server's name, for the role `mx`; for `submission` the server's name, but no field is
   * written, only those that claim to be ours removed; for `lmtp` none, since whoever hands mail on over LMTP is believed.
   */
  readonly authservId?: string | null | undefined;
  /** Told of every ban that came of what the client did. What it throws is not caught. */
  readonly onBan?: ((ban: Ban, facts: ConnectFacts) => void) | undefined;
  /** Told of every decision. What it throws is not caught. */
  readonly onEvent?: ((event: SessionEvent, facts: SmtpStages[keyof SmtpStages]) => void) | undefined;
}

/** What became of a message. */
export interface MessageOutcome {
  /** The one reply of SMTP; `null`: no objection. With LMTP it is that of the last recipient. */
  readonly reply: Reply | null;
  /** With LMTP, a reply for each recipient, in order (RFC 2033 §4.2). */
  readonly perRecipient: readonly {
    readonly recipient: Mailbox;
    readonly reply: Reply | null;
    readonly decision: Decision;
  }[];
  /** Header fields to be put in front of a message that is kept: Authentication-Results, then those that rules ask for. */
  readonly headers: readonly HeaderField[];
  /** Taken, taken and set apart, taken and thrown away, or refused. */
  readonly action: Decision['action'];
  readonly message: MessageFacts;
  /** What the message proves of its author, where the policy says how that is found out. */
  readonly authentication?: MessageAuthentication | undefined;
}

/** One SMTP session: verbs in, replies out. `null` means "no objection: answer as you would have". Nothing rejects. */
export interface SmtpSession {
  /** There is a connection. A refusal is said instead of the banner. */
  connect(): Promise<Reply | null>;
  /** HELO, EHLO or LHLO, with the argument as the client wrote it. */
  helo(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Promise<Reply | null>;
  /** The TLS handshake is done. What the client said before it is forgotten (RFC 3207 §4.2). */
  startTls(tls: TlsFacts): void;
  /** The client names a mechanism; asked before any secret is. */
  auth(mechanism: string): Promise<Reply | null>;
  /** The client has logged in as `identity`. */
  authenticated(identity: string, mechanism?: string): void;
  /** The client could not log in; counted in the session's tally, and told to the policy's bans. */
  authenticationFailed(): void;
  /** The client said what is no command; counted in the session's tally, and told to the policy's bans. */
  protocolError(): void;
  /** MAIL FROM, with the path as the client wrote it. */
  mail(path: string, parameters?: { readonly [name: string]: string | true }): Promise<Reply | null>;
  /** RCPT TO, with the path as the client wrote it. */
  rcpt(path: string): Promise<Reply | null>;
  /** The message, as octets with the dot-stuffing undone. A stream is read to its end, whatever is decided. */
  data(message: Uint8Array | AsyncIterable<Uint8Array>): Promise<MessageOutcome>;
  /** RSET, or a transaction that came to its end another way. */
  reset(): void;
  /** The connection is gone, however it went. Gives back what the session held; may be called more than once. */
  close(): Promise<void>;
  /** What is known now. */
  readonly facts: { readonly connect: ConnectFacts; readonly helo: HeloFacts | null; readonly mail: MailFacts | null };
  readonly recipients: readonly Mailbox[];
  /** The name whose Authentication-Results fields are to be removed: give it to `withoutOwnResults` of `postern/smtp`. */
  readonly authservId: string | undefined;
  /** Everything that was decided, the newest last; the oldest are dropped beyond 1,000. */
  readonly events: readonly SessionEvent[];
}
