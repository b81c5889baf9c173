/** Keeps the first octets of a message as it passes. */
export class Kept {
  readonly #most: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async *through(message: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of message instanceof Uint8Array ? [message] : message) {
      this.#size += chunk.length;
      if (this.#size <= this.#most) this.#chunks.push(chunk);
      else this.#chunks = [];
      yield chunk;
    }
  }

  /** The whole message, or undefined where it was longer than may be kept. */
  get octets(): Uint8Array | undefined {
    if (this.#size > this.#most) return undefined;
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }
}
