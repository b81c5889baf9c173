import { isIP, connect as netConnect, type Socket } from 'node:net';
import {
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
  connect as tlsConnect,
} from 'node:tls';
import { assertKnownOptions, positiveNumber, wrongOption } from '../../core/index.ts';
import type { Clock } from '../../env/index.ts';
import { onAbort, withDeadline } from '../../env/index.ts';
import type { Connect, Opened, ReadLine, TlsAsk, TlsBegun, Wire } from './wire.ts';
import { MAX_LINE, MAX_UNREAD } from './wire.ts';

/** Options of {@link tcpConnect}. */
export interface ConnectOptions {
  readonly clock: Clock;
  /** Local address to connect from. Default: chosen by the system. */
  readonly source?: string;
  /** Timeout in milliseconds of each step without its own. Default: 30,000. */
  readonly timeoutMs?: number;
}

const LF = 10;
const CR = 13;

/**
 * Returns a function that opens TCP connections with `node:net`.
 *
 * @throws {TypeError} if an option is wrong or unknown
 */
export function tcpConnect(options: ConnectOptions): Connect {
  assertKnownOptions('tcpConnect', options, ['clock', 'source', 'timeoutMs']);
  const { clock, source } = options;
  if (source !== undefined && isIP(source) === 0)
    throw wrongOption('tcpConnect', 'source', 'an IP address of this machine', source);
  const usual = positiveNumber('tcpConnect', 'timeoutMs', options.timeoutMs ?? 30_000);
  return async ({ address, port }, { signal, timeoutMs = usual } = {}) => {
    const ended = await withDeadline(clock, timeoutMs, signal, (abandoned) =>
      open({ address, port, clock, usual, signal }, source, abandoned),
    );
    switch (ended.how) {
      case 'answered':
        return ended.value;
      case 'failed':
        return { status: 'unreachable', reason: (ended.error as Error).message };
      case 'late':
        return { status: 'timeout', reason: `no answer in ${timeoutMs} ms` };
      case 'aborted':
        return { status: 'aborted', reason: 'aborted' };
    }
  };
}

/** Connects. The connection is closed if `abandoned` is aborted before it is open. */
function open(connection: Connection, source: string | undefined, abandoned: AbortSignal): Promise<Opened> {
  const { address, port } = connection;
  return new Promise((resolve) => {
    // For the other address family, the system chooses the local address.
    const localAddress = source !== undefined && isIP(source) === isIP(address) ? source : undefined;
    const socket = netConnect({ host: address, port, localAddress });
    socket.setNoDelay(true);
    const connected = (): void => {
      socket.off('error', failed);
      resolve({ status: 'open', wire: wireOf(socket, connection) });
    };
    const failed = (error: NodeJS.ErrnoException): void => {
      // ECONNRESET means that the host accepted the connection and then closed it. A refusal is ECONNREFUSED.
      if (error.code === 'ECONNRESET') connected();
      else
        resolve({
          status: error.code === 'ECONNREFUSED' ? 'refused' : error.code === 'ETIMEDOUT' ? 'timeout' : 'unreachable',
          reason: error.code ?? error.message,
        });
    };
    socket.once('error', failed).once('connect', connected);
    onAbort(abandoned, () => {
      socket.on('error', () => undefined);
      socket.destroy();
    });
  });
}

/** Time in milliseconds for the server to close the connection after the farewell. */
const FAREWELL_MS = 500;
/** Maximum length of {@link Wire.peek}. */
const PEEK = 200;

/** Accepts weak ciphers and keys, so that they can be detected. Excludes ciphers without a certificate or encryption. */
const CIPHERS = 'ALL:!aNULL:!eNULL:!PSK:@SECLEVEL=0';
/** Maximum number of cached contexts. Each holds all root certificates. */
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

interface Connection {
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly usual: number;
  readonly signal: AbortSignal | undefined;
}

function wireOf(plain: Socket, { address, port, clock, usual, signal }: Connection): Wire {
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
  /** Adds listeners. Returns a function that removes only these, since Node.js has listeners of its own. */
  const listen = (to: Socket): (() => void) => {
    const data = (chunk: Buffer): void => {
      unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
      if (unread.length > MAX_UNREAD) {
        end({ status: 'closed', reason: `the server sent more than ${MAX_UNREAD} bytes of unread data` });
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
      // Errors of the plain socket appear on the TLS socket.
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
          resolve({ status: 'closed', reason: secure ? 'TLS has already begun' : 'the connection is closed' });
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
          // A closed connection is not a TLS failure.
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
        // A server that does not close the connection must not keep it open.
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
