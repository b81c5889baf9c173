import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureVersion, TLSSocket } from 'node:tls';
import type { Issued } from '../tls/certificates.ts';

export type Protocol = 'imap' | 'pop3' | 'smtp' | 'managesieve';

/** Lines to send, the end of the connection, or silence. */
export type Said = string | readonly string[] | { readonly end: string } | { readonly silence: true };

/** Behaviour of a fake login service. Default: correct, with STARTTLS. */
export interface Posture {
  readonly protocol: Protocol;
  /** Implicit TLS. */
  readonly implicit?: boolean;
  /** Null: no TLS. */
  readonly tls?: {
    readonly chain: readonly Issued[];
    /** Certificates by SNI. */
    readonly others?: { readonly [name: string]: readonly Issued[] };
    readonly versions?: readonly [SecureVersion, SecureVersion];
    /** Keeps cleartext input for the TLS session. */
    readonly injectable?: boolean;
    readonly broken?: 'garbage' | 'close' | 'silent';
  } | null;
  /** Null: no greeting. Without a line end, it is sent verbatim. */
  readonly greeting?: string | null;
  /** Capabilities. */
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  /** Answer to a command. Undefined: the default answer. `pending`: the command that waits for more data. */
  readonly answer?: (command: string, secure: boolean, pending: string | undefined) => Said | undefined;
  readonly greetsAgain?: boolean;
  /** Maximum number of simultaneous connections. Further ones are closed. */
  readonly most?: number;
  /** Sends answers byte by byte. */
  readonly slowly?: boolean;
  readonly raw?: (socket: Socket) => void;
}

export interface FakeLogin {
  readonly host: string;
  readonly port: number;
  /** All received lines. Those over TLS begin with `!`. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

export async function fakeLogin(posture: Posture, address: string = '127.0.0.2'): Promise<FakeLogin> {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    if (posture.most !== undefined && sockets.size >= posture.most) {
      socket.on('error', () => undefined).destroy();
      return;
    }
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    if (posture.raw !== undefined) posture.raw(socket);
    else serve(socket, posture, lines);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    host: address,
    port: (server.address() as AddressInfo).port,
    lines,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

const greetings: { readonly [protocol in Protocol]: string } = {
  imap: '* OK ready',
  pop3: '+OK ready',
  smtp: '220 fake ESMTP',
  managesieve: '',
};
const usualBefore: { readonly [protocol in Protocol]: readonly string[] } = {
  imap: ['IMAP4rev1', 'SASL-IR', 'LOGINDISABLED'],
  pop3: ['TOP', 'UIDL', 'RESP-CODES'],
  smtp: ['PIPELINING'],
  managesieve: [],
};
const usualAfter: { readonly [protocol in Protocol]: readonly string[] } = {
  imap: ['IMAP4rev1', 'SASL-IR', 'AUTH=PLAIN'],
  pop3: ['TOP', 'UIDL', 'USER', 'SASL PLAIN'],
  smtp: ['PIPELINING', 'AUTH PLAIN LOGIN'],
  managesieve: ['PLAIN'],
};
const tlsWord: { readonly [protocol in Protocol]: string } = {
  imap: 'STARTTLS',
  pop3: 'STLS',
  smtp: 'STARTTLS',
  managesieve: 'STARTTLS',
};

function serve(plain: Socket, posture: Posture, lines: string[]): void {
  const { protocol, tls } = posture;
  let socket: Socket = plain;
  let secure = false;
  let held = '';
  let pending: string | undefined;
  let stopped = false;
  const write = (text: string): void => {
    if (!socket.writable) return;
    if (posture.slowly !== true) socket.write(text, 'latin1');
    else for (const octet of text) socket.write(octet, 'latin1');
  };
  const capabilities = (): readonly string[] =>
    secure
      ? (posture.after ?? usualAfter[protocol])
      : (posture.before ?? [...(tls === null ? [] : [tlsWord[protocol]]), ...usualBefore[protocol]]);
  const sieveList = (): string[] => {
    const words = capabilities();
    return [
      '"IMPLEMENTATION" "fake"',
      `"SASL" "${words.filter((word) => word !== 'STARTTLS').join(' ')}"`,
      ...(words.includes('STARTTLS') ? ['"STARTTLS"'] : []),
      'OK "listed"',
    ];
  };
  const greet = (): void => {
    const { greeting } = posture;
    if (greeting === null) return;
    if (greeting !== undefined) write(greeting);
    else if (protocol === 'managesieve') write(`${sieveList().join('\r\n')}\r\n`);
    else write(`${greetings[protocol]}\r\n`);
  };
  const usual = (line: string): Said => {
    const words = line.split(' ');
    if (protocol === 'imap') {
      const [tag = '*', verb = '', ...rest] = words;
      switch (verb.toUpperCase()) {
        case 'CAPABILITY':
          return [`* CAPABILITY ${capabilities().join(' ')}`, `${tag} OK done`];
        case 'STARTTLS':
          return tls === null || secure ? `${tag} BAD no` : `${tag} OK begin`;
        case 'NOOP':
          return `${tag} OK done`;
        case 'LOGOUT':
          return { end: `* BYE\r\n${tag} OK bye` };
        case 'LOGIN':
        case 'AUTHENTICATE':
          if (!secure) return `${tag} NO [PRIVACYREQUIRED] TLS is required to log in`;
          return verb.toUpperCase() === 'LOGIN' || rest.length > 1
            ? `${tag} NO [AUTHENTICATIONFAILED] Authentication failed.`
            : '+ ';
        default:
          return `${tag} BAD unknown`;
      }
    }
    const verb = (words[0] ?? '').toUpperCase();
    if (protocol === 'pop3')
      switch (verb) {
        case 'CAPA':
          return ['+OK', ...capabilities(), '.'];
        case 'STLS':
          return tls === null || secure ? '-ERR no' : '+OK begin';
        case 'QUIT':
          return { end: '+OK bye' };
        case 'USER':
          return secure ? '+OK' : '-ERR [AUTH] TLS is required to log in';
        case 'PASS':
          return secure ? '-ERR [AUTH] Authentication failed.' : '-ERR [AUTH] TLS is required to log in';
        case 'AUTH':
          if (!secure) return '-ERR [AUTH] TLS is required to log in';
          return words.length > 2 ? '-ERR [AUTH] Authentication failed.' : '+ ';
        default:
          return '-ERR unknown command';
      }
    if (protocol === 'smtp')
      switch (verb) {
        case 'EHLO': {
          const all = ['fake', ...capabilities()];
          return all.map((word, at) => `250${at === all.length - 1 ? ' ' : '-'}${word}`);
        }
        case 'STARTTLS':
          return tls === null || secure ? '502 5.5.1 no' : '220 2.0.0 Ready';
        case 'AUTH':
          if (!secure) return '538 5.7.11 Encryption required for requested authentication mechanism';
          return words.length > 2 ? '535 5.7.8 Authentication failed' : '334 ';
        case 'MAIL':
          return secure ? '530 5.7.0 Authentication required' : '530 5.7.0 Must issue a STARTTLS command first';
        case 'NOOP':
        case 'RSET':
          return '250 2.0.0 Ok';
        case 'QUIT':
          return { end: '221 2.0.0 Bye' };
        default:
          return '500 5.5.2 What?';
      }
    switch (verb) {
      case 'CAPABILITY':
        return sieveList();
      case 'STARTTLS':
        return tls === null || secure ? 'NO "no"' : 'OK "begin"';
      case 'NOOP':
        return words.length > 1 ? `OK (TAG ${words[1]}) "done"` : 'OK "done"';
      case 'LOGOUT':
        return { end: 'OK "bye"' };
      case 'AUTHENTICATE':
        if (!secure) return 'NO (ENCRYPT-NEEDED) "TLS is required to log in"';
        return words.length > 2 ? 'NO "Authentication failed."' : '""';
      default:
        return 'NO "unknown"';
    }
  };
  const cancelled = (command: string): string =>
    protocol === 'imap'
      ? `${command.split(' ', 1)[0]} BAD cancelled`
      : protocol === 'pop3'
        ? '-ERR cancelled'
        : protocol === 'smtp'
          ? '501 5.7.0 cancelled'
          : 'NO "cancelled"';
  const command = (line: string): void => {
    lines.push(`${secure ? '!' : ''}${line}`);
    const said = posture.answer?.(line, secure, pending) ?? (pending === undefined ? usual(line) : cancelled(pending));
    const asking = pending ?? line;
    pending = undefined;
    if (typeof said === 'object' && 'silence' in said) return;
    if (typeof said === 'object' && 'end' in said) {
      write(said.end === '' ? '' : `${said.end}\r\n`);
      socket.end();
      stopped = true;
      return;
    }
    const all = typeof said === 'string' ? [said] : said;
    write(all.map((text) => `${text}\r\n`).join(''));
    const last = all.at(-1) ?? '';
    if (/^\+($| )|^334|^""|^\{\d+\}/.test(last) && !/^\+OK/.test(last)) pending = asking;
    const begins = new RegExp(`^(\\S+ )?${tlsWord[protocol]}$`, 'i').test(line);
    if (begins && tls !== null && !secure && /^(\S+ )?OK|^\+OK|^220/.test(last)) begin();
  };
  const take = (text: string): void => {
    held += text;
    for (let at = held.indexOf('\n'); at >= 0 && !stopped; at = held.indexOf('\n')) {
      const line = held.slice(0, at).replace(/\r$/, '');
      held = held.slice(at + 1);
      command(line);
    }
  };
  const listen = (to: Socket): void => void to.on('data', (chunk: Buffer) => take(chunk.toString('latin1')));
  const begin = (): void => {
    if (tls === null || tls === undefined) throw new Error('a certificate is missing');
    plain.removeAllListeners('data');
    if (tls.injectable !== true) held = '';
    if (tls.broken !== undefined) {
      stopped = true;
      plain.once('data', () => {
        if (tls.broken === 'garbage') plain.end('what is this?\r\n');
        else if (tls.broken === 'close') plain.destroy();
      });
      return;
    }
    const contextOf = (chain: readonly Issued[]) =>
      createSecureContext({
        key: chain[0]?.key ?? '',
        cert: chain.map(({ cert }) => cert).join(''),
        minVersion: tls.versions?.[0] ?? 'TLSv1.2',
        maxVersion: tls.versions?.[1] ?? 'TLSv1.3',
        ciphers: 'ALL:@SECLEVEL=0',
      });
    stopped = true;
    const over = new TLSSocket(plain, {
      isServer: true,
      secureContext: contextOf(tls.chain),
      SNICallback: (name, done) => done(null, contextOf(tls.others?.[name] ?? tls.chain)),
    });
    over.on('error', () => undefined);
    over.once('secure', () => {
      secure = true;
      stopped = false;
      socket = over;
      listen(over);
      if (posture.implicit === true || posture.greetsAgain === true) greet();
      else if (protocol === 'managesieve') write(`${sieveList().join('\r\n')}\r\n`);
      take('');
    });
  };
  if (posture.implicit === true && tls !== null) begin();
  else {
    listen(plain);
    greet();
  }
}
