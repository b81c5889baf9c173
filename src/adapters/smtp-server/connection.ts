import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import type { SmtpSession } from '../../session/index.ts';
import type { Reply } from '../../smtp/index.ts';
import { printReply, replyFor } from '../../smtp/index.ts';
import type { Login } from './login.ts';
import type { GuardOptions } from './options.ts';
import { parseXclient, XCLIENT_LINE, type Xclient } from './xclient.ts';

/** What a connection needs of the server that it belongs to. */
export interface Host {
  readonly guardOptions: Pick<GuardOptions, 'role' | 'server' | 'session' | 'env' | 'commandMs' | 'messageMs'>;
  /** What smtp-server goes by. */
  readonly options: { readonly size?: number };
  readonly login: Login | undefined;
  receive(guard: SmtpSession, stream: AsyncIterable<Uint8Array>): Promise<readonly Reply[]>;
  mayUseXclient(connection: GuardedConnection): boolean;
  handOver(connection: GuardedConnection, client: Xclient): Promise<Reply | null>;
  trouble(error: unknown): void;
}

/** An enhanced status code at the beginning of a reply's text: the reply table's own, not smtp-server's guess. */
const OWN_STATUS = /^[245]\.\d{1,3}\.\d{1,3}(?: |$)/;

/** RFC 5321 §4.5.3.2.7. */
const COMMAND_MS = 300_000;
/** The largest message by default, at 78 kbit/s. */
const MESSAGE_MS = 3_600_000;

/** The path of a MAIL or RCPT command, as the client wrote it. */
const PATH = /^[^:]{4,16}:\s*(<[^>]{0,1100}>)/;

/**
 * A connection of smtp-server whose replies are the policy's. It overrides only what smtp-server has no hook for: HELO, the
 * mechanism of AUTH, the path as it was written, the replies to a message, the enhanced status code of a reply, and the time
 * that a client may take.
 */
export class GuardedConnection extends SMTPConnection {
  /** Set before anything is read. */
  guard!: SmtpSession;
  /** What connect-stage rules said; asked at the TCP connection, while smtp-server holds the greeting back. */
  greeting!: Promise<Reply | null>;
  /** The path of the MAIL or RCPT command at hand. */
  path = '';
  readonly #server: Host;
  readonly #raw: Socket | TLSSocket;
  /** Stops the time of the command or the message that the client is sending. */
  #stopTime: (() => void) | undefined;
  /** What XCLIENT said, until the next greeting. */
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

  /** From now on the client has `ms` milliseconds: smtp-server's own timeout begins again with every byte. */
  #startTime(ms: number): void {
    this.#endTime();
    if (this._closing || this._closed) return;
    this.#stopTime = this.#server.guardOptions.env.clock.after(ms, () => {
      const stream = this._dataStream;
      this.say(replyFor('timeout', 'Timeout; the client was too slow', 'defer', this.#correlation));
      if (stream) stream.destroy(new Error(`the client has not sent its message within ${ms} ms`));
    });
  }

  #endTime(): void {
    this.#stopTime?.();
    this.#stopTime = undefined;
  }

  get #correlation(): { correlation?: string } {
    return this.#server.guardOptions.session?.correlation ? { correlation: this.id } : {};
  }

  override _onClose(): void {
    this.#endTime();
    super._onClose();
  }

  override _onCommand(command: Buffer, callback?: () => void): void {
    this.#endTime();
    // A line of a SASL exchange is not a command, and before the greeting or a TLS handshake there are none.
    if (this._ready && !this._upgrading && !this._nextHandler) {
      const over = this.guard.command();
      // A reply to HELO, EHLO or LHLO has no enhanced status code (RFC 2034 §3).
      const greets = /^(?:HELO|[EL]HLO)\b/i.test(command.toString('latin1'));
      if (this.say(over !== null && greets ? { ...over, enhanced: '' } : over)) return;
    }
    super._onCommand(command, () => {
      if (!this._dataStream) this.#startTime(this.#commandMs);
      callback?.();
    });
  }

  /** The socket at hand: the one of the connection, or the TLS layer over it. */
  get current(): Socket | TLSSocket {
    return (this._socket as Socket | TLSSocket | undefined) ?? this.#raw;
  }

  /** Sends the reply; returns `false` if there is none. */
  say(reply: Reply | null): reply is Reply {
    if (reply === null) return false;
    const [, text = ''] = /^\d{3} (.*)$/s.exec(printReply(reply)) ?? [];
    this.send(reply.code, text, reply.enhanced === '' ? false : undefined);
    if (reply.close) this.close();
    return true;
  }

  override send(code: number, data?: string | string[], context?: string | false): void {
    const own = typeof data === 'string' && OWN_STATUS.test(data);
    // smtp-server's own replies to what it cannot read, or does not know (RFC 5321 §4.2.4), and to all else it refuses.
    if (!own && context !== false && code >= 400 && code !== 421)
      this.guard.protocolError(code === 500 || code === 501 || code === 502 ? 'syntax' : 'sequence');
    super.send(code, data, own ? false : context);
  }

  override handler_EHLO(command: Buffer, callback: () => void): void {
    this.#greet(command, this.#server.guardOptions.role === 'lmtp' ? 'LHLO' : 'EHLO', callback);
  }

  override handler_HELO(command: Buffer, callback: () => void): void {
    this.#greet(command, 'HELO', callback);
  }

  #greet(command: Buffer, verb: 'HELO' | 'EHLO' | 'LHLO', callback: () => void): void {
    const [, name = ''] = /^\S+\s+(.*?)\s*$/s.exec(command.toString('latin1')) ?? [];
    const told = this.#xclient;
    this.#xclient = undefined;
    this.#settle(callback, this.guard.helo(told?.verb ?? verb, told?.helo ?? name), (reply) => {
      if (this.say(reply)) return;
      this.hostNameAppearsAs = name.toLowerCase();
      this._resetSession();
      this.send(250, verb === 'HELO' ? `${this.name} at your service` : this.#extensions(), false);
    });
  }

  /** RFC 5321 §4.1.1.1: the server's name, then a line for each extension. */
  #extensions(): string[] {
    const { server = {}, session = {} } = this.#server.guardOptions;
    const lines = [`${this.name} at your service`];
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
   * https://www.postfix.org/XCLIENT_README.html: the session begins anew, as the one of the client that the proxy names. HELO and
   * PROTO are the client's: they stand for what the proxy says in its next EHLO.
   */
  override handler_XCLIENT(command: Buffer, callback: () => void): void {
    const told = parseXclient(command.toString('latin1'));
    const allowed = this.#server.mayUseXclient(this);
    if (!allowed || this.session.envelope.mailFrom || told === undefined) {
      if (!allowed) this.send(550, '5.7.1 XCLIENT is not allowed');
      else if (told === undefined) this.send(501, '5.5.4 Bad XCLIENT attributes');
      else this.send(503, '5.5.1 Not during a mail transaction');
      callback();
      return;
    }
    this.hostNameAppearsAs = false;
    this.openingCommand = false;
    this.session.user = false;
    this.#settle(callback, this.#server.handOver(this, told), (reply) => {
      this._resetSession();
      if (this.say(reply)) return this.close();
      this.#xclient = told;
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
      this.say(replyFor('auth-not-offered', 'AUTH is not offered here', 'reject', this.#correlation));
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

  /** The next line that the client writes, in the middle of a SASL exchange. */
  nextLine(challenge: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(new Error('the client went away'));
      this.#raw.once('close', gone);
      this.waiting = (line, done) => {
        this.#raw.removeListener('close', gone);
        this.resume = done;
        resolve(line);
      };
      this._nextHandler = ((line: Buffer, done: () => void) =>
        this.waiting?.(line.toString('latin1').trim(), done)) as never;
      this.send(334, challenge);
      this.resume?.();
      this.resume = undefined;
    });
  }

  waiting: ((line: string, done: () => void) => void) | undefined;
  /** Lets smtp-server read the next command; kept while an exchange is under way. */
  resume: (() => void) | undefined;

  override handler_MAIL(command: Buffer, callback: () => void): void {
    this.path = pathOf(command);
    super.handler_MAIL(command, callback);
  }

  override handler_RCPT(command: Buffer, callback: () => void): void {
    this.path = pathOf(command);
    super.handler_RCPT(command, callback);
  }

  override handler_RSET(command: Buffer, callback: () => void): void {
    this.guard.reset();
    super.handler_RSET(command, callback);
  }

  override handler_STARTTLS(command: Buffer, callback: () => void): void {
    if (this.session.envelope.mailFrom) {
      this.say(replyFor('bad-sequence', 'Not during a mail transaction', 'reject', this.#correlation));
      callback();
      return;
    }
    super.handler_STARTTLS(command, callback);
  }

  /** RFC 5321 §4.1.1.4. The replies are as many as the recipients with LMTP, whom smtp-server counts without repetitions. */
  override handler_DATA(_command: Buffer, callback: () => void): void {
    const parser = this._parser;
    if (!parser || this.guard.recipients.length === 0) {
      this.say(replyFor('bad-sequence', 'Send RCPT first', 'reject', this.#correlation));
      callback();
      return;
    }
    // The session counts the bytes.
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
    this.send(354, 'End data with <CR><LF>.<CR><LF>');
    callback();
  }

  /** Waits for the policy, sends its reply, and lets smtp-server go on, whatever happens. */
  #settle(
    callback: () => void,
    reply: Promise<Reply | null>,
    then: (reply: Reply | null) => void | Promise<void>,
  ): void {
    this.resume = callback;
    reply
      .then(then)
      .catch((error: unknown) => {
        this.#server.trouble(error);
        this.say(replyFor('policy-engine', 'A policy check could not be completed', 'defer', this.#correlation));
      })
      .finally(() => {
        this.resume?.();
        this.resume = undefined;
      });
  }
}

const pathOf = (command: Buffer): string => PATH.exec(command.toString('utf8'))?.[1] ?? '';
