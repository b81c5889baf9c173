import { createSocket, type Socket } from 'node:dgram';
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
import { freshId, later, randomCase, randomId, socketFailure } from './transport.ts';

/**
 * Questions under way on one socket. While the process is busy, their answers lie in the socket's buffer: of the 208 KiB
 * that Linux gives without being asked, an answer of 1,232 octets takes 2,304, so that 48 fit twice over.
 */
const PER_SOCKET = 48;
const MAX_SOCKETS = 64;
/** Questions on each socket before another is opened, so that few questions already come from several ports. */
const SPREAD = 4;
/** A port that is used for long can be found out: it is given up after so many questions, or so long. */
const QUESTIONS_PER_PORT = 400;
const PORT_AGE_MS = 30_000;
const RECEIVE_BUFFER = 1 << 20;

interface Waiting {
  readonly query: Query;
  readonly done: (arrival: Arrival) => void;
}

interface Port {
  readonly socket: Socket;
  readonly waiting: Map<number, Waiting>;
  readonly born: number;
  asked: number;
  connected: boolean;
  closed: boolean;
}

/**
 * Questions by UDP, from sockets whose ports the system chooses at random (RFC 5452 §9.2) and which are connected, so that
 * datagrams from elsewhere are dropped before they are read, and a port that nobody listens on is known at once.
 */
export function udpTransport({ address, port: serverPort }: ServerAddress, clock: Clock): Transport {
  const ports = new Set<Port>();
  let received = 0;
  let lastRead = Number.NEGATIVE_INFINITY;

  const close = (port: Port): void => {
    if (port.closed) return;
    port.closed = true;
    ports.delete(port);
    port.socket.close();
  };
  const fail = (port: Port, error: unknown): void => {
    const waiting = [...port.waiting.values()];
    port.waiting.clear();
    close(port);
    for (const { done } of waiting) done(socketFailure(error, false));
  };
  const spent = (port: Port): boolean => port.asked >= QUESTIONS_PER_PORT || clock.now() - port.born > PORT_AGE_MS;
  const settle = (port: Port, id: number): void => {
    port.waiting.delete(id);
    if (port.waiting.size === 0 && spent(port)) close(port);
  };
  const read = (port: Port, bytes: Uint8Array): void => {
    received++;
    lastRead = clock.now();
    const head = readHead(bytes);
    const waiting = head === undefined ? undefined : port.waiting.get(head.id);
    if (head === undefined || waiting === undefined) return;
    const match = matchAnswer(waiting.query, head);
    if (match === 'stranger') return;
    settle(port, head.id);
    waiting.done(match === 'answer' ? { kind: 'message', bytes, head } : { kind: 'wrong case' });
  };

  const open = (): Port => {
    const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER });
    const port: Port = { socket, waiting: new Map(), born: clock.now(), asked: 0, connected: false, closed: false };
    ports.add(port);
    socket.on('error', (error) => fail(port, error));
    socket.on('message', (bytes) => read(port, bytes));
    socket.connect(serverPort, address, () => {
      if (port.closed) return;
      port.connected = true;
      for (const { query } of port.waiting.values()) send(port, query);
    });
    // What is waited for keeps the process alive by its timer; an idle port must not.
    socket.unref();
    return port;
  };
  const send = (port: Port, { bytes, id }: Query): void => {
    port.socket.send(bytes, (error) => {
      const waiting = error === null ? undefined : port.waiting.get(id);
      if (waiting === undefined) return;
      settle(port, id);
      waiting.done(socketFailure(error, false));
    });
  };
  const free: Port[] = [];
  const choose = (): Port | undefined => {
    const now = clock.now();
    free.length = 0;
    let crowded = true;
    for (const port of ports) {
      if (port.asked >= QUESTIONS_PER_PORT || now - port.born > PORT_AGE_MS) {
        if (port.waiting.size === 0) close(port);
      } else if (port.waiting.size < PER_SOCKET) {
        free.push(port);
        if (port.waiting.size < SPREAD) crowded = false;
      }
    }
    if (crowded && ports.size < MAX_SOCKETS) return open();
    return free[randomId() % free.length];
  };

  return {
    get received() {
      return received;
    },
    get lastRead() {
      return lastRead;
    },
    ask(question: Question, done) {
      let port: Port | undefined;
      try {
        port = choose();
      } catch (error) {
        return later(() => done(socketFailure(error, false)));
      }
      if (port === undefined) return later(() => done({ kind: 'lost', reason: 'overloaded', sent: false }));
      const { name, type, plain, mixedCase } = question;
      const id = freshId(port.waiting);
      const query = writeQuery(name, type, { id, plain, caseBits: mixedCase ? randomCase() : undefined });
      if (query === undefined) return later(() => done({ kind: 'failure', reason: 'not a name' }));
      const asked = port;
      asked.asked++;
      asked.waiting.set(id, { query, done });
      if (asked.connected) send(asked, query);
      return () => {
        if (asked.waiting.get(id)?.query === query) settle(asked, id);
      };
    },
    close() {
      for (const port of [...ports]) {
        port.waiting.clear();
        close(port);
      }
    },
  };
}
