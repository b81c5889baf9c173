import type { MessageFacts, MessageReader } from '../message/index.ts';
import type { BareLineEndings } from '../smtp/index.ts';

/** What to do with a bare CR, a bare LF or a NUL in a message. */
export type BareLineEndingPolicy = 'refuse' | 'normalize' | 'keep';

/** Takes a copy of a message while a session reads it. Neither method may throw, and `write` must not reject. */
export interface MessageSink {
  /** Takes the next chunk. The session waits for a promise that it returns before it reads on. */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** Ends the message. With an error, the message is incomplete. Called once. */
  end(error?: Error): void;
}

export interface ReceivingOptions {
  /** Largest message in bytes. Default: no limit. */
  readonly size?: number;
  readonly bareLineEndings: BareLineEndingPolicy;
  /** Largest message in bytes that is kept whole. */
  readonly keep: number;
}

const NUL = 0;
const LF = 10;
const CR = 13;
const SPACE = 32;

/**
 * Receives one message in chunks: counts its bytes, checks its line endings, and passes it on to everything that reads it.
 *
 * A message that is refused is read to its end, because the client does not listen before; no more of it is passed on.
 */
export class Receiving {
  /** Why the message is refused; `undefined` if nothing is wrong with it so far. */
  refusal: 'message-too-big' | 'bare-line-ending' | undefined;
  readonly found: { -readonly [K in keyof BareLineEndings]: number } = { cr: 0, lf: 0, nul: 0 };
  readonly #options: ReceivingOptions;
  readonly #reader: MessageReader;
  readonly #copy: MessageSink | undefined;
  readonly #authenticating: MessageSink | undefined;
  #size = 0;
  #kept: Uint8Array[] | undefined;
  #keptSize = 0;
  /** The last byte was a CR. It is held back until the next byte shows whether it is bare. */
  #endsInCr = false;
  #ended = false;

  constructor(
    options: ReceivingOptions,
    reader: MessageReader,
    copy: MessageSink | undefined,
    authenticating: MessageSink | undefined,
  ) {
    this.#options = options;
    this.#reader = reader;
    this.#copy = copy;
    this.#authenticating = authenticating;
    this.#kept = options.keep > 0 ? [] : undefined;
  }

  /** Takes the next chunk. Wait for a promise that it returns before the next call. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    const octets = this.#take(chunk);
    if (this.refusal !== undefined) this.stop(new Error(problems[this.refusal]));
    return octets.length === 0 || this.#ended ? undefined : this.#pass(octets);
  }

  /** Ends the message. Resolves with its contents, or with undefined if the message is refused. */
  async end(): Promise<MessageFacts | undefined> {
    const rest = this.#rest();
    if (rest.length > 0 && this.refusal === undefined) await this.#pass(rest);
    if (this.refusal !== undefined) this.stop(new Error(problems[this.refusal]));
    if (this.#ended) return undefined;
    this.stop();
    return this.#reader.end();
  }

  /** Ends everything that reads the message. With an error, the message is incomplete. */
  stop(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#copy?.end(error);
    this.#authenticating?.end(error);
  }

  /** The whole message, or undefined if it is longer than `keep`. */
  kept(): Uint8Array | undefined {
    if (this.#kept === undefined) return undefined;
    const all = new Uint8Array(this.#keptSize);
    let at = 0;
    for (const chunk of this.#kept) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  #pass(octets: Uint8Array): Promise<void> | undefined {
    if (this.#kept !== undefined) {
      this.#keptSize += octets.length;
      if (this.#keptSize <= this.#options.keep) this.#kept.push(octets);
      else this.#kept = undefined;
    }
    const copied = this.#copy?.write(octets);
    const authenticated = this.#authenticating?.write(octets);
    this.#reader.write(octets);
    if (copied === undefined) return authenticated;
    return authenticated === undefined ? copied : copied.then(() => authenticated);
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

  /** Returns the CR that was held back, if the message ends with one. */
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
  'message-too-big': 'Message is too large',
  'bare-line-ending': 'Message contains a bare CR, a bare LF or a NUL',
} as const;

/** Counts the faults of a chunk. @param crFollows the chunk is followed by a CR that is held back */
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
