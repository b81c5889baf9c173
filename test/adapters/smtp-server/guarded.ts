import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import type { GuardedServer, GuardOptions } from 'postern/adapters/smtp-server';
import { guardedServer } from 'postern/adapters/smtp-server';
import { systemClock } from 'postern/adapters/system';
import { relayControl } from 'postern/checks/relay-control';
import type { Env } from 'postern/env';
import type { SmtpRules } from 'postern/smtp';
import { smtpPolicy } from 'postern/smtp';
import { zone } from 'postern/testing';

/** A server of a test, what it reported, and its clients. */
export interface Guarded {
  readonly server: GuardedServer;
  readonly errors: Error[];
  /** Connects, and hears the greeting. */
  client(): Promise<Client>;
}

const running: GuardedServer[] = [];

/** Ends every server that the test has begun. */
export async function endAll(): Promise<void> {
  for (const server of running.splice(0)) {
    for (const connection of server.connections) connection.close();
    await new Promise<void>((done) => server.close(done));
  }
}

export async function guarded(
  rules: Partial<SmtpRules>,
  options: Pick<GuardOptions, 'deliver'> & Partial<GuardOptions>,
): Promise<Guarded> {
  const clock = options.env?.clock ?? systemClock();
  const env: Env = { clock, dns: zone({}), counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const errors: Error[] = [];
  const server = guardedServer({
    policy: smtpPolicy({ relay: relayControl({ localDomains: ['example.com'], trustedNetworks: [] }), ...rules }),
    env,
    role: 'mx',
    onError: (error) => errors.push(error),
    ...options,
    server: { name: 'mx.example.com', logger: false, closeTimeout: 200, ...options.server },
  });
  running.push(server);
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return { server, errors, client: () => Client.to((listening.address() as AddressInfo).port) };
}

/** Sends bytes as they are, and hears whole replies. */
export class Client {
  readonly socket: Socket;
  readonly #waiting: string[] = [];
  #received = '';
  #closed = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1');
      for (let end = this.#received.indexOf('\r\n'); end >= 0; end = this.#received.indexOf('\r\n')) {
        const line = this.#received.slice(0, end);
        this.#received = this.#received.slice(end + 2);
        if (line[3] !== '-') this.#waiting.push(line);
      }
      this.#wake?.();
    });
    const gone = (): void => {
      this.#closed = true;
      this.#wake?.();
    };
    socket.on('error', gone);
    socket.on('close', gone);
  }

  static async to(port: number): Promise<Client> {
    const client = new Client(connect({ port, host: '127.0.0.1', noDelay: true }));
    await client.hear();
    return client;
  }

  write(octets: string | Uint8Array): void {
    this.socket.write(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets);
  }

  /** The next reply's last line; empty once the server has closed. */
  async hear(): Promise<string> {
    while (this.#waiting.length === 0 && !this.#closed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#waiting.shift() ?? '';
  }

  async ask(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.hear();
  }

  /** Sends a message's envelope; ends after 354, or at the first reply that is none of success. */
  async envelope(recipients: readonly string[], greeting = 'EHLO a.example'): Promise<string> {
    let last = '';
    const rcpts = recipients.map((recipient) => `RCPT TO:<${recipient}>`);
    for (const line of [greeting, 'MAIL FROM:<a@example.org>', ...rcpts, 'DATA']) last = await this.ask(line);
    return last;
  }

  /** The replies until the server has answered NOOP: no more of them are under way. */
  async rest(): Promise<string[]> {
    this.write('NOOP\r\n');
    const replies: string[] = [];
    for (;;) {
      const reply = await this.hear();
      if (reply === '' || reply === '250 2.0.0 OK') return replies;
      replies.push(reply);
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

/** The temporary files of messages that this process has open. `undefined` if the system does not tell. */
export async function openSpoolFiles(): Promise<number | undefined> {
  try {
    const links = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    return links.filter((path) => /postern-[\da-f-]{36}/.test(path)).length;
  } catch {
    return undefined;
  }
}

/** Waits for what the event loop still has to do. @throws {Error} if that takes longer than any machine needs */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const began = performance.now(); !(await holds()); ) {
    if (performance.now() - began > 25_000) throw new Error(`it does not come to this: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
