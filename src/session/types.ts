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
 * One decision, for logs, metrics and replay. Plain JSON.
 *
 * A login has two events at `auth`: the decision about the mechanism, and the result, whose finding has a `LoginDetail` of
 * `postern/checks/smtp-auth` in `detail`. A session that is ended by a limit has one more event at `connect`.
 */
export interface SessionEvent {
  readonly stage: keyof SmtpStages;
  readonly decision: Decision;
  /** `null` if the decision does not refuse. */
  readonly reply: Reply | null;
  /** How long the decision took, in milliseconds. */
  readonly tookMs: number;
  /** The recipient: at `rcpt`, and with LMTP also at `data`. */
  readonly recipient?: string;
}

export interface SmtpSessionOptions {
  /** Milliseconds after which a stage is decided; checks without an answer count as `temperror`. Default: 30,000. */
  readonly deadlineMs?: number;
  /** Longest time that a rule may delay a reply, in milliseconds. Default: 30,000. */
  readonly maxDelayMs?: number;
  /**
   * Runs checks as soon as their facts exist. Default: true for the role `mx`. On submission most clients log in, and DNS
   * lists need not be queried for them.
   */
  readonly earlyChecks?: boolean;
  /** Whether the server offers SMTPUTF8 (RFC 6531). Default: false. */
  readonly smtpUtf8?: boolean;
  /** The domain of a bare `<postmaster>`. Default: the server's name. */
  readonly postmasterDomain?: string;
  /** Adds the session's id to the end of every refusal. Default: false. */
  readonly correlation?: boolean;
  /** Limits for parsing the message. Default: those of `readMessage` of `postern/message`. */
  readonly reading?: ReadOptions;
  /** Largest message in bytes that is kept for checks that need it raw. Default: 0, none. */
  readonly keepMessage?: number;
  /** Largest message in bytes; a larger one is answered `552 5.3.4`. Default: no limit. */
  readonly size?: number;
  /**
   * What to do with a message that contains a bare CR, a bare LF or a NUL. One server may end the message there and another
   * not, which can hide a second message (SMTP smuggling). `refuse` replies `550 5.5.2`; `normalize` turns a bare LF into CR LF,
   * and a bare CR or a NUL into a space; `keep` changes nothing. `message.bareLineEndings` at `data` has the counts. Default:
   * `refuse`.
   */
  readonly bareLineEndings?: BareLineEndingPolicy;
  /**
   * The name of this service in Authentication-Results fields (RFC 8601 §2.5), the same on all its hosts; `null` for no such
   * field. Default: the server's name for the role `mx`. For `submission`, fields with the server's name are removed and none
   * is written. For `lmtp`, all fields stay, because the server that delivers by LMTP is trusted.
   */
  readonly authservId?: string | null;
  /** Called for every ban of the policy's `bans`. */
  readonly onBan?: (ban: Ban, facts: ConnectFacts) => void;
  /** Called for every decision. */
  readonly onEvent?: (event: SessionEvent, facts: SmtpStages[keyof SmtpStages]) => void;
  /**
   * Called once for every failure outside a check: of a hook, a store, the clock or the policy's authenticator. The session
   * continues, and its decisions are unchanged. An error that `onError` throws is ignored.
   */
  readonly onError?: (error: Error) => void;
}

/** The decision about a message for one recipient. */
export interface RecipientOutcome {
  readonly recipient: Mailbox;
  /** `null` if the message is not refused. With SMTP, all recipients share the reply of the message. */
  readonly reply: Reply | null;
  /** The strongest action of all stages, from the connection to the message. */
  readonly action: Decision['action'];
  /** The decisions of all stages, folded into one. */
  readonly decision: Decision;
  /** The header fields for this recipient's copy. */
  readonly headers: readonly HeaderField[];
}

/** The decision about a message. */
export interface MessageOutcome {
  /** The reply of SMTP; `null` if the message is not refused. With LMTP, the reply of the last recipient. */
  readonly reply: Reply | null;
  /** The decision for each accepted recipient, in the order of RCPT. A recipient that was named twice is listed twice. */
  readonly recipients: readonly RecipientOutcome[];
  /** With LMTP the same as `recipients`: one reply for each, in this order (RFC 2033 §4.2). With SMTP empty. */
  readonly perRecipient: readonly RecipientOutcome[];
  /**
   * Header fields to add in front of a message that is kept: Authentication-Results, then the fields that rules of any stage
   * add.
   */
  readonly headers: readonly HeaderField[];
  /**
   * What to do with the message, from the decisions of all stages. If the recipients differ, the message is discarded only if it
   * is discarded for all of them, and quarantined if it is quarantined for one of the others; see `recipients`.
   */
  readonly action: Decision['action'];
  readonly message: MessageFacts;
  /** What the message proves about its author, if the policy authenticates messages. */
  readonly authentication?: MessageAuthentication;
}

/** Takes a message in chunks. */
export interface MessageWriter {
  /** Takes the next chunk. If it returns a promise, wait for it before the next call. */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** The message is complete: decides about it. Never rejects. */
  end(): Promise<MessageOutcome>;
  /** The message will never be complete: the client has disconnected, or was too slow. `copy` receives the error. */
  abort(error?: Error): MessageOutcome;
}

/**
 * One SMTP session: takes commands, returns replies. `null` means that the policy does not refuse, and the server replies as
 * usual. No method rejects.
 */
export interface SmtpSession {
  /** A client has connected. A refusal is sent instead of the banner. */
  connect(): Promise<Reply | null>;
  /**
   * A command has arrived; its syntax has not been checked. Counts it, and returns 421 if the client has reached one of the
   * policy's `limits`. Call it for every command, also for those without a method here (NOOP, VRFY), or for none: then the
   * methods count their own commands.
   */
  command(): Reply | null;
  /** HELO, EHLO or LHLO, with the argument as the client wrote it. */
  helo(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Promise<Reply | null>;
  /** The TLS handshake is complete. Discards what the client sent before it (RFC 3207 §4.2). */
  startTls(tls: TlsFacts): void;
  /** The client has named a mechanism. Call it before the client sends a secret. */
  auth(mechanism: string): Promise<Reply | null>;
  /**
   * A login has ended with the outcome that `login()` of `smtpAuth()` returns. Records it as an event, counts wrong
   * credentials, and returns the reply; `null` if the login was accepted. Then call `authenticated()`.
   */
  loginJudged(mechanism: string, outcome: Outcome): Reply | null;
  /** The client has logged in as `identity`. */
  authenticated(identity: string, mechanism?: string): void;
  /** A login has failed without `loginJudged()`. Counts it in the tally and against the policy's bans. */
  authenticationFailed(): void;
  /**
   * The client has sent an unknown or malformed command. Counts it in the tally and against the policy's bans. With
   * `sequence`, the command is out of order or not possible: counts it in the tally, unless it was pipelined behind a refused
   * MAIL.
   */
  protocolError(kind?: 'syntax' | 'sequence'): void;
  /** MAIL FROM, with the path as the client wrote it. */
  mail(path: string, parameters?: { readonly [name: string]: string | true }): Promise<Reply | null>;
  /** RCPT TO, with the path as the client wrote it. */
  rcpt(path: string): Promise<Reply | null>;
  /**
   * Reads the message, with the dot-stuffing undone, and decides about it. A stream is read to its end in any case.
   *
   * @param options `copy` receives the message while it is read, with its line endings as `bareLineEndings` leaves them
   */
  data(
    message: Uint8Array | AsyncIterable<Uint8Array>,
    options?: { readonly copy?: MessageSink },
  ): Promise<MessageOutcome>;
  /** The same for a host that gets the message chunk by chunk: begins a message, and returns what takes its chunks. */
  receive(options?: { readonly copy?: MessageSink }): MessageWriter;
  /** RSET, or a transaction that has ended in another way. */
  reset(): void;
  /** The connection is closed. Releases what the session holds. May be called more than once. */
  close(): Promise<void>;
  /** The facts that are known now. */
  readonly facts: { readonly connect: ConnectFacts; readonly helo: HeloFacts | null; readonly mail: MailFacts | null };
  /** The recipients that were accepted at RCPT. */
  readonly recipients: readonly Mailbox[];
  /** Those of `recipients` for whom no decision so far discards the message. */
  readonly keptRecipients: readonly Mailbox[];
  /** The name whose Authentication-Results fields must be removed: pass it to `withoutOwnResults` of `postern/smtp`. */
  readonly authservId: string | undefined;
  /** All decisions, the newest last. Only the newest 1,000 are kept. */
  readonly events: readonly SessionEvent[];
}
