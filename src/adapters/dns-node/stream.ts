import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../env/index.ts';
import {
  type Arrival,
  matchAnswer,
  type Query,
  type Question,
  readHead,
  readMessage,
  type Transport,
  writeQuery,
} from '../dns-wire/index.ts';
import type { ServerAddress } from './server-address.ts';
import { freshId, later, socketFailure } from './transport.ts';

/** RFC 7766 §6.2.2: as few connections as possible. Servers accept few of them; unbound accepts 10 from all clients. */
const MAX_CONNECTIONS = 2;
/** Connections that are open, including those that only finish their questions. */
const MAX_OPEN = 4;
/** Open questions on the first connection before a second one is opened. Unbound works on 32 of a connection at once. */
const SPREAD = 32;
/** Open questions on one connection. More would only wait at the server, which may do less for each of them. */
const LARGEST_WINDOW = 100;
/** RFC 7766 §6.2.3: the client closes idle connections, soon, unless the server says how long it keeps them. */
const IDLE_MS = 10_000;
const LONGEST_IDLE_MS = 60_000;
/** A connection that was silent this long while questions were open gets no further questions. */
const QUIET_MS = 1_500;
/** The pause after a connection that gave no answer; doubled each time. */
const FIRST_REST_MS = 25;
const LONGEST_REST_MS = 1_000;
/** How long a server that closed a second connection unused gets one connection only. */
const ALONE_MS = 10_000;
/** How often a question may move from a connection that the server closed to the next one. */
const MAX_MOVES = 20;

interface Waiting {
  readonly question: Question;
  moves: number;
  /** Where the question was sent. */
  sent: { readonly connection: Connection; readonly query: Query; readonly at: number } | undefined;
}

interface Connection {
  readonly socket: Socket;
  /** By id, the oldest first. */
  readonly waiting: Map<number, Waiting>;
  /** The parts of a message that is not complete, and their size. */
  readonly parts: Uint8Array[];
  size: number;
  /** Questions to be written at the end of this turn of the event loop. */
  unsent: Uint8Array[];
  connected: boolean;
  answered: number;
  lastRead: number;
  /** Gets no further questions, and is closed when it has no open ones. */
  closing: boolean;
  /** It was silent for {@link QUIET_MS}, and does not count towards {@link MAX_CONNECTIONS}. */
  quiet: boolean;
}

/**
 * Asks by TCP or TLS, over one or two connections that are kept open (RFC 7766). Questions are sent without waiting for the
 * answers to earlier ones, the questions of one turn of the event loop in one write. Answers may arrive in any order.
 *
 * A question waits in line if every connection is full. If the server closes a connection, the questions without an
 * answer go to the next one, and no more of them at once than the closed connection had answered: a server may limit the
 * questions per connection. After a connection without any answer the server gets a pause.
 */
export function streamTransport(server: ServerAddress, clock: Clock): Transport {
  const connections = new Set<Connection>();
  const line = new Set<Waiting>();
  const encrypted = server.transport === 'tls';
  let received = 0;
  let lastRead = Number.NEGATIVE_INFINITY;
  let window = LARGEST_WINDOW;
  let failures = 0;
  let restUntil = Number.NEGATIVE_INFINITY;
  let restReason = '';
  let aloneUntil = Number.NEGATIVE_INFINITY;

  const open = (): Connection => {
    const { address: host, port } = server;
    const socket = encrypted
      ? connectTls({
          host,
          port,
          ALPNProtocols: ['dot'],
          ca: server.ca,
          // RFC 6066 §3: an address is not sent as a server name. The certificate is still checked against it.
          ...(isIP(server.name) === 0 ? { servername: server.name } : {}),
        })
      : connectTcp({ host, port });
    const connection: Connection = {
      socket,
      waiting: new Map(),
      parts: [],
      size: 0,
      unsent: [],
      connected: false,
      answered: 0,
      lastRead: clock.now(),
      closing: false,
      quiet: false,
    };
    connections.add(connection);
    let failure: unknown;
    socket.setNoDelay(true);
    socket.setTimeout(IDLE_MS);
    socket.on('timeout', () => {
      if (connection.waiting.size === 0) socket.destroy();
    });
    socket.on(encrypted ? 'secureConnect' : 'connect', () => {
      connection.connected = true;
      advance();
    });
    socket.on('data', (bytes: Uint8Array) => {
      received += bytes.length;
      lastRead = connection.lastRead = clock.now();
      if (!take(connection, bytes)) socket.destroy();
    });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => drop(connection, failure));
    // The timer of an open question keeps the process alive. An idle connection must not.
    socket.unref();
    return connection;
  };

  /** Adds bytes and hands out every message that is complete (RFC 1035 §4.2.2). Returns false if the stream is malformed. */
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
    if (bytes.length < 12) return false;
    const waiting = connection.waiting.get(((bytes[0] as number) << 8) | (bytes[1] as number));
    // An answer to a question that was withdrawn.
    if (waiting?.sent === undefined) return true;
    const head = readHead(bytes, waiting.sent.query);
    // No third party writes on a connection: a wrong question with our id means that the server is broken.
    if (head === undefined || matchAnswer(waiting.sent.query, head) !== 'answer') return false;
    const message = head.truncated ? undefined : readMessage(bytes, head);
    if (message?.keepAliveMs === 0) connection.closing = true;
    else if (message?.keepAliveMs !== undefined)
      connection.socket.setTimeout(Math.min(LONGEST_IDLE_MS, message.keepAliveMs));
    if (connection.answered === 0) failures = 0;
    // The connection answered far more than the window: the server no longer has such a limit.
    if (++connection.answered >= 4 * window) window = Math.min(LARGEST_WINDOW, 2 * window);
    settle(connection, head.id);
    waiting.question.arrived({ kind: 'message', bytes, head, message });
    return true;
  };
  const settle = (connection: Connection, id: number): void => {
    connection.waiting.delete(id);
    if (connection.closing && connection.waiting.size === 0) connection.socket.destroy();
    advance();
  };
  const drop = (connection: Connection, failure: unknown): void => {
    connections.delete(connection);
    const left = [...connection.waiting.values()];
    connection.waiting.clear();
    const reason = failure ?? { code: 'ECONNRESET' };
    const arrival = socketFailure(reason, connection.connected);
    const useful = connection.answered > 0;
    if (!useful && arrival.kind === 'lost' && (left.length > 0 || !connection.connected)) {
      restUntil = clock.now() + Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** failures++);
      restReason = arrival.reason;
    }
    const other = [...connections].some(({ connected, closing }) => connected && !closing);
    if (!useful && other) aloneUntil = clock.now() + ALONE_MS;
    if (left.length > 0) {
      if (useful) window = Math.min(LARGEST_WINDOW, connection.answered);
      else if (connection.connected) window = Math.max(1, window >> 2);
      const behind = [...line];
      line.clear();
      // Questions that move stay ahead of those in line.
      for (const waiting of left) {
        waiting.sent = undefined;
        if ((useful || other) && ++waiting.moves <= MAX_MOVES) line.add(waiting);
        // The server may have closed because of the oldest question. The others may be sent again.
        else waiting.question.arrived(waiting === left[0] ? arrival : socketFailure(reason, false));
      }
      for (const waiting of behind) line.add(waiting);
    }
    advance();
  };

  /** Prefers connected ones: on a connection that is still being opened, questions wait for the handshake. */
  const better = (one: Connection, other: Connection): boolean =>
    one.connected === other.connected ? one.waiting.size < other.waiting.size : one.connected;
  /** Returns the connection for the next question. Opens one if that helps. */
  const choose = (): Connection | undefined => {
    const now = clock.now();
    let least: Connection | undefined;
    let usable = 0;
    for (const connection of connections) {
      const [oldest] = connection.waiting.values();
      // Open questions, and nothing read since the oldest of them: the connection may be dead.
      if (oldest?.sent !== undefined && now - Math.max(connection.lastRead, oldest.sent.at) >= QUIET_MS)
        connection.closing = connection.quiet = true;
      if (!connection.quiet) usable++;
      if (connection.closing || !connection.socket.writable) continue;
      if (least === undefined || better(connection, least)) least = connection;
    }
    const crowded = least === undefined || least.waiting.size >= Math.min(window, SPREAD);
    if (crowded && usable < (now < aloneUntil ? 1 : MAX_CONNECTIONS) && now >= restUntil) {
      if (connections.size >= MAX_OPEN) {
        const [oldest] = connections;
        oldest?.socket.destroy();
      }
      const opened = open();
      least ??= opened;
    }
    return least !== undefined && least.waiting.size < window ? least : undefined;
  };
  /** Sends questions from the line while there is room. */
  const advance = (): void => {
    while (line.size > 0) {
      let connection: Connection | undefined;
      let failed: Arrival | undefined;
      try {
        connection = choose();
      } catch (error) {
        failed = socketFailure(error, false);
      }
      if (connection === undefined) {
        // An open connection will have room. Without one, nothing would continue the line.
        if (failed === undefined && connections.size > 0) return;
        failed ??= { kind: 'lost', reason: restReason, sent: false };
      }
      const [next] = line as Set<Waiting> & Iterable<Waiting>;
      line.delete(next as Waiting);
      if (connection === undefined) (next as Waiting).question.arrived(failed as Arrival);
      else put(connection, next as Waiting);
    }
  };
  const put = (connection: Connection, waiting: Waiting): void => {
    const { name, type, plain } = waiting.question;
    const id = freshId(connection.waiting);
    const keepAlive = connection.waiting.size === 0 && connection.answered === 0;
    const query = writeQuery(name, type, { id, plain, pad: encrypted, keepAlive });
    waiting.sent = { connection, query, at: clock.now() };
    connection.waiting.set(id, waiting);
    if (connection.unsent.length === 0) setImmediate(flush, connection);
    connection.unsent.push(Uint8Array.of(query.bytes.length >> 8, query.bytes.length & 255), query.bytes);
  };
  /** Writes the questions of a turn of the event loop at once. */
  const flush = (connection: Connection): void => {
    const bytes = Buffer.concat(connection.unsent);
    connection.unsent = [];
    if (connection.socket.writable) connection.socket.write(bytes);
  };

  return {
    get received() {
      return received;
    },
    get lastRead() {
      return lastRead;
    },
    ask(question) {
      const waiting: Waiting = { question, moves: 0, sent: undefined };
      line.add(waiting);
      // `arrived` must not be called before this returns.
      const cancel = later(advance);
      return {
        withdraw() {
          cancel();
          line.delete(waiting);
          const { sent } = waiting;
          if (sent !== undefined && sent.connection.waiting.get(sent.query.id) === waiting)
            settle(sent.connection, sent.query.id);
        },
      };
    },
    close() {
      line.clear();
      for (const connection of [...connections]) {
        connection.waiting.clear();
        connection.socket.destroy();
      }
    },
  };
}
