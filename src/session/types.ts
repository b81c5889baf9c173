import type { Decision, HeaderField, Outcome } from '../core/index.ts';
import type { Ban } from '../env/index.ts';
import type { MessageFacts, ReadOptions } from '../message/index.ts';
import type { Mailbox } from '../net/index.ts';
import type {
  ConnectFacts,
  HeloFacts,
  MailFacts,
  MessageAuthentication,
  Reply,
  SmtpStages,
  TlsFacts,
} from '../smtp/index.ts';
import type { BareLineEndingPolicy, MessageSink } from './receiving.ts';

/**
 * What happened at one stage: for the log, for metrics, for replay. Plain JSON.
 *
 * A login has two events at `auth`: the decision about the mechanism, and the result, whose finding has a `LoginDetail` of
 * `postern/checks/smtp-auth` in `detail`. A session that a limit has ended has one more at `connect`.
 */
export interface SessionEvent {
  readonly stage: keyof SmtpStages;
  readonly decision: Decision;
  /** `null`: no objection. */
  readonly reply: Reply | null;
  /** Milliseconds from the question to the decision. */
  readonly tookMs: number;
  /** The recipient, at `rcpt` and at `data` where each is answered for itself. */
  readonly recipient?: string;
}

export interface SmtpSessionOptions {
  /** Milliseconds after which a stage is decided with what is known. Default: 30,000. */
  readonly deadlineMs?: number;
  /** Longest time that a rule may delay a reply, in milliseconds. Default: 30,000. */
  readonly maxDelayMs?: number;
  /**
   * Runs checks as soon as their facts exist. Default: true for the role `mx`. On submission most clients log in, and lists
   * need not be asked about them.
   */
  readonly earlyChecks?: boolean;
  /** SMTPUTF8 is offered (RFC 6531). Default: false. */
  readonly smtpUtf8?: boolean;
  /** The domain that a bare `<postmaster>` belongs to. Default: the server's name. */
  readonly postmasterDomain?: string;
  /** Puts the session's id at the end of every refusal. Default: false. */
  readonly correlation?: boolean;
  /** Limits for reading the message. */
  readonly reading?: ReadOptions;
  /** Bytes of the message to keep for checks that need it raw. Default: 0, none. */
  readonly keepMessage?: number;
  /** Largest message in bytes; a larger one is answered `552 5.3.4`. Default: no limit. */
  readonly size?: number;
  /**
   * What happens to a message with a bare CR, a bare LF or a NUL, which can hide a second message from one server and not
   * from the next (SMTP smuggling). `refuse` answers `550 5.5.2`; `normalize` makes a bare LF CR LF, and a bare CR or a NUL a
   * space; `keep` changes nothing. Rules at `data` see how many there were: `message.bareLineEndings`. Default: `refuse`.
   */
  readonly bareLineEndings?: BareLineEndingPolicy;
  /**
   * The name under which this service writes Authentication-Results fields (RFC 8601 §2.5), the same on all its hosts; `null`
   * for none. Default: the server's name for the role `mx`. For `submission` fields of the server's name are removed and none
   * is written; for `lmtp` all fields stay, because the server that hands mail on is trusted.
   */
  readonly authservId?: string | null;
  /** Called for every ban that follows from what the client did. */
  readonly onBan?: (ban: Ban, facts: ConnectFacts) => void;
  /** Called for every decision. */
  readonly onEvent?: (event: SessionEvent, facts: SmtpStages[keyof SmtpStages]) => void;
  /**
   * Called once for everything that a hook or a store throws, or rejects with, outside of a check. The session goes on, and
   * its decisions stand. What `onError` itself throws is ignored.
   */
  readonly onError?: (error: Error) => void;
}

/** What became of a message for one recipient. */
export interface RecipientOutcome {
  readonly recipient: Mailbox;
  /** `null`: no objection. With SMTP all recipients have the one reply of the message. */
  readonly reply: Reply | null;
  /** The strongest action that any stage decided, from the connection to the message. */
  readonly action: Decision['action'];
  /** The decisions of all stages in one. */
  readonly decision: Decision;
  /** The header fields for this recipient's copy. */
  readonly headers: readonly HeaderField[];
}

/** What became of a message. */
export interface MessageOutcome {
  /** The one reply of SMTP; `null`: no objection. With LMTP it is that of the last recipient. */
  readonly reply: Reply | null;
  /** What became of it for each accepted recipient, in the order of RCPT. A recipient named twice is here twice. */
  readonly recipients: readonly RecipientOutcome[];
  /** With LMTP the same as `recipients`: a reply for each of them, in this order (RFC 2033 §4.2). With SMTP empty. */
  readonly perRecipient: readonly RecipientOutcome[];
  /**
   * Header fields to put in front of a message that is kept: Authentication-Results, then those that rules of any stage ask
   * for.
   */
  readonly headers: readonly HeaderField[];
  /**
   * What to do with the message: `accept`, `quarantine`, `discard`, or what it was refused with. It follows from the
   * decisions of all stages. If the recipients differ, the message is discarded only if it is discarded for all of them, and
   * quarantined if it is for one of the others; see `recipients`.
   */
  readonly action: Decision['action'];
  readonly message: MessageFacts;
  /** What the message proves of its author, if the policy authenticates messages. */
  readonly authentication?: MessageAuthentication;
}

/** One SMTP session: verbs in, replies out. `null` means "no objection: answer as you would have". Nothing rejects. */
export interface SmtpSession {
  /** There is a connection. A refusal is said instead of the banner. */
  connect(): Promise<Reply | null>;
  /**
   * A command has arrived, before its syntax was looked at: counts it, and returns 421 if the client has reached one of the
   * policy's `limits`. A host that calls it does so once for every command, also for those without a verb below (NOOP, VRFY).
   * If it is not called, the verbs count themselves.
   */
  command(): Reply | null;
  /** HELO, EHLO or LHLO, with the argument as the client wrote it. */
  helo(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Promise<Reply | null>;
  /** The TLS handshake is done. What the client said before it is forgotten (RFC 3207 §4.2). */
  startTls(tls: TlsFacts): void;
  /** The client names a mechanism; asked before any secret is. */
  auth(mechanism: string): Promise<Reply | null>;
  /**
   * How a login ended: the outcome that `smtpAuth()`'s `login()` returns. Records it as an event, counts wrong credentials,
   * and makes the reply; `null` for a login that was accepted, after which `authenticated()` is called.
   */
  loginJudged(mechanism: string, outcome: Outcome): Reply | null;
  /** The client has logged in as `identity`. */
  authenticated(identity: string, mechanism?: string): void;
  /** A login failed that `loginJudged()` was not told of. Counts it in the tally, and shows it to the policy's bans. */
  authenticationFailed(): void;
  /**
   * The client sent an unknown or malformed command: counts it in the tally, and shows it to the policy's bans. With
   * `sequence`, a command that is out of order or not possible: counts it, unless it was pipelined behind a refused MAIL.
   */
  protocolError(kind?: 'syntax' | 'sequence'): void;
  /** MAIL FROM, with the path as the client wrote it. */
  mail(path: string, parameters?: { readonly [name: string]: string | true }): Promise<Reply | null>;
  /** RCPT TO, with the path as the client wrote it. */
  rcpt(path: string): Promise<Reply | null>;
  /**
   * The message, with the dot-stuffing undone. A stream is read to its end, whatever is decided.
   *
   * @param options `copy` takes the message while it is read, with its line endings as `bareLineEndings` leaves them
   */
  data(
    message: Uint8Array | AsyncIterable<Uint8Array>,
    options?: { readonly copy?: MessageSink },
  ): Promise<MessageOutcome>;
  /** RSET, or a transaction that came to its end another way. */
  reset(): void;
  /** The connection is gone, however it went. Gives back what the session held; may be called more than once. */
  close(): Promise<void>;
  /** What is known now. */
  readonly facts: { readonly connect: ConnectFacts; readonly helo: HeloFacts | null; readonly mail: MailFacts | null };
  /** The recipients that were accepted at RCPT. */
  readonly recipients: readonly Mailbox[];
  /** Those of `recipients` for whom the decisions so far do not discard the message. */
  readonly keptRecipients: readonly Mailbox[];
  /** The name whose Authentication-Results fields are to be removed: give it to `withoutOwnResults` of `postern/smtp`. */
  readonly authservId: string | undefined;
  /** Everything that was decided, the newest last; the oldest are dropped beyond 1,000. */
  readonly events: readonly SessionEvent[];
}
