import { createSocket, type Socket } from 'node:dgram';
import type { Clock } from '../../env/index.ts';
import {
  type Arrival,
  matchAnswer,
  type Query,
  type Question,
  readHead,
  type Sent,
  type Transport,
  writeQuery,
} from '../dns-wire/index.ts';
import type { ServerAddress } from './server-address.ts';
import { freshId, later, randomCase, randomId, socketFailure } from './transport.ts';

/**
 * Open questions on one socket. While the process is busy, their answers wait in the socket's buffer: of the 208 KiB that
 * Linux gives by default, an answer of 1,232 octets takes 2,304, so 48 fit twice.
 */
const PER_SOCKET = 48;
const MAX_SOCKETS = 64;
/** An attacker can discover a port that is used for long (RFC 5452 §9.2): it is replaced after this many questions, or this time. */
const QUESTIONS_PER_PORT = 400;
const PORT_AGE_MS = 30_000;
/** Consecutive questions on one port. Then a port is chosen at random, from this many or more. */
const BURST = 24;
const PORTS = 16;
const RECEIVE_BUFFER = 1 << 20;

/**
 * Asks by UDP, from sockets whose ports the system chooses at random (RFC 5452 §9.2). The sockets are connected: the system
 * drops datagrams from other addresses, and reports a port on which nothing listens.
 *
 * Consecutive questions share a socket: every socket that becomes readable costs one read more than it has answers.
 */
export function udpTransport(server: ServerAddress, clock: Clock): Transport {
  const ports = new Set<Port>();
  let current: Port | undefined;
  let burst = 0;
  let received = 0;
  let lastRead = Number.NEGATIVE_INFINITY;
  const onRead = (): void => {
    received++;
    lastRead = clock.now();
  };
  /** Returns a port with room for a question. Closes spent ports that have no open questions. */
  const choose = (): Port | undefined => {
    const now = clock.now();
    if (current?.takes(now) && --burst > 0) return current;
    const free: Port[] = [];
    for (const port of ports) {
      if (port.takes(now)) free.push(port);
      else if (port.spent(now)) port.closeIfIdle();
    }
    burst = BURST;
    current = free[randomId() % free.length];
    if (free.length < PORTS && ports.size < MAX_SOCKETS) {
      current = new Port(server, now, ports, onRead);
      ports.add(current);
    }
    return current;
  };

  return {
    get received() {
      return received;
    },
    get lastRead() {
      return lastRead;
    },
    ask(question) {
      try {
        return choose()?.ask(question) ?? refused(question, { kind: 'lost', reason: 'overloaded', sent: false });
      } catch (error) {
        return refused(question, socketFailure(error, false));
      }
    },
    close() {
      for (const port of ports) port.close();
    },
  };
}

const refused = (question: Question, arrival: Arrival): Sent => ({ withdraw: later(() => question.arrived(arrival)) });

/** A question that was sent, or waits for the socket to be connected. */
class Waiting implements Sent {
  readonly query: Query;
  readonly question: Question;
  private readonly port: Port;

  constructor(port: Port, query: Query, question: Question) {
    this.port = port;
    this.query = query;
    this.question = question;
  }

  withdraw(): void {
    if (this.port.waiting.get(this.query.id) === this) this.port.remove(this.query.id);
  }
}

/** A socket, and the open questions on it. */
class Port {
  readonly waiting = new Map<number, Waiting>();
  private readonly socket: Socket;
  private readonly onSent = (error: Error | null): void => {
    if (error !== null) this.fail(error);
  };
  private readonly born: number;
  private readonly ports: Set<Port>;
  private readonly onRead: () => void;
  private asked = 0;
  private connected = false;
  private closed = false;

  constructor({ address, port }: ServerAddress, born: number, ports: Set<Port>, onRead: () => void) {
    this.born = born;
    this.ports = ports;
    this.onRead = onRead;
    this.socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER });
    this.socket.on('error', (error) => this.fail(error));
    this.socket.on('message', (bytes) => this.read(bytes));
    this.socket.connect(port, address, () => {
      if (this.closed) return;
      this.connected = true;
      for (const { query } of this.waiting.values()) this.socket.send(query.bytes, this.onSent);
    });
    // The timer of an open question keeps the process alive. An idle port must not.
    this.socket.unref();
  }

  takes(now: number): boolean {
    return !this.closed && this.waiting.size < PER_SOCKET && !this.spent(now);
  }

  spent(now: number): boolean {
    return this.asked >= QUESTIONS_PER_PORT || now - this.born > PORT_AGE_MS;
  }

  ask(question: Question): Sent {
    const { name, type, plain, mixedCase } = question;
    const id = freshId(this.waiting);
    const query = writeQuery(name, type, { id, plain, caseBits: mixedCase ? randomCase() : undefined });
    const waiting = new Waiting(this, query, question);
    this.asked++;
    this.waiting.set(id, waiting);
    if (this.connected) this.socket.send(query.bytes, this.onSent);
    return waiting;
  }

  private read(bytes: Uint8Array): void {
    this.onRead();
    const waiting = bytes.length < 2 ? undefined : this.waiting.get(((bytes[0] as number) << 8) | (bytes[1] as number));
    if (waiting === undefined) return;
    const { query, question } = waiting;
    const head = readHead(bytes, query);
    const match = head === undefined ? 'unrelated' : matchAnswer(query, head);
    if (head === undefined || match === 'unrelated') return;
    this.remove(query.id);
    question.arrived(match === 'answer' ? { kind: 'message', bytes, head } : { kind: 'wrong case' });
  }

  remove(id: number): void {
    this.waiting.delete(id);
    if (this.asked >= QUESTIONS_PER_PORT) this.closeIfIdle();
  }

  private fail(error: unknown): void {
    const lost = [...this.waiting.values()];
    this.close();
    for (const { question } of lost) question.arrived(socketFailure(error, false));
  }

  closeIfIdle(): void {
    if (this.waiting.size === 0) this.close();
  }

  close(): void {
    this.waiting.clear();
    if (this.closed) return;
    this.closed = true;
    this.ports.delete(this);
    this.socket.close();
  }
}
