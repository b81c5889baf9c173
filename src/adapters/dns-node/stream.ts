import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../env/index.ts';
import {
  type Arrival,
  matchAnswer,
  type Query,
  type Question,
  readHead,
  type Transport,
  writeQuery,
} from '../dns-wire/index.ts';
import type { ServerAddress } from './server-address.ts';
import { failureReason, freshId } from './transport.ts';
import { later } from './udp.ts';

/** Questions under way on one connection (RFC 7766 §6.2.1.1); another is opened only for more. */
const PER_CONNECTION = 100;
const MAX_CONNECTIONS = 32;
/** RFC 7766 §6.2.3: idle connections are closed by the client, soon. */
const IDLE_MS = 10_000;
/** A question that was given up after so long without a single octet read says that the connection is dead. */
const DEAD_AFTER_MS = 1_000;

interface Waiting {
  readonly question: Question;
  readonly query: Query;
  readonly done: (arrival: Arrival) => void;
  readonly since: number;
  /** It was asked before, on a connection that the server closed meanwhile. */
  readonly again: boolean;
  withdraw: () => void;
}

interface Connection {
  readonly socket: Socket;
  readonly waiting: Map<number, Waiting>;
  readonly parts: Uint8Array[];
  size: number;
  answered: number;
  lastRead: number;
  retired: boolean;
}

/** Questions by TCP or TLS: connections are kept, and questions sent on them without waiting for the answers before. */
export function streamTransport(server: ServerAddress, clock: Clock): Transport {
  const connections = new Set<Connection>();
  const encrypted = server.transport === 'tls';
  let received = 0;

  const open = (): Connection => {
    const { address: host, port } = server;
    const socket = encrypted
      ? connectTls({
          host,
          port,
          ALPNProtocols: ['dot'],
          ...(server.ca === undefined ? {} : { ca: server.ca }),
          // RFC 6066 §3: an address is not sent as a server name; the certificate is checked against it all the same.
          ...(isIP(server.name) === 0 ? { servername: server.name } : {}),
        })
      : connectTcp({ host, port });
    const connection: Connection = {
      socket,
      waiting: new Map(),
      parts: [],
      size: 0,
      answered: 0,
      lastRead: clock.now(),
      retired: false,
    };
    connections.add(connection);
    let failure: unknown;
    socket.setNoDelay(true);
    socket.setTimeout(IDLE_MS, () => {
      if (connection.waiting.size === 0) socket.destroy();
    });
    socket.on('data', (bytes: Uint8Array) => {
      received += bytes.length;
      connection.lastRead = clock.now();
      if (!take(connection, bytes)) socket.destroy();
    });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => drop(connection, failure));
    socket.unref();
    return connection;
  };

  /** Adds octets and hands out every message that is whole (RFC 1035 §4.2.2); false where the stream makes no sense. */
  const take = (connection: Connection, bytes: Uint8Array): boolean => {
    connection.parts.push(bytes);
    connection.size += bytes.length;
    if (connection.size < 2) return true;
    const first = connection.parts[0] as Uint8Array;
    if (first.length >= 2 && connection.size < 2 + (((first[0] as number) << 8) | (first[1] as number))) return true;
    const whole = connection.parts.length === 1 ? first : Buffer.concat(connection.parts);
    let at = 0;
    while (at + 2 <= whole.length) {
      const end = at + 2 + (((whole[at] as number) << 8) | (whole[at + 1] as number));
      if (end > whole.length) break;
      if (!read(connection, whole.subarray(at + 2, end))) return false;
      at = end;
    }
    connection.parts.length = 0;
    connection.size = whole.length - at;
    if (connection.size > 0) connection.parts.push(whole.subarray(at));
    return true;
  };
  const read = (connection: Connection, bytes: Uint8Array): boolean => {
    const head = readHead(bytes);
    if (head === undefined) return false;
    const waiting = connection.waiting.get(head.id);
    // An answer to a question that was withdrawn.
    if (waiting === undefined) return true;
    // Nobody else writes on a connection: a wrong question under our id is a server that is broken.
    if (matchAnswer(waiting.query, head) !== 'answer') return false;
    connection.answered++;
    settle(connection, head.id);
    waiting.done({ kind: 'message', bytes, head });
    return true;
  };
  const settle = (connection: Connection, id: number): void => {
    connection.waiting.delete(id);
    if (connection.retired && connection.waiting.size === 0) connection.socket.destroy();
  };
  const drop = (connection: Connection, failure: unknown): void => {
    connections.delete(connection);
    const reason = failure === undefined ? 'connection closed' : failureReason(failure);
    for (const waiting of connection.waiting.values()) {
      // A server may close an idle connection just when it is used again: that says nothing about the question.
      if (connection.answered > 0 && !waiting.again) waiting.withdraw = ask(waiting.question, waiting.done, true);
      else waiting.done({ kind: 'failure', reason });
    }
    connection.waiting.clear();
  };
  const ask = (question: Question, done: (arrival: Arrival) => void, again: boolean): (() => void) => {
    let connection = [...connections].find(
      ({ retired, waiting, socket }) => !retired && socket.writable && waiting.size < PER_CONNECTION,
    );
    if (connection === undefined) {
      if (connections.size >= MAX_CONNECTIONS) return later(() => done({ kind: 'failure', reason: 'overloaded' }));
      try {
        connection = open();
      } catch (error) {
        return later(() => done({ kind: 'failure', reason: failureReason(error) }));
      }
    }
    const used = connection;
    const id = freshId(used.waiting);
    const query = writeQuery(question.name, question.type, { id, plain: question.plain, pad: encrypted });
    if (query === undefined) return later(() => done({ kind: 'failure', reason: 'not a name' }));
    const withdraw = (): void => {
      if (used.waiting.get(id) !== waiting) return;
      if (clock.now() - waiting.since >= DEAD_AFTER_MS && used.lastRead <= waiting.since) used.retired = true;
      settle(used, id);
    };
    const waiting: Waiting = { question, query, done, since: clock.now(), again, withdraw };
    used.waiting.set(id, waiting);
    const framed = new Uint8Array(query.bytes.length + 2);
    framed[0] = query.bytes.length >> 8;
    framed[1] = query.bytes.length & 255;
    framed.set(query.bytes, 2);
    used.socket.write(framed);
    return () => waiting.withdraw();
  };

  return {
    get received() {
      return received;
    },
    ask: (question, done) => ask(question, done, false),
    close() {
      for (const connection of [...connections]) {
        connection.waiting.clear();
        connection.socket.destroy();
      }
    },
  };
}
