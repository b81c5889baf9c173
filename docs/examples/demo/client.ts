import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { connect as connectTls } from 'node:tls';

/** How long the client waits for a reply, in milliseconds. */
const REPLY_TIMEOUT_MS = 15_000;

/** A client for line protocols. It uses a plain socket and nothing of the library. */
export class LineClient {
  #socket: Socket;
  #reader: Interface;
  #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#reader = readerOf(socket);
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Connects. `from` is sent as the client address in a PROXY protocol header. */
  static async to(port: number, from?: { readonly ip: string; readonly port: number }): Promise<LineClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    if (from !== undefined) {
      const [family, own] = from.ip.includes(':') ? ['TCP6', '::1'] : ['TCP4', '127.0.0.1'];
      socket.write(`PROXY ${family} ${from.ip} ${own} ${from.port} ${port}\r\n`);
    }
    return new LineClient(socket);
  }

  /** Starts TLS. The server's certificate is self-signed, so it is not verified. */
  async startTls(): Promise<void> {
    this.#reader.close();
    const secure = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    this.#socket = secure;
    this.#reader = readerOf(secure);
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Returns the last line of the next reply, or an empty string if the connection has ended. */
  async reply(last: RegExp = /^\d{3}(?: |$)/): Promise<string> {
    const late = setTimeout(() => this.#socket.destroy(), REPLY_TIMEOUT_MS);
    try {
      for (;;) {
        const { done, value } = await this.#lines.next();
        if (done === true) return '';
        if (last.test(value)) return value;
      }
    } finally {
      clearTimeout(late);
    }
  }

  /** Sends a command and returns the last line of its reply. */
  ask(command: string, last?: RegExp): Promise<string> {
    this.#socket.write(`${command}\r\n`);
    return this.reply(last);
  }

  /** Sends a message with its dots stuffed, and returns the reply. */
  send(message: string): Promise<string> {
    const stuffed = message.replace(/^\./gm, '..');
    this.#socket.write(stuffed.endsWith('\r\n') ? `${stuffed}.\r\n` : `${stuffed}\r\n.\r\n`);
    return this.reply();
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Reads lines until the socket closes, for whatever reason. */
function readerOf(socket: Socket): Interface {
  const reader = createInterface(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => reader.close());
  return reader;
}
