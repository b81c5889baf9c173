import type { Duplex } from 'node:stream';

const CRLF = Buffer.from('\r\n');
const NOTHING = Buffer.alloc(0);

/** What ended a read instead of octets. */
export type ReadEnd = 'closed' | 'too-long';

/**
 * One side of a conversation: octets in, read line by line; octets out, no faster than they are taken.
 *
 * It reads from the socket only when it is asked to, so a peer that talks without being listened to fills its own buffers.
 */
export class Peer {
  #socket: Duplex;
  #pending: Buffer = NOTHING;
  /** How much of `pending` is known to hold no line end. */
  #scanned = 0;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #onReadable = (): void => {
    if (this.#wake !== undefined) this.#wake();
    // Nobody is reading: all that must be noticed is that the peer has gone.
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

  /** Whether octets have arrived that nobody has read. */
  get hasMore(): boolean {
    this.#pull();
    return this.#pending.length > 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The next line without its line end; a bare LF ends one too, since servers behind may think so. */
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

  /** Exactly `count` octets. */
  async octets(count: number): Promise<Buffer | ReadEnd> {
    while (this.#pending.length < count) if (!(await this.#more())) return 'closed';
    const octets = this.#pending.subarray(0, count);
    this.#keep(count);
    return octets;
  }

  /** Reads `count` octets and forgets them. */
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

  /** Throws away what has arrived. */
  discard(): void {
    this.#pull();
    this.#pending = NOTHING;
    this.#scanned = 0;
  }

  /** Writes, and waits until the peer has taken enough of it. False where it is gone. */
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

  /** Says a last line and closes, without waiting for a peer that does not take it. */
  end(line?: string): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    if (line !== undefined && line !== '' && !socket.writableEnded) socket.write(`${line}\r\n`, 'latin1');
    socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Goes on with another layer over the same connection. What was read of the old one must have been used or discarded. */
  replace(socket: Duplex): void {
    this.#socket = socket;
    this.#ended = false;
    this.discard();
    this.#listen();
  }

  /** Stops listening. The socket is the caller's, with what has been read of it and not been used. */
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
