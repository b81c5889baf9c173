import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import type { SmtpSession } from '../../session/index.ts';
import type { Reply } from '../../smtp/index.ts';
import { positiveReply, protocolErrorOf, replyFor } from '../../smtp/index.ts';
import { type EnvelopeCommand, readEnvelopeCommand } from './envelope-command.ts';
import type { Login } from './login.ts';
import type { GuardOptions } from './options.ts';
import { parseXclient, XCLIENT_LINE, type Xclient } from './xclient.ts';

/** What a connection needs from its server. */
export interface Host {
  readonly guardOptions: Pick<GuardOptions, 'role' | 'server' | 'session' | 'env' | 'commandMs' | 'messageMs'>;
  /** The options of smtp-server. */
  readonly options: { readonly size?: number };
  readonly login: Login | undefined;
  receive(guard: SmtpSession, stream: Readable): Promise<readonly Reply[]>;
  mayUseXclient(connection: GuardedConnection): boolean;
  handOver(connection: GuardedConnection, client: Xclient): Promise<Reply | null>;
  trouble(error: unknown): void;
}

/** RFC 5321 §4.5.3.2.7. */
const COMMAND_MS = 300_000;
/** The time for the largest message by default, at 78 kbit/s. */
const MESSAGE_MS = 3_600_000;

/**
 * A connection of smtp-server with the replies of a policy. It overrides only what smtp-server has no hook for: HELO, the
 * mechanism of AUTH, the parsing of MAIL and RCPT, the replies to a message, the enhanced status code of a reply, and the
 * deadlines for the client.
 */
export class GuardedConnection extends SMTPConnection {
  /** Set before anything is read. */
  guard!: SmtpSession;
  /** The decision of connect-stage rules, which run while smtp-server delays the greeting. */
  greeting!: Promise<Reply | null>;
  readonly #server: Host;
  readonly #raw: Socket | TLSSocket;
  /** When the client must have sent its command or message; `Infinity` while the client waits for the server. */
  #due = Number.POSITIVE_INFINITY;
  #allowedMs = 0;
  /** When the timer runs out. One timer serves many commands, and is set again if it runs out before `#due`. */
  #timerAt = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;
  /** Continues with the next command, while one is decided. */
  #next: (() => void) | undefined;
  /** The attributes of XCLIENT, until the next greeting. */
  #xclient: Xclient | undefined;

  constructor(server: Host, socket: Socket | TLSSocket, options: object) {
    super(server as never, socket as never, options as never);
    this.#server = server;
    this.#raw = socket;
  }

  override init(): void {
    this.#startTime(this.#commandMs);
    super.init();
  }

  get #commandMs(): number {
    return this.#server.guardOptions.commandMs ?? COMMAND_MS;
  }

  /** Gives the client `ms` milliseconds from now. smtp-server's own timeout starts again with every byte. */
  #startTime(ms: number): void {
    if (this._closing || this._closed) return;
    try {
      this.#allowedMs = ms;
      this.#due = this.#now() + ms;
      if (this.#due < this.#timerAt) this.#setTimer(ms);
    } catch (error) {
      // The clock of the host is broken; smtp-server's own timeout remains.
      this.#server.trouble(error);
    }
  }

  #setTimer(ms: number): void {
    this.#cancelTimer?.();
    this.#timerAt = this.#now() + ms;
    this.#cancelTimer = this.#server.guardOptions.env.clock.after(ms, () => this.#timeOut());
  }

  #timeOut(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#cancelTimer = undefined;
    if (this.#due === Number.POSITIVE_INFINITY) return;
    const left = this.#due - this.#now();
    if (left > 0) {
      this.#setTimer(left);
      return;
    }
    const stream = this._dataStream;
    this.say(replyFor('timeout', 'Timeout, client is too slow', 'defer', this.#correlation));
    if (stream) stream.destroy(new Error(`the client has not sent its message within ${this.#allowedMs} ms`));
  }

  /** A time that never jumps, if the clock has one. */
  #now(): number {
    const { clock } = this.#server.guardOptions.env;
    return clock.monotonic?.() ?? clock.now();
  }

  /** Stops the time: the client waits for the server. */
  #endTime(): void {
    this.#due = Number.POSITIVE_INFINITY;
  }

  get #correlation(): { correlation?: string } {
    return { correlation: this.#server.guardOptions.session?.correlation ? this.id : undefined };
  }

  override _onClose(): void {
    this.#endTime();
    this.#cancelTimer?.();
    super._onClose();
  }

  override _onCommand(command: Buffer, callback?: () => void): void {
    this.#endTime();
    // A line of a SASL exchange is not a command. There are none before the greeting, nor during a TLS handshake.
    if (this._ready && !this._upgrading && !this._nextHandler) {
      const over = this.guard.command();
      // A reply to HELO, EHLO or LHLO has no enhanced status code (RFC 2034 §3).
      if (over !== null) {
        const greets = /^(?:HELO|[EL]HLO)\b/i.test(command.toString('latin1'));
        this.say(greets ? { ...over, enhanced: '' } : over);
        return;
      }
    }
    super._onCommand(command, () => {
      if (!this._dataStream) this.#startTime(this.#commandMs);
      callback?.();
    });
  }

  /** The socket of the connection, or the TLS socket on top of it. */
  get current(): Socket | TLSSocket {
    return (this._socket as Socket | TLSSocket | undefined) ?? this.#raw;
  }

  /** Sends a reply of the policy or of the reply table, or does nothing if it is null. Returns whether it was sent. */
  say(reply: Reply | null): reply is Reply {
    if (reply === null) return false;
    const { code, enhanced, text, close } = reply;
    super.send(code, enhanced === '' ? text : `${enhanced} ${text}`, false);
    if (close) this.close();
    return true;
  }

  /** Sends a reply of smtp-server itself. */
  override send(code: number, data?: string | string[], context?: string | false): void {
    const kind = context === false ? undefined : protocolErrorOf(code);
    if (kind !== undefined) this.guard.protocolError(kind);
    super.send(code, data, context);
  }

  override handler_EHLO(command: Buffer, callback: () => void): void {
    this.#greet(command, this.#server.guardOptions.role === 'lmtp' ? 'LHLO' : 'EHLO', callback);
  }

  override handler_HELO(command: Buffer, callback: () => void): void {
    this.#greet(command, 'HELO', callback);
  }

  #greet(command: Buffer, verb: 'HELO' | 'EHLO' | 'LHLO', callback: () => void): void {
    const [, name = ''] = /^\S+\s+(.*?)\s*$/s.exec(command.toString('latin1')) ?? [];
    const named = this.#xclient;
    this.#xclient = undefined;
    this.#settle(callback, this.guard.helo(named?.verb ?? verb, named?.helo ?? name), (reply) => {
      if (this.say(reply)) return;
      this.hostNameAppearsAs = name.toLowerCase();
      this._resetSession();
      const greeting = positiveReply('greeting', `${this.name} at your service`);
      if (verb === 'HELO') this.say(greeting);
      else super.send(greeting.code, [greeting.text, ...this.#extensions()], false);
    });
  }

  /** One line for each extension (RFC 5321 §4.1.1.1). */
  #extensions(): string[] {
    const { server = {}, session = {} } = this.#server.guardOptions;
    const lines: string[] = [];
    if (!server.hidePIPELINING) lines.push('PIPELINING');
    if (!server.hide8BITMIME) lines.push('8BITMIME');
    if (session.smtpUtf8) lines.push('SMTPUTF8');
    lines.push('ENHANCEDSTATUSCODES');
    if (server.hideDSN === false) lines.push('DSN');
    const mechanisms = this.#server.login?.offered(this.guard) ?? [];
    if (mechanisms.length > 0 && !this.session.user) lines.push(`AUTH ${mechanisms.join(' ')}`);
    if (!this.secure && this._isSupported('STARTTLS') && !server.hideSTARTTLS) lines.push('STARTTLS');
    if (this.secure && server.hideREQUIRETLS === false) lines.push('REQUIRETLS');
    const { size } = this.#server.options;
    if (size) lines.push(server.hideSize ? 'SIZE' : `SIZE ${size}`);
    if (this.#server.mayUseXclient(this)) lines.push(XCLIENT_LINE);
    return lines;
  }

  /**
   * Begins the session again for the client that a proxy names (https://www.postfix.org/XCLIENT_README.html). HELO and PROTO
   * of that client replace those of the proxy's next EHLO.
   */
  override handler_XCLIENT(command: Buffer, callback: () => void): void {
    const client = parseXclient(command.toString('latin1'));
    const refusal = !this.#server.mayUseXclient(this)
      ? replyFor('command-denied', 'XCLIENT is not allowed', 'reject', this.#correlation)
      : client === undefined
        ? replyFor('parameter-syntax', 'Invalid XCLIENT attributes', 'reject', this.#correlation)
        : this.session.envelope.mailFrom
          ? replyFor('bad-sequence', 'XCLIENT is not allowed during a mail transaction', 'reject', this.#correlation)
          : null;
    if (client === undefined || refusal !== null) {
      this.say(refusal);
      callback();
      return;
    }
    this.hostNameAppearsAs = false;
    this.openingCommand = false;
    this.session.user = false;
    this.#settle(callback, this.#server.handOver(this, client), (reply) => {
      this._resetSession();
      if (this.say(reply)) return this.close();
      this.#xclient = client;
      this._sendGreeting();
    });
  }

  override handler_AUTH(command: Buffer, callback: () => void): void {
    const { login } = this.#server;
    const [, mechanism = '', initial] = command.toString('latin1').trim().split(/\s+/);
    if (this.session.user) {
      this.say(replyFor('bad-sequence', 'Already authenticated', 'reject', this.#correlation));
      callback();
      return;
    }
    if (login === undefined) {
      this.say(replyFor('auth-not-offered', 'AUTH is not available', 'reject', this.#correlation));
      callback();
      return;
    }
    this.#settle(callback, this.guard.auth(mechanism), async (reply) => {
      if (this.say(reply)) return;
      const gone = new AbortController();
      const abort = (): void => gone.abort();
      this.#raw.once('close', abort);
      try {
        this.say(await login.exchange(this, this.guard, mechanism.toUpperCase(), initial, gone.signal));
      } finally {
        this.#raw.removeListener('close', abort);
      }
    });
  }

  /** Sends a challenge, and resolves with the client's answer. */
  nextLine(challenge: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(new Error('the client has disconnected'));
      this.#raw.once('close', gone);
      this.waiting = (line, done) => {
        this.#raw.removeListener('close', gone);
        this.resume = done;
        resolve(line);
      };
      this._nextHandler = ((line: Buffer, done: () => void) =>
        this.waiting?.(line.toString('latin1').trim(), done)) as never;
      this.say(positiveReply('challenge', challenge));
      this.resume?.();
      this.resume = undefined;
    });
  }

  waiting: ((line: string, done: () => void) => void) | undefined;
  /** Lets smtp-server read the next command; set during a SASL exchange. */
  resume: (() => void) | undefined;

  override handler_MAIL(command: Buffer, callback: () => void): void {
    this.#next = callback;
    super.handler_MAIL(command, callback);
  }

  override handler_RCPT(command: Buffer, callback: () => void): void {
    this.#next = callback;
    super.handler_RCPT(command, callback);
  }

  /** Splits the command; the session parses its path. */
  override _parseAddressCommand(verb: string, command: Buffer | string): EnvelopeCommand | false {
    return readEnvelopeCommand(verb, command.toString('utf8')) ?? false;
  }

  /** Sends the policy's reply to MAIL or RCPT, or lets smtp-server accept the command. */
  judged(reply: Promise<Reply | null>, accept: () => void): void {
    const next = this.#next;
    reply.then(
      (refusal) => {
        if (this.say(refusal)) next?.();
        else accept();
      },
      (error: unknown) => {
        this.#broken(error);
        next?.();
      },
    );
  }

  override handler_RSET(command: Buffer, callback: () => void): void {
    this.guard.reset();
    super.handler_RSET(command, callback);
  }

  override handler_STARTTLS(command: Buffer, callback: () => void): void {
    if (this.session.envelope.mailFrom) {
      this.say(
        replyFor('bad-sequence', 'STARTTLS is not allowed during a mail transaction', 'reject', this.#correlation),
      );
      callback();
      return;
    }
    super.handler_STARTTLS(command, callback);
  }

  /** RFC 5321 §4.1.1.4. With LMTP there is a reply for each RCPT; smtp-server would count a repeated recipient once. */
  override handler_DATA(_command: Buffer, callback: () => void): void {
    const parser = this._parser;
    if (!parser || this.guard.recipients.length === 0) {
      this.say(replyFor('bad-sequence', 'Send RCPT first', 'reject', this.#correlation));
      callback();
      return;
    }
    // The session limits the size.
    const stream = parser.startDataMode(0);
    this._dataStream = stream;
    this.#startTime(this.#server.guardOptions.messageMs ?? MESSAGE_MS);
    stream.once('end', () => this.#endTime());
    this.#server.receive(this.guard, stream).then((replies) => {
      this._dataStream = false;
      this._transactionCounter++;
      this._unrecognizedCommands = 0;
      this._resetSession();
      for (const reply of replies) this.say(reply);
      this.#startTime(this.#commandMs);
      parser.continue();
    });
    this.say(positiveReply('send-message', 'End data with <CR><LF>.<CR><LF>'));
    callback();
  }

  /** Waits for the policy's reply, handles it, and lets smtp-server continue in any case. */
  #settle(
    callback: () => void,
    reply: Promise<Reply | null>,
    then: (reply: Reply | null) => void | Promise<void>,
  ): void {
    this.resume = callback;
    reply
      .then(then)
      .catch((error: unknown) => this.#broken(error))
      .finally(() => {
        this.resume?.();
        this.resume = undefined;
      });
  }

  #broken(error: unknown): void {
    this.#server.trouble(error);
    this.say(replyFor('policy-engine', 'A policy check could not be completed', 'defer', this.#correlation));
  }
}
