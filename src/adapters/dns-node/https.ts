import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../env/index.ts';
import { bodyCollector, DNS_MESSAGE, type HttpOutcome, httpsTransport, type Transport } from '../dns-wire/index.ts';
import type { ServerAddress } from './server-address.ts';
import { later, socketFailure } from './transport.ts';

const IDLE_MS = 30_000;

/**
 * Asks by DNS over HTTPS on one HTTP/2 connection. Servers of that kind require HTTP/2, which `fetch` of Node before 26 does
 * not speak. Certificates are always checked.
 */
export function http2Transport(server: ServerAddress, clock: Clock): Transport {
  const host = server.name.includes(':') ? `[${server.name}]` : server.name;
  const origin = `https://${host}:${server.port}`;
  let session: ClientHttp2Session | undefined;
  let answered = false;
  let connected = false;
  let failure: unknown;
  let closed = false;

  const current = (): ClientHttp2Session => {
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    answered = false;
    connected = false;
    failure = undefined;
    const opened = connect(origin, {
      createConnection: () => {
        const socket = connectTls({
          host: server.address,
          port: server.port,
          ALPNProtocols: ['h2'],
          ca: server.ca,
          ...(isIP(server.name) === 0 ? { servername: server.name } : {}),
        });
        socket.setNoDelay(true);
        // The session reports only that it was cancelled. The socket reports why.
        socket.on('error', (error) => {
          failure ??= error;
        });
        return socket;
      },
    });
    opened.on('connect', () => {
      if (session === opened) connected = true;
    });
    opened.on('error', (error) => {
      if (session === opened) failure ??= error;
    });
    opened.setTimeout(IDLE_MS, () => opened.close());
    opened.unref();
    session = opened;
    return opened;
  };

  const post = (
    bytes: Uint8Array,
    onRead: () => void,
    done: (outcome: HttpOutcome) => void,
    again = false,
  ): (() => void) => {
    if (closed) return later(() => done({ kind: 'failure', reason: 'closed' }));
    const reused = answered;
    let stream: ClientHttp2Stream;
    try {
      stream = current().request({
        ':method': 'POST',
        ':path': server.path,
        accept: DNS_MESSAGE,
        'content-type': DNS_MESSAGE,
        'content-length': bytes.length,
      });
    } catch (error) {
      return later(() => done(socketFailure(error, false)));
    }
    const body = bodyCollector();
    let status = 0;
    let contentType = '';
    let cancelled = false;
    let cancel = (): void => stream.close(constants.NGHTTP2_CANCEL);
    stream.on('response', (headers) => {
      onRead();
      status = Number(headers[':status']);
      contentType = String(headers['content-type']);
    });
    stream.on('data', (part: Uint8Array) => {
      onRead();
      if (!body.add(part)) stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      if (cancelled) return;
      const whole = stream.rstCode === constants.NGHTTP2_NO_ERROR;
      if (status !== 0) {
        answered ||= status === 200 && whole;
        done({ kind: 'response', status, contentType, body: whole ? body.bytes() : undefined });
      } else if (reused && !again) {
        // The server closed an idle connection just as it was used again.
        cancel = post(bytes, onRead, done, true);
      } else {
        const sent = connected && stream.rstCode !== constants.NGHTTP2_REFUSED_STREAM;
        done(socketFailure(failure ?? { code: 'ECONNRESET' }, sent));
      }
    });
    stream.end(bytes);
    return () => {
      cancelled = true;
      cancel();
    };
  };

  return httpsTransport(clock, post, () => {
    closed = true;
    session?.destroy();
  });
}
