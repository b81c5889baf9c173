import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** How long the client waits for a reply, in milliseconds. */
const REPLY_TIMEOUT_MS = 15_000;

/** A client for line protocols. It uses a plain socket and nothing of the library. */
export class LineClient {
  #socket: Socket;
  #received = '';
  #waiting: (() => void) | undefined;
  #closed = false;
  /** All lines in both directions: `C: …` and `S: …`. */
  readonly transcript: string[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  /** Connects. `from` is sent as the client address in a PROXY protocol header. */
  static async to(port: number, from?: { readonly ip: string; readonly port: number }): Promise<LineClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const client = new LineClient(socket);
    if (from !== undefined) {
      const family = from.ip.includes(':') ? 'TCP6' : 'TCP4';
      socket.write(`PROXY ${family} ${from.ip} ${family === 'TCP6' ? '::1' : '127.0.0.1'} ${from.port} ${port}\r\n`);
    }
    return client;
  }

  #listen(): void {
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text) => {
      this.#received += text;
      this.#waiting?.();
    });
    const gone = (): void => {
      this.#closed = true;
      this.#waiting?.();
    };
    this.#socket.on('close', gone);
    this.#socket.on('end', gone);
    this.#socket.on('error', gone);
  }

  /** Starts TLS. The server's certificate is not verified. */
  async startTls(): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners();
    plain.on('error', () => undefined);
    const secure = connectTls({ socket: plain, rejectUnauthorized: false });
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', resolve);
      secure.once('error', reject);
    });
    this.#socket = secure;
    this.#received = '';
    this.#listen();
  }

  /** Sends a line. `hidden` keeps it out of the transcript. */
  say(line: string, hidden = false): void {
    this.transcript.push(`C: ${hidden ? '(not shown)' : line}`);
    this.#socket.write(`${line}\r\n`);
  }

  /** Returns the last line of the next reply, which `complete` matches, or an empty string if the server has closed. */
  async hear(complete: RegExp = /^\d{3}(?: .*)?$/): Promise<string> {
    const until = Date.now() + REPLY_TIMEOUT_MS;
    for (;;) {
      for (let end = this.#received.indexOf('\n'); end >= 0; end = this.#received.indexOf('\n')) {
        const line = this.#received.slice(0, end).replace(/\r$/, '');
        this.#received = this.#received.slice(end + 1);
        this.transcript.push(`S: ${line}`);
        if (complete.test(line)) return line;
      }
      if (this.#closed) return '';
      const left = until - Date.now();
      if (left <= 0) throw new Error('the server did not answer in time');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async ask(line: string, complete?: RegExp, hidden?: boolean): Promise<string> {
    this.say(line, hidden);
    return this.hear(complete);
  }

  /** Sends a message with its dots stuffed, and returns the reply. */
  async send(message: string): Promise<string> {
    this.transcript.push(`C: (a message of ${message.length} octets)`);
    const stuffed = message.replace(/^\./gm, '..');
    this.#socket.write(stuffed.endsWith('\r\n') ? `${stuffed}.\r\n` : `${stuffed}\r\n.\r\n`);
    return this.hear();
  }

  close(): void {
    this.#socket.destroy();
  }
}
