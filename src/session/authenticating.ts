import { timedOut } from '../core/index.ts';
import type { Clock } from '../env/index.ts';
import { withDeadline } from '../env/index.ts';
import type { AuthenticationContext, MessageAuthentication } from '../smtp/index.ts';
import { notAuthenticated } from '../smtp/index.ts';
import type { MessageSink } from './receiving.ts';

/** Bytes that may wait for the authenticator before the session stops reading from the client. */
const MAX_WAITING = 65_536;

/** Runs the policy's authenticator on a message while it arrives. */
export class Authenticating implements MessageSink {
  readonly #control: AbortController = new AbortController();
  readonly #result: Promise<MessageAuthentication>;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  #chunks: Uint8Array[] = [];
  #waiting = 0;
  /** Resumes the authenticator, which has read everything so far. */
  #wake: (() => void) | undefined;
  /** Resumes the session, which waits for the authenticator. */
  #taken: (() => void) | undefined;
  #ended = false;
  #error: Error | undefined;
  /** The authenticator reads no more. */
  #gone = false;

  /** @param onError called if the authenticator throws or rejects, which it must not */
  constructor(
    begin: (
      message: AsyncIterable<Uint8Array>,
      signal: AuthenticationContext['signal'],
    ) => Promise<MessageAuthentication>,
    clock: Clock,
    deadlineMs: number,
    onError: (error: unknown) => void,
  ) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#result = (async () => begin(this.#read(), this.#control.signal))()
      .catch((error: unknown) => {
        if (this.#error === undefined) onError(error);
        return notAuthenticated('the message could not be examined');
      })
      .finally(() => this.#leave());
  }

  /**
   * Passes a chunk to the authenticator. Returns a promise if too much is waiting; it resolves when the authenticator has
   * read everything, has stopped reading, or has not read for as long as a stage may take.
   */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#gone) return undefined;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    this.#wake?.();
    if (this.#waiting <= MAX_WAITING) return undefined;
    return new Promise((resolve) => {
      const cancel = this.#clock.after(this.#deadlineMs, () => this.#leave());
      this.#taken = () => {
        cancel();
        resolve();
      };
    });
  }

  end(error?: Error): void {
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  /** The result, or `temperror` if there is none in time. */
  async result(): Promise<MessageAuthentication> {
    const ended = await withDeadline(this.#clock, this.#deadlineMs, this.#control.signal, () => this.#result);
    if (ended.how === 'answered') return ended.value;
    this.abandon(timedOut(this.#deadlineMs));
    return notAuthenticated('no result within the time allowed');
  }

  /** Stops the authenticator: its result is no longer needed. */
  abandon(reason: unknown): void {
    this.#control.abort(reason);
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#waiting -= chunk.length;
          if (this.#waiting === 0) this.#resume();
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
      this.#leave();
    }
  }

  #resume(): void {
    this.#taken?.();
    this.#taken = undefined;
  }

  #leave(): void {
    this.#gone = true;
    this.#chunks = [];
    this.#resume();
  }
}
