import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import type { Reply } from '../../smtp/index.ts';
import { printReply } from '../../smtp/index.ts';
import type { SmtpSession } from '../smtp-session/index.ts';
import type { Login } from './login.ts';
import type { GuardOptions } from './options.ts';

/** What a connection needs of the server that it belongs to. */
export interface Host {
  readonly guardOptions: Pick<GuardOptions, 'role' | 'server' | 'session'>;
  readonly login: Login | undefined;
  trouble(error: unknown): void;
}

/** An enhanced status code at the beginning of a reply's text: the reply table's own, not smtp-server's guess. */
const OWN_STATUS = /^[245]\.\d{1,3}\.\d{1,3}(?: |$)/;

/** The path of a MAIL or RCPT command, as the client wrote it. */
const PATH = /^[^:]{4,16}:\s*(<[^>]{0,1100}>)/;

/**
 * A connection of smtp-server whose replies are the policy's. It steps in only where smtp-server has no hook: HELO, the
 * mechanism of AUTH, the path as it was written, and the enhanced status code of a reply.
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

  constructor(server: Host, socket: Socket | TLSSocket, options: object) {
    super(server as never, socket as never, options as never);
    this.#server = server;
    this.#raw = socket;
  }

  get underlying(): Socket | TLSSocket {
    return this.#raw;
  }

  /** Says the policy's reply; `false` where there was no objection. */
  say(reply: Reply | null): reply is Reply {
    if (reply === null) return false;
    const [, text = ''] = /^\d{3} (.*)$/s.exec(printReply(reply)) ?? [];
    this.send(reply.code, text, reply.enhanced === '' ? false : undefined);
    if (reply.close) this.close();
    return true;
  }

  override send(code: number, data?: string | string[] | undefined, context?: string | false): void {
    const own = typeof data === 'string' && OWN_STATUS.test(data);
    // smtp-server's own word for what is no command, or cannot be read (RFC 5321 §4.2.4).
    if (!own && context !== false && (code === 500 || code === 501 || code === 502)) this.guard.protocolError();
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
    this.#settle(callback, this.guard.helo(verb, name), (reply) => {
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
    if (session.smtpUtf8 && !server.hideSMTPUTF8) lines.push('SMTPUTF8');
    lines.push('ENHANCEDSTATUSCODES');
    if (server.hideDSN === false) lines.push('DSN');
    const mechanisms = this.#server.login?.offered(this.guard) ?? [];
    if (mechanisms.length > 0 && !this.session.user) lines.push(`AUTH ${mechanisms.join(' ')}`);
    if (!this.secure && this._isSupported('STARTTLS') && !server.hideSTARTTLS) lines.push('STARTTLS');
    if (this.secure && server.hideREQUIRETLS === false) lines.push('REQUIRETLS');
    if (server.size) lines.push(server.hideSize ? 'SIZE' : `SIZE ${server.size}`);
    if (this._proxyCommandAllowed('XCLIENT', 'useXClient')) lines.push('XCLIENT NAME ADDR PORT PROTO HELO LOGIN');
    if (this._proxyCommandAllowed('XFORWARD', 'useXForward'))
      lines.push('XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE');
    return lines;
  }

  override handler_AUTH(command: Buffer, callback: () => void): void {
    const { login } = this.#server;
    const [, mechanism = '', initial] = command.toString('latin1').trim().split(/\s+/);
    if (this.session.user) {
      this.send(503, '5.5.1 Already authenticated');
      callback();
      return;
    }
    if (login === undefined) {
      this.send(503, '5.5.1 AUTH is not offered here');
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
      this.send(503, '5.5.1 Not during a mail transaction');
      callback();
      return;
    }
    super.handler_STARTTLS(command, callback);
  }

  /** Waits for the policy, says what it says, and lets smtp-server go on, whatever happens. */
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
        this.send(451, '4.3.0 A policy check could not be completed');
      })
      .finally(() => {
        this.resume?.();
        this.resume = undefined;
      });
  }
}

const pathOf = (command: Buffer): string => PATH.exec(command.toString('utf8'))?.[1] ?? '';
