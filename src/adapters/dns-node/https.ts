import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../env/index.ts';
import { type Arrival, matchAnswer, type Question, readHead, type Transport, writeQuery } from '../dns-wire/index.ts';
import type { ServerAddress } from './server-address.ts';
import { later, socketFailure } from './transport.ts';

const MAX_MESSAGE = 65_535;
const IDLE_MS = 30_000;

/**
 * Questions by DNS over HTTPS (RFC 8484) on one HTTP/2 connection, which is what servers of that kind speak; `fetch` of
 * Node before 26 cannot. Certificates are always checked.
 */
export function httpsTransport(server: ServerAddress, clock: Clock): Transport {
  const host = server.name.includes(':') ? `[${server.name}]` : server.name;
  const origin = `https://${host}:${server.port}`;
  let session: ClientHttp2Session | undefined;
  let answered = false;
  let connected = false;
  let failure: unknown;
  let received = 0;
  let lastRead = Number.NEGATIVE_INFINITY;
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
        // The session only says that it was cancelled; the socket says why.
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

  const ask = (question: Question, done: (arrival: Arrival) => void, again: boolean): (() => void) => {
    // RFC 8484 §4.1: the id is zero, since HTTP matches answers to questions.
    const query = writeQuery(question.name, question.type, { id: 0, plain: question.plain, pad: true });
    if (query === undefined || closed)
      return later(() => done({ kind: 'failure', reason: closed ? 'closed' : 'not a name' }));
    let withdraw: () => void = () => {};
    let over = false;
    const finish = (arrival: Arrival): void => {
      if (over) return;
      over = true;
      done(arrival);
    };
    const reused = answered;
    let stream: ClientHttp2Stream;
    try {
      stream = current().request({
        ':method': 'POST',
        ':path': server.path,
        accept: 'application/dns-message',
        'content-type': 'application/dns-message',
        'content-length': query.bytes.length,
      });
    } catch (error) {
      return later(() => finish(socketFailure(error, false)));
    }
    const parts: Uint8Array[] = [];
    let size = 0;
    let status = 0;
    let dns = false;
    stream.on('response', (headers) => {
      received++;
      lastRead = clock.now();
      status = Number(headers[':status']);
      dns = /^application\/dns-message\b/i.test(String(headers['content-type']));
    });
    stream.on('data', (bytes: Uint8Array) => {
      received += bytes.length;
      lastRead = clock.now();
      size += bytes.length;
      parts.push(bytes);
      if (size > MAX_MESSAGE) stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      if (over) return;
      const bytes = Buffer.concat(parts);
      const head = readHead(bytes);
      if (
        status === 200 &&
        dns &&
        stream.rstCode === constants.NGHTTP2_NO_ERROR &&
        head !== undefined &&
        matchAnswer(query, head) === 'answer'
      ) {
        answered = true;
        finish({ kind: 'message', bytes, head });
      } else if (status === 0 && reused && !again) {
        // The server closed a connection that was idle, just as it was used again.
        withdraw = ask(question, finish, true);
      } else if (status === 0) {
        const sent = connected && stream.rstCode !== constants.NGHTTP2_REFUSED_STREAM;
        finish(socketFailure(failure ?? { code: 'ECONNRESET' }, sent));
      } else {
        finish({ kind: 'failure', reason: status === 200 ? 'malformed' : `http ${status}` });
      }
    });
    stream.end(query.bytes);
    withdraw = () => {
      over = true;
      stream.close(constants.NGHTTP2_CANCEL);
    };
    return () => withdraw();
  };

  return {
    get received() {
      return received;
    },
    get lastRead() {
      return lastRead;
    },
    ask: (question, done) => ask(question, done, false),
    close() {
      closed = true;
      session?.destroy();
    },
  };
}
