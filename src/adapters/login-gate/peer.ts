import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../env/index.ts';

const CRLF = Buffer.from('\r\n');
const NOTHING = Buffer.alloc(0);

/** Why a read returned no bytes. */
export type ReadEnd = 'closed' | 'too-long';

/**
 * One side of a conversation: reads lines, and writes no faster than the other side reads.
 *
 * It reads from the socket only on request, so a peer that sends without being read fills its own buffers.
 */
export class Peer {
  #socket: Duplex;
  #pending: Buffer = NOTHING;
  /** How many bytes of `pending` are known to contain no line end. */
  #scanned = 0;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #onReadable = (): void => {
    if (this.#wake !== undefined) this.#wake();
    // No read is waiting, so only the end of the connection must be noticed.
    else if (this.#socket.readableLength === 0) this.#pull();
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#listen();
  }

  get socket(): Duplex {
    return this.#socket;
  }

  /** Whether bytes have arrived that were not read yet. */
  get hasMore(): boolean {
    this.#pull();
    return this.#pending.length > 0;
  }

  /** Reads the next line, without its line end. A bare LF ends a line too, because backends may accept it. */
  async line(limit: number): Promise<Buffer | ReadEnd> {
    for (;;) {
      const at = this.#pending.indexOf(10, this.#scanned);
      if (at >= 0) {
        if (at > limit) return 'too-long';
        const line = this.#pending.subarray(0, at > 0 && this.#pending[at - 1] === 13 ? at - 1 : at);
        this.#keep(at + 1);
        return line;
      }
      this.#scanned = this.#pending.length;
      if (this.#pending.length > limit) return 'too-long';
      if (!(await this.#more())) return 'closed';
    }
  }

  /** Reads the next line as Latin-1 text. Undefined if the connection ends, or the line is longer than `limit`. */
  async text(limit: number): Promise<string | undefined> {
    const line = await this.line(limit);
    return typeof line === 'string' ? undefined : line.toString('latin1');
  }

  /** Reads exactly `count` bytes. */
  async octets(count: number): Promise<Buffer | ReadEnd> {
    while (this.#pending.length < count) if (!(await this.#more())) return 'closed';
    const octets = this.#pending.subarray(0, count);
    this.#keep(count);
    return octets;
  }

  /** Reads and discards `count` bytes. */
  async skip(count: number): Promise<boolean> {
    let left = count;
    while (left > 0) {
      if (this.#pending.length === 0 && !(await this.#more())) return false;
      const part = Math.min(left, this.#pending.length);
      this.#keep(part);
      left -= part;
    }
    return true;
  }

  /** Discards what has arrived. */
  discard(): void {
    this.#pull();
    this.#pending = NOTHING;
    this.#scanned = 0;
  }

  /** Writes, and waits until the peer has read enough. False if the connection is closed. */
  write(data: string | Buffer): Promise<boolean> {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return Promise.resolve(false);
    if (socket.write(data)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (): void => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve(!socket.destroyed);
      };
      socket.on('drain', done);
      socket.on('close', done);
    });
  }

  /** Writes one line. */
  say(line: string): Promise<boolean> {
    return this.write(Buffer.concat([Buffer.from(line, 'latin1'), CRLF]));
  }

  /** Writes a last line and closes. Does not wait for a peer that does not read. */
  end(line?: string): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    if (line !== undefined && line !== '' && !socket.writableEnded) socket.write(`${line}\r\n`, 'latin1');
    socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Continues with another layer over the same connection. What was read of the old one is discarded. */
  replace(socket: Duplex): void {
    this.#socket = socket;
    this.#ended = false;
    this.#keep(this.#pending.length);
    this.#listen();
  }

  /** Stops reading. The caller takes over the socket; returns what was received but not read. */
  release(): Buffer {
    const socket = this.#socket;
    socket.off('readable', this.#onReadable);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onEnd);
    this.#ended = true;
    this.#wake?.();
    const rest = this.#pending;
    this.#pending = NOTHING;
    return rest;
  }

  #listen(): void {
    this.#socket.on('readable', this.#onReadable);
    this.#socket.on('end', this.#onEnd);
    this.#socket.on('close', this.#onEnd);
  }

  #keep(from: number): void {
    this.#pending = from >= this.#pending.length ? NOTHING : this.#pending.subarray(from);
    this.#scanned = 0;
  }

  #pull(): boolean {
    const chunk = this.#socket.read() as Buffer | null;
    if (chunk === null) return false;
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    return true;
  }

  async #more(): Promise<boolean> {
    for (;;) {
      if (this.#pull()) return true;
      if (this.#ended || this.#socket.destroyed) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}

/** Checks for traffic per idle time. */
const LOOKS = 4;
/**
 * Bytes waiting for one side at which the other is no longer read, and at which it is read again. Larger than one read of the
 * kernel, so that reading and writing overlap; not much larger, because a client that does not read costs this much memory.
 */
const HIGH = 262_144;
const LOW = 131_072;

/**
 * Passes bytes in both directions, no faster than each side reads.
 *
 * Ends when either side has closed and everything it sent is written, or when nothing has passed for `idleMs`.
 *
 * @param first what was read already and belongs to the other side
 */
export function letThrough(
  client: Socket,
  backend: Socket,
  first: { readonly fromClient: Buffer; readonly fromBackend: Buffer },
  clock: Clock,
  idleMs: number,
): Promise<'closed' | 'idle'> {
  return new Promise((resolve) => {
    let passed = true;
    let quiet = 0;
    let cancel: () => void = () => undefined;
    const finish = (why: 'closed' | 'idle'): void => {
      cancel();
      client.destroy();
      backend.destroy();
      resolve(why);
    };
    const look = (): void => {
      quiet = passed ? 0 : quiet + 1;
      passed = false;
      if (quiet >= LOOKS) finish('idle');
      else cancel = clock.after(idleMs / LOOKS, look);
    };
    look();

    const oneWay = (from: Socket, to: Socket, rest: Buffer): void => {
      let held = false;
      const written = (): void => {
        if (!held || to.writableLength > LOW) return;
        held = false;
        from.resume();
      };
      const pass = (chunk: Buffer): void => {
        passed = true;
        to.write(chunk, written);
        if (held || to.writableLength < HIGH) return;
        held = true;
        from.pause();
      };
      from.on('data', pass);
      from.once('end', () => to.end());
      from.once('close', () => {
        // What is still buffered is written first. The idle time ends a side that reads nothing more.
        if (to.destroyed) finish('closed');
        else to.destroySoon();
      });
      if (rest.length > 0) pass(rest);
      if (!held) from.resume();
    };
    oneWay(client, backend, first.fromClient);
    oneWay(backend, client, first.fromBackend);
    if (client.destroyed && backend.destroyed) finish('closed');
    else if (client.destroyed) backend.destroySoon();
    else if (backend.destroyed) client.destroySoon();
  });
}
