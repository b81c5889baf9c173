import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContextOptions, type SecureVersion, TLSSocket } from 'node:tls';
import type { Issued } from '../tls/certificates.ts';

/** Behaviour of a fake MX host. */
export interface Posture {
  /** Greeting. Undefined: none. Without a line end, it is sent verbatim. */
  readonly greeting?: string;
  /** The first sessions are greeted, later ones get this refusal. */
  readonly crowded?: { readonly most: number; readonly greeting: string };
  readonly greetAfterMs?: number;
  /** Keywords of EHLO, or the complete reply if it begins with a digit. */
  readonly ehlo?: readonly string[] | string;
  readonly helo?: string;
  readonly tls?: SecureContextOptions & {
    readonly chain: readonly Issued[];
    readonly versions?: readonly SecureVersion[];
  };
  /** Reply to STARTTLS. Default: 220. */
  readonly starttls?: string;
  /** Keeps input received after STARTTLS. */
  readonly injectable?: boolean;
  /** Greets again over TLS. */
  readonly greetsAgain?: boolean;
  /** Closes after the handshake. */
  readonly closesInTls?: boolean;
  readonly mail?: (sender: string, secure: boolean) => string;
  readonly rcpt?: (path: string, sender: string, secure: boolean, helo: string) => string;
  /** Reply to DATA. Default: 354. Data after 354 is kept in `received`. */
  readonly data?: (path: string) => string;
  /** Cleartext sent after the reply to STARTTLS, in the same segment. */
  readonly behindStarttls?: string;
  /** Keywords over TLS. Default: the same as before. */
  readonly ehloInTls?: readonly string[];
  /** Sends 421 and closes after this number of rejections in one session. */
  readonly mostErrors?: number;
  /** Replaces the SMTP server. */
  readonly raw?: (socket: Socket) => void;
}

export interface FakeMxHost {
  readonly port: number;
  readonly host: string;
  /** All commands of all sessions. */
  readonly commands: readonly string[];
  /** Data received after 354. */
  readonly received: () => string;
  /** Maximum number of simultaneous sessions. */
  readonly mostSessions: () => number;
  close(): Promise<void>;
}

const refusal = (path: string): string =>
  /^<postmaster@example\.(org|test)>$/.test(path)
    ? '250 2.1.5 Ok'
    : /@example\.(org|test)>$/.test(path)
      ? '550 5.1.1 User unknown'
      : '554 5.7.1 Relay access denied';

export async function fakeMxHost(posture: Posture = {}, address: string = '127.0.0.1'): Promise<FakeMxHost> {
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  let open = 0;
  let most = 0;
  const box: string[] = [];
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    most = Math.max(most, ++open);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      open--;
      sockets.delete(socket);
    });
    if (posture.raw !== undefined) posture.raw(socket);
    else if (posture.crowded !== undefined && open > posture.crowded.most)
      socket.resume().end(`${posture.crowded.greeting}\r\n`);
    else setTimeout(() => serve(socket, posture, commands, box), posture.greetAfterMs ?? 0).unref();
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    host: address,
    port: (server.address() as AddressInfo).port,
    commands,
    mostSessions: () => most,
    received: () => box.join(''),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function serve(plain: Socket, posture: Posture, commands: string[], box: string[]): void {
  let socket: Socket = plain;
  let secure = false;
  let held = '';
  let sender = '';
  let errors = 0;
  let helo = '';
  let recipient = '';
  let inData = false;
  const write = (text: string): void => {
    if (socket.writable) socket.write(text, 'latin1');
  };
  const send = (reply: string): void => {
    write(`${reply}\r\n`);
    if (/^5/.test(reply) && posture.mostErrors !== undefined && ++errors >= posture.mostErrors) {
      write('421 4.7.0 Too many errors\r\n');
      socket.end();
    }
    if (/^421/.test(reply)) socket.end();
  };
  const ehlo = (): void => {
    const { ehlo = [] } = posture;
    if (typeof ehlo === 'string') {
      send(ehlo);
      return;
    }
    const keywords = [
      ...((secure ? posture.ehloInTls : undefined) ?? ehlo),
      ...(posture.tls !== undefined && !secure ? ['STARTTLS'] : []),
    ];
    const lines = ['fake', ...keywords];
    write(lines.map((line, at) => `250${at === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join(''));
  };
  const startTls = (): void => {
    const { tls } = posture;
    const reply = posture.starttls ?? '220 2.0.0 Ready';
    if (posture.behindStarttls === undefined) send(reply);
    else write(`${reply}\r\n${posture.behindStarttls}`);
    if (tls === undefined || !reply.startsWith('220')) return;
    plain.removeAllListeners('data');
    if (posture.injectable !== true) held = '';
    const { chain, versions, ...options } = tls;
    const [leaf] = chain;
    if (leaf === undefined) throw new Error('a certificate is missing');
    const over = new TLSSocket(plain, {
      isServer: true,
      secureContext: createSecureContext({
        key: leaf.key,
        cert: chain.map(({ cert }) => cert).join(''),
        minVersion: versions?.[0] ?? 'TLSv1.2',
        maxVersion: versions?.at(-1) ?? 'TLSv1.3',
        ciphers: 'ALL:@SECLEVEL=0',
        ...options,
      }),
    });
    over.on('error', () => undefined);
    over.once('secure', () => {
      secure = true;
      socket = over;
      if (posture.closesInTls === true) {
        over.destroy();
        return;
      }
      if (posture.greetsAgain === true) send('220 fake again');
      listen(over);
      take('');
    });
  };
  const command = (line: string): void => {
    commands.push(line);
    const verb = (/^[a-z]*/i.exec(line)?.[0] ?? '').toUpperCase();
    if (verb === 'EHLO' || verb === 'HELO') helo = line.slice(5);
    if (verb === 'EHLO') ehlo();
    else if (verb === 'HELO') send(posture.helo ?? '250 fake');
    else if (verb === 'STARTTLS') startTls();
    else if (verb === 'MAIL') {
      sender = line.slice('MAIL FROM:'.length);
      send(posture.mail?.(sender, secure) ?? '250 2.1.0 Ok');
    } else if (verb === 'RCPT') {
      recipient = line.slice('RCPT TO:'.length);
      send(posture.rcpt?.(recipient, sender, secure, helo) ?? refusal(recipient));
    } else if (verb === 'DATA') {
      const reply = posture.data?.(recipient) ?? '354 Go on';
      inData = reply.startsWith('354');
      send(reply);
    } else if (verb === 'RSET' || verb === 'NOOP') send('250 2.0.0 Ok');
    else if (verb === 'QUIT') {
      send('221 2.0.0 Bye');
      socket.end();
    } else send('500 5.5.1 What?');
  };
  const take = (text: string): void => {
    if (inData) {
      box.push(text);
      return;
    }
    held += text;
    for (;;) {
      const end = held.indexOf('\n');
      if (end < 0) return;
      const line = held.slice(0, end).replace(/\r$/, '');
      held = held.slice(end + 1);
      const before = socket;
      command(line);
      // TLS begins: buffered input is kept or discarded.
      if (/^starttls/i.test(line) && before === plain && posture.tls !== undefined && !secure) return;
    }
  };
  const listen = (to: Socket): void => void to.on('data', (chunk: Buffer) => take(chunk.toString('latin1')));
  listen(plain);
  if ('greeting' in posture) {
    if (posture.greeting !== undefined) write(posture.greeting);
  } else write('220 mx.example.test ESMTP\r\n');
}
