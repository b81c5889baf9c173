/**
 * Hands the chunks of a message to another reader, without keeping it: the writer waits until a chunk is taken. A reader
 * that never came, or went away, is not waited for.
 */
export class Feed implements AsyncIterable<Uint8Array> {
  #waiting: { chunk: Uint8Array; taken: () => void } | undefined;
  #wake: (() => void) | undefined;
  #ended = false;
  #error: Error | undefined;
  #gone = false;

  /** Resolves when the reader has taken the chunk, or is not there to take it. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#gone) return undefined;
    return new Promise((taken) => {
      this.#waiting = { chunk, taken };
      this.#wake?.();
    });
  }

  /** The message has come to its end, or broke off. */
  end(error?: Error): void {
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  /** The reader will take no more. */
  leave(): void {
    this.#gone = true;
    this.#waiting?.taken();
    this.#waiting = undefined;
  }

  /** The octets, in the order in which they were given. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        if (this.#waiting !== undefined) {
          const { chunk, taken } = this.#waiting;
          this.#waiting = undefined;
          taken();
          yield chunk;
        } else if (this.#ended) {
          if (this.#error !== undefined) throw this.#error;
          return;
        } else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.leave();
    }
  }
}
