import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageSink } from '../../session/index.ts';

/** Where a message waits for `deliver` to read it. */
export interface SpoolOptions {
  /** Bytes of one message that wait in memory. The rest goes to a temporary file. Default: 262,144. */
  readonly memory?: number;
  /** The directory of temporary files. Default: the system's. */
  readonly directory?: string;
}

const MEMORY = 262_144;
/** Bytes that are read from the file at a time. */
const PIECE = 65_536;

/**
 * Buffers a message between the session that receives it and `deliver`, which may read it at once, later, or never.
 *
 * The session never waits for `deliver`. A reader that keeps up gets every chunk from memory. If more is waiting than fits in
 * memory, the rest goes to a file. The file is unlinked as soon as it is opened, so that a crash leaves nothing behind.
 *
 * If the file cannot be written, the reader gets the error, and the session goes on.
 */
export class Spool implements MessageSink, AsyncIterable<Uint8Array> {
  readonly #memory: number;
  readonly #directory: string | undefined;
  /** Chunks that wait in memory. They are older than those in the file. */
  #chunks: Uint8Array[] = [];
  #waiting = 0;
  #file: FileHandle | undefined;
  #written = 0;
  #read = 0;
  #wake: (() => void) | undefined;
  #begun = false;
  #ended = false;
  #closed = false;
  #error: Error | undefined;
  /** The error that ended the message, if it was not received completely. */
  incomplete: Error | undefined;

  constructor({ memory = MEMORY, directory }: SpoolOptions = {}) {
    this.#memory = memory;
    this.#directory = directory;
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#closed || this.#error !== undefined) return undefined;
    if (this.#read < this.#written || this.#waiting + chunk.length > this.#memory) return this.#spill(chunk);
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    this.#wake?.();
    return undefined;
  }

  async #spill(chunk: Uint8Array): Promise<void> {
    try {
      this.#file ??= await nameless(this.#directory ?? tmpdir());
      const file = this.#file;
      for (let at = 0; at < chunk.length && !this.#closed; )
        at += (await file.write(chunk, at, chunk.length - at, this.#written + at)).bytesWritten;
      this.#written += chunk.length;
      this.#wake?.();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    // The reader may have left while the file was opened.
    if (this.#closed) await this.#closeFile();
  }

  end(error?: Error): void {
    this.#ended = true;
    this.incomplete = error;
    if (error !== undefined) this.#fail(error);
    this.#wake?.();
  }

  /** The reader gets the error instead of the rest. */
  #fail(error: Error): void {
    this.#error ??= error;
    this.#drop();
    this.#wake?.();
  }

  /** Ends the reading, and releases the memory and the file. */
  close(): void {
    this.#closed = true;
    this.#drop();
    this.#wake?.();
  }

  #drop(): void {
    this.#chunks = [];
    this.#waiting = 0;
    this.#written = 0;
    this.#read = 0;
    void this.#closeFile();
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    // If an unlinked file cannot be closed, nothing else can be done.
    await file?.close().catch(() => undefined);
  }

  /** The bytes, once. @throws {Error} if the message is not complete, or has been read before */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.#begun) throw new Error('The message can be read only once');
    this.#begun = true;
    try {
      for (;;) {
        if (this.#error !== undefined) throw this.#error;
        if (this.#closed) throw new Error('The message can no longer be read');
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#waiting -= chunk.length;
          yield chunk;
        } else if (this.#read < this.#written) yield await this.#piece();
        else if (this.#ended) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.close();
    }
  }

  async #piece(): Promise<Uint8Array> {
    const piece = new Uint8Array(Math.min(PIECE, this.#written - this.#read));
    const { bytesRead } = (await this.#file?.read(piece, 0, piece.length, this.#read)) ?? { bytesRead: 0 };
    if (bytesRead === 0) throw this.#error ?? new Error('The message can no longer be read');
    this.#read += bytesRead;
    return piece.subarray(0, bytesRead);
  }
}

/** Opens a file and unlinks it. The system frees it when it is closed. */
async function nameless(directory: string): Promise<FileHandle> {
  const path = join(directory, `postern-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}
