import type { BareLineEndings } from '../smtp/index.ts';

/** What to do with a bare CR, a bare LF or a NUL in a message. */
export type BareLineEndingPolicy = 'refuse' | 'normalize' | 'keep';

/** Takes a copy of a message while a session reads it. Neither method may throw, and `write` must not reject. */
export interface MessageSink {
  /** Takes the next chunk. The session waits for a promise that it returns before it reads on. */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** The message is complete, or, with an error, it will never be. Called once. */
  end(error?: Error): void;
}

export interface ReceivingOptions {
  /** Largest message in bytes. Default: no limit. */
  readonly size?: number;
  readonly bareLineEndings: BareLineEndingPolicy;
}

const NUL = 0;
const LF = 10;
const CR = 13;
const SPACE = 32;

/**
 * Receives one message: counts its bytes, looks at its line endings, and hands a copy on.
 *
 * A message that is refused is read to its end all the same, because the client does not listen before; no more of it is
 * handed on.
 */
export class Receiving {
  /** Why the message is refused; `undefined` if nothing is wrong with it so far. */
  refusal: 'message-too-big' | 'bare-line-ending' | undefined;
  readonly found: { -readonly [K in keyof BareLineEndings]: number } = { cr: 0, lf: 0, nul: 0 };
  readonly #options: ReceivingOptions;
  #size = 0;
  /** The last byte was a CR. It is held back until the next byte shows whether it is bare. */
  #endsInCr = false;

  constructor(options: ReceivingOptions) {
    this.#options = options;
  }

  /** @throws what the message throws, and an error once a refused message has been read to its end */
  async *through(message: Uint8Array | AsyncIterable<Uint8Array>, copy?: MessageSink): AsyncGenerator<Uint8Array> {
    let sink = copy;
    const end = (error?: Error): void => {
      sink?.end(error);
      sink = undefined;
    };
    try {
      for await (const chunk of message instanceof Uint8Array ? [message] : message) {
        const octets = this.#take(chunk);
        if (this.refusal !== undefined) {
          end(new Error(problems[this.refusal]));
          continue;
        }
        if (octets.length === 0) continue;
        const taken = sink?.write(octets);
        yield octets;
        if (taken !== undefined) await taken;
      }
      const rest = this.#rest();
      if (this.refusal !== undefined) throw new Error(problems[this.refusal]);
      if (rest.length > 0) {
        await sink?.write(rest);
        yield rest;
      }
      end();
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      // Reached with a sink only if the reader has stopped in the middle.
      if (sink !== undefined) end(new Error('The message was not read to its end'));
    }
  }

  #take(chunk: Uint8Array): Uint8Array {
    if (chunk.length === 0) return chunk;
    this.#size += chunk.length;
    if (this.#size > (this.#options.size ?? Number.POSITIVE_INFINITY)) this.refusal ??= 'message-too-big';
    if (this.refusal !== undefined) return chunk;
    let octets = chunk;
    if (this.#endsInCr) {
      octets = new Uint8Array(chunk.length + 1);
      octets[0] = CR;
      octets.set(chunk, 1);
    }
    this.#endsInCr = octets[octets.length - 1] === CR;
    if (this.#endsInCr) octets = octets.subarray(0, -1);
    return this.#judged(octets, count(octets, this.#endsInCr, this.found));
  }

  /** What was held back at the end of the message: a CR that nothing follows. */
  #rest(): Uint8Array {
    if (!this.#endsInCr || this.refusal !== undefined) return new Uint8Array(0);
    this.found.cr++;
    return this.#judged(Uint8Array.of(CR), true);
  }

  #judged(octets: Uint8Array, faulty: boolean): Uint8Array {
    if (!faulty) return octets;
    if (this.#options.bareLineEndings === 'refuse') this.refusal ??= 'bare-line-ending';
    return this.#options.bareLineEndings === 'normalize' ? normalized(octets) : octets;
  }
}

const problems = {
  'message-too-big': 'The message is larger than the limit',
  'bare-line-ending': 'The message contains a bare CR, a bare LF or a NUL',
} as const;

/** Counts the faults of a chunk. @param crFollows the CR that ends the chunk has been cut off */
function count(octets: Uint8Array, crFollows: boolean, found: { cr: number; lf: number; nul: number }): boolean {
  const before = found.cr + found.lf + found.nul;
  for (let at = octets.indexOf(LF); at >= 0; at = octets.indexOf(LF, at + 1)) if (octets[at - 1] !== CR) found.lf++;
  for (let at = octets.indexOf(CR); at >= 0; at = octets.indexOf(CR, at + 1)) {
    const next = at + 1 < octets.length ? octets[at + 1] : crFollows ? CR : undefined;
    if (next !== LF) found.cr++;
  }
  for (let at = octets.indexOf(NUL); at >= 0; at = octets.indexOf(NUL, at + 1)) found.nul++;
  return found.cr + found.lf + found.nul > before;
}

/** A bare LF becomes CR LF; a bare CR and a NUL become a space, so that neither can begin a header field. */
function normalized(octets: Uint8Array): Uint8Array {
  const out = new Uint8Array(octets.length * 2);
  let length = 0;
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at] as number;
    if (octet === LF && octets[at - 1] !== CR) out[length++] = CR;
    out[length++] = octet === NUL || (octet === CR && octets[at + 1] !== LF) ? SPACE : octet;
  }
  return out.subarray(0, length);
}
