import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';

/** A client that says what it is told to, and shows what it hears. */
export class Client {
  #socket: Socket;
  #heard = '';
  #closed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  static async open(port: number, options: { readonly localAddress?: string } = {}): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', ...options });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Client(socket);
  }

  static async openTls(port: number, options: ConnectionOptions = {}): Promise<Client> {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return new Client(socket);
  }

  get socket(): Socket {
    return this.#socket;
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(text: string | Buffer): void {
    this.#socket.write(text);
  }

  /** The next line, without its line end; `undefined` where the connection ends first. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const at = this.#heard.indexOf('\r\n');
      if (at >= 0) {
        const line = this.#heard.slice(0, at);
        this.#heard = this.#heard.slice(at + 2);
        return line;
      }
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async lines(count: number): Promise<(string | undefined)[]> {
    const lines: (string | undefined)[] = [];
    for (let i = 0; i < count; i++) lines.push(await this.line());
    return lines;
  }

  /** Says a line, and hears one. */
  async ask(text: string): Promise<string | undefined> {
    this.send(`${text}\r\n`);
    return this.line();
  }

  /** Everything until the connection ends. */
  async rest(): Promise<string> {
    while (!this.#closed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#heard;
  }

  async startTls(options: ConnectionOptions = {}): Promise<TLSSocket> {
    this.#socket.removeAllListeners();
    const secure = connectTls({ socket: this.#socket, rejectUnauthorized: false, ...options });
    await new Promise<void>((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject));
    this.#socket = secure;
    this.#listen();
    return secure;
  }

  close(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    this.#socket.on('data', (chunk) => {
      this.#heard += chunk.toString('latin1');
      this.#wake();
    });
    this.#socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
    this.#socket.on('error', () => undefined);
  }
}
