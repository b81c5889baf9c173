import { timedOut } from '../core/index.ts';
import type { Clock } from '../env/index.ts';
import type { AuthenticationContext, MessageAuthentication } from '../smtp/index.ts';
import { notAuthenticated } from '../smtp/index.ts';
import { Feed } from './feed.ts';

/** Finds out what a message proves, while it arrives. */
export class Authenticating {
  readonly #feed: Feed = new Feed();
  readonly #control: AbortController = new AbortController();
  readonly #result: Promise<MessageAuthentication>;
  readonly #clock: Clock;
  readonly #deadlineMs: number;

  /** @param begin reads the message, and rejects only where it breaks its word */
  constructor(
    begin: (
      message: AsyncIterable<Uint8Array>,
      signal: AuthenticationContext['signal'],
    ) => Promise<MessageAuthentication>,
    clock: Clock,
    deadlineMs: number,
  ) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#result = (async () => begin(this.#feed, this.#control.signal))()
      .catch(() => notAuthenticated('the message could not be examined'))
      .finally(() => this.#feed.leave());
  }

  /** The message, each chunk of it handed to whoever examines it too, who is not waited for longer than a stage may take. */
  async *reading(message: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let ended = false;
    try {
      for await (const chunk of message instanceof Uint8Array ? [message] : message) {
        const taken = this.#feed.write(chunk);
        yield chunk;
        if (taken === undefined) continue;
        const cancel = this.#clock.after(this.#deadlineMs, () => this.#feed.leave());
        await taken;
        cancel();
      }
      ended = true;
    } finally {
      this.#feed.end(ended ? undefined : new Error('the message was not read to its end'));
    }
  }

  /** The result; where there is none in time, or nobody waits any more, that it could not be found out. */
  result(): Promise<MessageAuthentication> {
    return new Promise((resolve) => {
      const { signal } = this.#control;
      let cancel = (): void => undefined;
      const over = (): void => {
        cancel();
        resolve(notAuthenticated('no result within the time allowed'));
      };
      if (signal.aborted) return over();
      signal.addEventListener('abort', over, { once: true });
      cancel = this.#clock.after(this.#deadlineMs, () => this.end(timedOut(this.#deadlineMs)));
      this.#result.then((found) => {
        cancel();
        signal.removeEventListener('abort', over);
        resolve(found);
      });
    });
  }

  /** Nobody waits for it any more. */
  end(reason: unknown): void {
    this.#control.abort(reason);
  }
}
