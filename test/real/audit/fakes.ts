import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureVersion, TLSSocket } from 'node:tls';
import type { Issued } from './certificates.ts';

/** How a made-up server does TLS. */
export interface FakeTls {
  readonly certificate: Issued;
  readonly versions?: readonly [SecureVersion, SecureVersion];
  /** What is sent in place of a handshake: `garbage`, or nothing and the end. */
  readonly broken?: 'garbage' | 'close';
  /** Closes without an alert when the client knows nothing older than TLS 1.2; otherwise as `versions` say. */
  readonly closesOnNew?: boolean;
  /** What was sent in the clear behind STARTTLS is taken as sent within TLS. */
  readonly injectable?: boolean;
}

/** What a protocol's reader is handed. */
export interface Peer {
  send(text: string): void;
  /** Ends the connection, after what was sent. */
  end(): void;
  readonly secure: boolean;
  /** Goes on within TLS, and drops what came in the clear unless the server is injectable. */
  startTls(): void;
  /** The next line is handed to this, once. */
  next(take: (line: string) => void): void;
}

/** A protocol: what is said first, and what to a line. */
export interface Dialogue {
  readonly greeting?: (peer: Peer) => void;
  readonly line: (line: string, peer: Peer) => void;
}

export interface FakeOptions {
  readonly tls?: FakeTls;
  /** TLS comes first. */
  readonly implicit?: boolean;
  /** Milliseconds before the greeting, and before each reply. */
  readonly greetAfterMs?: number;
  readonly delayMs?: number;
}

export interface Fake {
  close(): Promise<void>;
}

/** Serves a protocol; a dialogue is made anew for each connection. */
export function serveFake(
  address: string,
  port: number,
  dialogue: () => Dialogue,
  options: FakeOptions = {},
): Promise<Fake> {
  return serveRaw(address, port, (socket) => converse(socket, dialogue(), options));
}

/** Serves anything. */
export async function serveRaw(address: string, port: number, each: (socket: Socket) => void): Promise<Fake> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.setNoDelay(true);
    each(socket);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function converse(plain: Socket, { greeting, line }: Dialogue, options: FakeOptions): void {
  const { tls, implicit = false, greetAfterMs = 0, delayMs = 0 } = options;
  let socket: Socket = plain;
  let secure = false;
  let paused = false;
  let held = '';
  let taker: ((line: string) => void) | undefined;
  const later = (run: () => void, ms: number): void => void (ms === 0 ? run() : setTimeout(run, ms));
  let lastDue = 0;
  /** Replies are late, and stay in order. */
  const write = (text: string, end: boolean): void => {
    const to = socket;
    const run = (): void => {
      if (!to.writable) return;
      if (end) to.end(text, 'latin1');
      else to.write(text, 'latin1');
    };
    if (delayMs === 0) run();
    else {
      lastDue = Math.max(lastDue, Date.now() + delayMs);
      setTimeout(run, lastDue - Date.now());
    }
  };
  const peer: Peer = {
    send: (text) => write(text, false),
    end: () => write('', true),
    get secure() {
      return secure;
    },
    startTls: () => {
      paused = true;
      later(begin, delayMs);
    },
    next: (take) => {
      taker = take;
    },
  };
  const pump = (): void => {
    for (let at = held.indexOf('\n'); at >= 0 && !paused; at = held.indexOf('\n')) {
      const text = held.slice(0, at).replace(/\r$/, '');
      held = held.slice(at + 1);
      const take = taker;
      taker = undefined;
      if (take === undefined) line(text, peer);
      else take(text);
    }
    // What has no end is not kept.
    if (held.length > 100_000) plain.destroy();
  };
  const listen = (): void => {
    socket.on('data', (chunk: Buffer) => {
      held += chunk.toString('latin1');
      pump();
    });
  };
  const begin = (): void => {
    if (tls === undefined) throw new Error('this server has no certificate');
    plain.removeAllListeners('data');
    if (tls.injectable !== true) held = '';
    if (tls.broken === 'close') {
      plain.once('data', () => plain.destroy());
      return;
    }
    if (tls.broken === 'garbage') {
      plain.once('data', () => plain.end('500 5.5.1 command unrecognized\r\n'));
      return;
    }
    if (tls.closesOnNew === true) {
      plain.once('data', (hello: Buffer) => {
        plain.pause();
        // The version in the ClientHello, behind the heads of the record and the message (RFC 5246 §7.4.1.2).
        if (hello.readUInt16BE(9) > 0x0302) plain.destroy();
        else {
          plain.unshift(hello);
          handshake(tls);
        }
      });
      return;
    }
    handshake(tls);
  };
  const handshake = (tls: FakeTls): void => {
    const [minVersion, maxVersion] = tls.versions ?? ['TLSv1.2', 'TLSv1.3'];
    const over = new TLSSocket(plain, {
      isServer: true,
      secureContext: createSecureContext({
        key: tls.certificate.key,
        cert: tls.certificate.chain,
        ciphers: 'DEFAULT:@SECLEVEL=0',
        minVersion,
        maxVersion,
      }),
    });
    over.on('error', () => undefined);
    socket = over;
    over.once('secure', () => {
      secure = true;
      paused = false;
      listen();
      if (implicit) greet();
      pump();
    });
  };
  const greet = (): void => later(() => greeting?.(peer), greetAfterMs);
  if (implicit) begin();
  else {
    listen();
    later(greet, delayMs);
  }
}

/** What an SMTP server says, where it is not as usual. */
export interface SmtpSays {
  /** Whole lines. Null: nothing. */
  readonly greeting?: string | null;
  /** Ends after the greeting. */
  readonly hangsUp?: boolean;
  readonly ehlo?: string;
  readonly helo?: string;
  /** Keywords in the clear, and within TLS. */
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  readonly starttls?: string;
  readonly mail?: (path: string) => string;
  readonly rcpt?: (path: string, sender: string, secure: boolean, helo: string) => string;
  /** The reply to DATA. What follows 354 is thrown away. */
  readonly data?: string;
  /** Sent in the clear behind the reply to STARTTLS. */
  readonly behindStarttls?: string;
  /** The reply to AUTH; 334 asks for the secret, and what is sent then gets `secret`. */
  readonly auth?: (mechanism: string, secure: boolean, hasInitial: boolean) => string;
  readonly secret?: string;
}

const REFUSED = '554 5.7.1 Relay access denied';
/** What a server without faults says to RCPT: nobody lives here but the postmaster. */
export const closedRelay =
  (domain: string) =>
  (path: string): string => {
    const own = path.slice(1, -1).toLowerCase();
    if (!own.endsWith(`@${domain}`)) return REFUSED;
    const local = own.slice(0, -domain.length - 1);
    if (/[@%!]/.test(local)) return REFUSED;
    return local === 'postmaster' ? '250 2.1.5 Ok' : '550 5.1.1 User unknown';
  };

export const smtp =
  (domain: string, tls: boolean, says: SmtpSays = {}) =>
  (): Dialogue => {
    let sender = '';
    let helo = '';
    return {
      greeting(peer) {
        if (says.greeting === null) return;
        peer.send(`${says.greeting ?? `220 mx.${domain} ESMTP`}\r\n`);
        if (says.hangsUp) peer.end();
      },
      line(line, peer) {
        const say = (text: string): void => peer.send(`${text}\r\n`);
        const verb = line.split(/[ :]/, 1)[0]?.toUpperCase() ?? '';
        const rest = line.slice(verb.length).replace(/^[ :]+/, '');
        switch (verb) {
          case 'EHLO': {
            helo = rest;
            if (says.ehlo !== undefined) {
              say(says.ehlo);
              return;
            }
            const keywords = peer.secure
              ? (says.after ?? says.before ?? [])
              : [...(tls ? ['STARTTLS'] : []), ...(says.before ?? [])];
            const lines = [`mx.${domain}`, 'PIPELINING', 'SIZE 10240000', ...keywords];
            peer.send(lines.map((text, at) => `250${at === lines.length - 1 ? ' ' : '-'}${text}\r\n`).join(''));
            return;
          }
          case 'HELO':
            helo = rest;
            say(says.helo ?? `250 mx.${domain}`);
            return;
          case 'STARTTLS': {
            const reply = !tls || peer.secure ? '503 5.5.1 Not now' : (says.starttls ?? '220 2.0.0 Ready');
            peer.send(`${reply}\r\n${reply.startsWith('220') ? (says.behindStarttls ?? '') : ''}`);
            if (reply.startsWith('220')) peer.startTls();
            return;
          }
          case 'AUTH': {
            const [mechanism = '', initial] = rest.split(' ');
            const reply = says.auth?.(mechanism.toUpperCase(), peer.secure, initial !== undefined) ?? '502 5.5.1 No';
            say(reply);
            if (reply.startsWith('334'))
              peer.next((secret) => {
                if (secret !== '*' && mechanism.toUpperCase() === 'LOGIN') {
                  say('334 UGFzc3dvcmQ6');
                  peer.next(() => say(says.secret ?? '535 5.7.8 Authentication failed'));
                } else say(secret === '*' ? '501 5.7.0 Cancelled' : (says.secret ?? '535 5.7.8 Authentication failed'));
              });
            return;
          }
          case 'MAIL':
            sender = rest.replace(/^FROM: */i, '').split(' ', 1)[0] ?? '';
            say(says.mail?.(sender) ?? '250 2.1.0 Ok');
            return;
          case 'RCPT':
            say((says.rcpt ?? closedRelay(domain))(rest.replace(/^TO: */i, ''), sender, peer.secure, helo));
            return;
          case 'DATA': {
            const reply = says.data ?? '354 Go on';
            say(reply);
            if (reply.startsWith('354')) {
              const rest = (): void => peer.next(rest);
              rest();
            }
            return;
          }
          case 'RSET':
          case 'NOOP':
            say('250 2.0.0 Ok');
            return;
          case 'QUIT':
            say('221 2.0.0 Bye');
            peer.end();
            return;
          default:
            say('500 5.5.2 Unknown command');
        }
      },
    };
  };

/** What an IMAP server says, where it is not as usual. */
export interface ImapSays {
  /** Null: nothing. */
  readonly greeting?: string | null;
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  readonly starttls?: string;
  /** What follows the tag, for LOGIN; `+` asks for a literal. */
  readonly login?: (secure: boolean) => string;
  /** What follows the tag, for AUTHENTICATE; `+` invites the secret. */
  readonly authenticate?: (mechanism: string, secure: boolean, hasInitial: boolean) => string;
}

const privacy = 'NO [PRIVACYREQUIRED] TLS is required to log in';
const failed = 'NO [AUTHENTICATIONFAILED] Authentication failed.';
const imapPlain = ['IMAP4rev1', 'SASL-IR', 'ID', 'LOGINDISABLED'];
const imapTls = ['IMAP4rev1', 'SASL-IR', 'ID', 'AUTH=PLAIN'];

export const imap =
  (tls: boolean, says: ImapSays = {}) =>
  (): Dialogue => {
    const capabilities = (peer: Peer): string =>
      (peer.secure ? (says.after ?? imapTls) : (says.before ?? [...imapPlain, ...(tls ? ['STARTTLS'] : [])])).join(' ');
    return {
      greeting(peer) {
        if (says.greeting === null) return;
        peer.send(`${says.greeting ?? `* OK [CAPABILITY ${capabilities(peer)}] ready`}\r\n`);
      },
      line(line, peer) {
        const [tag = '*', command = '', ...words] = line.split(' ');
        const say = (text: string): void => peer.send(`${tag} ${text}\r\n`);
        switch (command.toUpperCase()) {
          case 'CAPABILITY':
            peer.send(`* CAPABILITY ${capabilities(peer)}\r\n`);
            say('OK done');
            return;
          case 'STARTTLS':
            if (!tls || peer.secure) {
              say('BAD Not now');
              return;
            }
            say(says.starttls ?? 'OK Begin TLS negotiation now');
            if ((says.starttls ?? 'OK').startsWith('OK')) peer.startTls();
            return;
          case 'LOGIN': {
            const reply = says.login?.(peer.secure) ?? (peer.secure ? failed : privacy);
            const literal = /\{\d+\}$/.test(line);
            if (literal && (reply === failed || reply.startsWith('OK'))) {
              const take = (more: string): void => {
                if (/\{\d+\}$/.test(more)) {
                  peer.send('+ go ahead\r\n');
                  peer.next(take);
                } else say(reply);
              };
              peer.send('+ go ahead\r\n');
              peer.next(take);
            } else say(reply);
            return;
          }
          case 'AUTHENTICATE': {
            const [mechanism = '', initial] = words;
            const reply =
              says.authenticate?.(mechanism.toUpperCase(), peer.secure, initial !== undefined) ??
              (peer.secure ? (initial === undefined ? '+' : failed) : privacy);
            if (reply === '+') {
              peer.send('+ \r\n');
              peer.next((secret) => say(secret === '*' ? 'BAD Cancelled' : failed));
            } else say(reply);
            return;
          }
          case 'NOOP':
          case 'ID':
            say('OK done');
            return;
          case 'LOGOUT':
            peer.send('* BYE\r\n');
            say('OK done');
            peer.end();
            return;
          default:
            say('BAD Unknown command');
        }
      },
    };
  };

/** What a POP3 server says, where it is not as usual. */
export interface Pop3Says {
  readonly greeting?: string | null;
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  readonly stls?: string;
  readonly user?: (secure: boolean) => string;
  readonly pass?: (secure: boolean) => string;
  /** `+` invites the secret. */
  readonly auth?: (mechanism: string, secure: boolean, hasInitial: boolean) => string;
  readonly noCapa?: boolean;
}

const popPrivacy = '-ERR [AUTH] TLS is required to log in';
const popFailed = '-ERR [AUTH] Authentication failed.';

export const pop3 =
  (tls: boolean, says: Pop3Says = {}) =>
  (): Dialogue => ({
    greeting(peer) {
      if (says.greeting !== null) peer.send(`${says.greeting ?? '+OK ready'}\r\n`);
    },
    line(line, peer) {
      const say = (text: string): void => peer.send(`${text}\r\n`);
      const [verb = '', ...words] = line.split(' ');
      switch (verb.toUpperCase()) {
        case 'CAPA': {
          if (says.noCapa) {
            say('-ERR Unknown command');
            return;
          }
          const own = peer.secure
            ? (says.after ?? ['USER', 'SASL PLAIN'])
            : [...(tls ? ['STLS'] : []), ...(says.before ?? [])];
          say(['+OK', 'TOP', 'UIDL', 'RESP-CODES', ...own, '.'].join('\r\n'));
          return;
        }
        case 'STLS':
          if (!tls || peer.secure) {
            say('-ERR Not now');
            return;
          }
          say(says.stls ?? '+OK Begin TLS negotiation');
          if ((says.stls ?? '+OK').startsWith('+OK')) peer.startTls();
          return;
        case 'USER':
          say(says.user?.(peer.secure) ?? (peer.secure ? '+OK' : popPrivacy));
          return;
        case 'PASS':
          say(says.pass?.(peer.secure) ?? (peer.secure ? popFailed : popPrivacy));
          return;
        case 'APOP':
          say(peer.secure ? popFailed : popPrivacy);
          return;
        case 'AUTH': {
          const [mechanism = '', initial] = words;
          const reply =
            says.auth?.(mechanism.toUpperCase(), peer.secure, initial !== undefined) ??
            (peer.secure ? (initial === undefined ? '+' : popFailed) : popPrivacy);
          if (reply === '+') {
            say('+ ');
            peer.next((secret) => say(secret === '*' ? '-ERR Cancelled' : popFailed));
          } else say(reply);
          return;
        }
        case 'NOOP':
          say('+OK');
          return;
        case 'QUIT':
          say('+OK Bye');
          peer.end();
          return;
        default:
          say('-ERR Unknown command');
      }
    },
  });

/** What a ManageSieve server says, where it is not as usual. */
export interface SieveSays {
  /** Mechanisms that are offered in the clear, and within TLS. */
  readonly before?: string;
  readonly after?: string;
  readonly authenticate?: (secure: boolean) => string;
}

export const sieve =
  (tls: boolean, says: SieveSays = {}) =>
  (): Dialogue => {
    const capabilities = (peer: Peer, end: string): void =>
      peer.send(
        [
          '"IMPLEMENTATION" "a test"',
          `"SASL" "${peer.secure ? (says.after ?? 'PLAIN') : (says.before ?? '')}"`,
          '"SIEVE" "fileinto vacation"',
          ...(tls && !peer.secure ? ['"STARTTLS"'] : []),
          '"VERSION" "1.0"',
          end,
          '',
        ].join('\r\n'),
      );
    let greeted = false;
    return {
      greeting(peer) {
        greeted = peer.secure;
        capabilities(peer, 'OK "ready"');
      },
      line(line, peer) {
        const say = (text: string): void => peer.send(`${text}\r\n`);
        const verb = line.split(' ', 1)[0]?.toUpperCase() ?? '';
        switch (verb) {
          case 'CAPABILITY':
            capabilities(peer, 'OK "done"');
            return;
          case 'STARTTLS':
            if (!tls || peer.secure) {
              say('NO "Not now"');
              return;
            }
            say('OK "Begin TLS negotiation now"');
            peer.startTls();
            // RFC 5804 §2.2: when TLS has begun, the capabilities are sent again.
            setTimeout(function again() {
              if (peer.secure && !greeted) {
                greeted = true;
                capabilities(peer, 'OK "TLS"');
              } else if (!greeted) setTimeout(again, 5);
            }, 5);
            return;
          case 'AUTHENTICATE': {
            const reply =
              says.authenticate?.(peer.secure) ??
              (peer.secure ? 'NO "Authentication failed"' : 'NO (ENCRYPT-NEEDED) "TLS is required to log in"');
            if (/\{\d+\+?\}$/.test(line)) peer.next(() => say(reply));
            else say(reply);
            return;
          }
          case 'NOOP':
            say('OK "done"');
            return;
          case 'LOGOUT':
            say('OK "bye"');
            peer.end();
            return;
          default:
            say('NO "Unknown command"');
        }
      },
    };
  };
