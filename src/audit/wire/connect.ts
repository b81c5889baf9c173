import { isIP, connect as netConnect, type Socket } from 'node:net';
import {
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
  connect as tlsConnect,
} from 'node:tls';
import type { Clock } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import type { Connect, Opened, ReadLine, TlsAsk, TlsBegun, Wire } from './wire.ts';
import { MAX_LINE, MAX_UNREAD } from './wire.ts';

/** Options of {@link tcpConnect}. */
export interface ConnectOptions {
  readonly clock: Clock;
  /** The address to connect from. */
  readonly source?: string;
  /** Milliseconds for a step that names none; 30,000 where not given. */
  readonly timeoutMs?: number;
}

const LF = 10;
const CR = 13;

/** Opens connections with `node:net`. */
export function tcpConnect(options: ConnectOptions): Connect {
  const { clock, source } = options;
  const usual = options.timeoutMs ?? 30_000;
  return ({ address, port }, { signal, timeoutMs = usual } = {}) =>
    new Promise<Opened>((resolve) => {
      if (signal?.aborted) {
        resolve({ status: 'aborted', reason: 'aborted' });
        return;
      }
      const family = isIP(address);
      // A source of the other family cannot be used; the system chooses one then.
      const local = source !== undefined && isIP(source) === family ? { localAddress: source } : {};
      const socket = netConnect({ host: address, port, ...local });
      socket.setNoDelay(true);
      const end = (opened: Opened): void => {
        cancel();
        withdraw();
        socket.removeListener('error', failed);
        if (opened.status !== 'open') {
          socket.on('error', () => undefined);
          socket.destroy();
        }
        resolve(opened);
      };
      const connected = (): void =>
        end({ status: 'open', wire: wireOf(socket, { address, port, clock, usual, signal }) });
      const failed = (error: NodeJS.ErrnoException): void => {
        // A host that refuses says ECONNREFUSED. This one had taken the connection, and has ended it since.
        if (error.code === 'ECONNRESET') connected();
        else
          end({
            status: error.code === 'ECONNREFUSED' ? 'refused' : error.code === 'ETIMEDOUT' ? 'timeout' : 'unreachable',
            reason: error.code ?? error.message,
          });
      };
      const aborted = (): void => end({ status: 'aborted', reason: 'aborted' });
      const cancel = clock.after(timeoutMs, () => end({ status: 'timeout', reason: `no answer in ${timeoutMs} ms` }));
      const withdraw = onAbort(signal, aborted);
      socket.once('error', failed);
      socket.once('connect', connected);
    });
}

/** Milliseconds for the other side to hang up when it was told goodbye. */
const FAREWELL_MS = 500;
/** Octets that are shown of what was not read. */
const PEEK = 200;

/** Old versions and weak keys are to be found, so nothing may be too weak to be spoken; but a server must show itself. */
const CIPHERS = 'ALL:!aNULL:!eNULL:!PSK:@SECLEVEL=0';
/** Contexts that are kept: one per version, and few sets of authorities, of which each holds all roots. */
const MAX_CONTEXTS = 16;
const contexts = new Map<string, SecureContext>();

function secureContext({ version, authorities = [] }: TlsAsk): SecureContext {
  const key = JSON.stringify([version, authorities]);
  const kept = contexts.get(key);
  if (kept !== undefined) return kept;
  const made = createSecureContext({
    minVersion: version ?? 'TLSv1',
    maxVersion: version ?? 'TLSv1.3',
    ciphers: CIPHERS,
    ...(authorities.length === 0 ? {} : { ca: [...rootCertificates, ...authorities] }),
  });
  if (contexts.size >= MAX_CONTEXTS) contexts.clear();
  contexts.set(key, made);
  return made;
}

interface About {
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly usual: number;
  readonly signal: AbortSignal | undefined;
}

function wireOf(plain: Socket, { address, port, clock, usual, signal }: About): Wire {
  let socket: Socket = plain;
  let unread: Buffer = Buffer.alloc(0);
  let over: ReadLine | undefined;
  let dropped = 0;
  let secure = false;
  let wake: () => void = () => undefined;

  const end = (how: ReadLine): void => {
    over ??= how;
    wake();
  };
  /** Listens; what it returns stops that, and leaves alone what Node.js listens to itself. */
  const listen = (to: Socket): (() => void) => {
    const data = (chunk: Buffer): void => {
      unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
      if (unread.length > MAX_UNREAD) {
        end({ status: 'closed', reason: `it sent more than ${MAX_UNREAD} octets unasked` });
        to.destroy();
      }
      wake();
    };
    const closed = (): void => end({ status: 'closed' });
    const failed = (error: NodeJS.ErrnoException): void =>
      end({ status: 'closed', reason: error.code ?? error.message });
    to.on('data', data).on('end', closed).on('close', closed).on('error', failed);
    return () => {
      to.off('data', data).off('end', closed).off('close', closed);
      // What goes wrong below TLS is told above it.
      to.on('error', () => undefined).off('error', failed);
    };
  };
  const stopListening = listen(plain);
  const aborted = (): void => {
    end({ status: 'aborted' });
    socket.destroy();
  };
  plain.once('close', onAbort(signal, aborted));

  const takeLine = (): string | undefined => {
    const at = unread.indexOf(LF);
    if (at < 0) return undefined;
    const end = at > 0 && unread[at - 1] === CR ? at - 1 : at;
    const text = unread.toString('latin1', 0, Math.min(end, MAX_LINE));
    unread = unread.subarray(at + 1);
    return text;
  };

  return {
    address,
    port,
    get unread() {
      return unread.length;
    },
    peek: () => unread.toString('latin1', 0, PEEK),
    get dropped() {
      return dropped;
    },
    get secure() {
      return secure;
    },
    readLine(timeoutMs = usual) {
      const text = takeLine();
      if (text !== undefined) return Promise.resolve({ status: 'line', text });
      if (over !== undefined) return Promise.resolve(over);
      return new Promise((resolve) => {
        const finish = (result: ReadLine): void => {
          cancel();
          wake = () => undefined;
          resolve(result);
        };
        const cancel = clock.after(timeoutMs, () => finish({ status: 'timeout' }));
        wake = () => {
          const line = takeLine();
          if (line !== undefined) finish({ status: 'line', text: line });
          else if (over !== undefined) finish(over);
        };
      });
    },
    write(text) {
      if (over === undefined && socket.writable) socket.write(Buffer.from(text, 'latin1'));
    },
    startTls(ask: TlsAsk = {}) {
      return new Promise<TlsBegun>((resolve) => {
        if (over !== undefined || secure) {
          resolve({ status: 'closed', reason: secure ? 'TLS is on already' : 'the connection is closed' });
          return;
        }
        dropped += unread.length;
        unread = Buffer.alloc(0);
        stopListening();
        plain.pause();
        const { name, timeoutMs = usual } = ask;
        let tls: TLSSocket;
        const finish = (begun: TlsBegun): void => {
          cancel();
          tls?.removeListener('error', failed);
          tls?.removeListener('close', closed);
          if (begun.status !== 'secure') {
            over ??= { status: 'closed', reason: begun.reason };
            tls?.on('error', () => undefined);
            tls?.destroy();
            plain.destroy();
          }
          resolve(begun);
        };
        const closed = (): void =>
          finish(
            over?.status === 'aborted'
              ? { status: 'aborted', reason: 'aborted' }
              : { status: 'closed', reason: 'the connection was closed during the handshake', during: 'handshake' },
          );
        const failed = (error: NodeJS.ErrnoException): void => {
          // A connection that ends is no word of TLS.
          if (over !== undefined || ['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(error.code ?? '')) closed();
          else finish({ status: 'failed', reason: error.code ?? error.message });
        };
        const cancel = clock.after(timeoutMs, () =>
          finish({ status: 'timeout', reason: `no handshake in ${timeoutMs} ms` }),
        );
        try {
          tls = tlsConnect({
            socket: plain,
            rejectUnauthorized: false,
            secureContext: secureContext(ask),
            ...(name === undefined || isIP(name) !== 0 ? {} : { servername: name }),
          });
        } catch (error) {
          finish({ status: 'failed', reason: (error as Error).message });
          return;
        }
        tls.once('error', failed);
        tls.once('close', closed);
        tls.once('secureConnect', () => {
          socket = tls;
          secure = true;
          listen(tls);
          finish({ status: 'secure', socket: tls });
        });
      });
    },
    close(farewell) {
      const gone = new Promise<void>((resolve) => {
        if (plain.destroyed && plain.closed) resolve();
        else plain.once('close', () => resolve());
      });
      if (farewell !== undefined && over === undefined && socket.writable) {
        socket.end(Buffer.from(farewell, 'latin1'));
        // A server that does not hang up does not hold the connection open.
        const cancel = clock.after(FAREWELL_MS, () => {
          socket.destroy();
          plain.destroy();
        });
        plain.once('close', cancel);
      } else {
        socket.destroy();
        plain.destroy();
      }
      end({ status: 'closed' });
      return gone;
    },
  };
}
