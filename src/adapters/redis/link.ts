import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Clock } from '../../env/index.ts';
import { steadyTime } from '../../env/index.ts';
import type { Script } from './scripts.ts';

/** How patient one is with the server. */
export interface LinkOptions {
  readonly client: Redis;
  readonly clock: Clock;
  /** How long a call may take, in milliseconds. */
  readonly deadlineMs: number;
}

/** Whether the server is asked at present. */
export type LinkState = 'up' | 'down';

const FAILURES_TO_OPEN = 3;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

/**
 * The way to the server: every call ends within its deadline, with an answer or with `undefined`, and none rejects.
 *
 * After three failures in a row nobody is made to wait any more: for a quarter of a second, then twice as long and so on
 * up to ten seconds, calls are answered with `undefined` at once; after each pause a single call tries.
 */
export class Link {
  readonly client: Redis;
  readonly #clock: Clock;
  readonly #steady: () => number;
  readonly #deadlineMs: number;
  readonly #digests = new Map<Script, string>();
  #failures = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #closedUntil = 0;
  #trying = false;

  constructor(options: LinkOptions) {
    this.client = options.client;
    this.#clock = options.clock;
    this.#steady = steadyTime(options.clock);
    this.#deadlineMs = options.deadlineMs;
    // A connection that has just been made has not failed yet.
    this.client.on('ready', () => this.#note(true));
  }

  get state(): LinkState {
    return this.client.status === 'ready' && this.#failures < FAILURES_TO_OPEN ? 'up' : 'down';
  }

  /** Runs a script; `undefined` where the server did not answer well and in time. */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> | undefined {
    return this.call(async (client) => {
      let digest = this.#digests.get(script);
      if (digest === undefined) {
        digest = createHash('sha1').update(script.lua).digest('hex');
        this.#digests.set(script, digest);
      }
      try {
        return await client.evalsha(digest, keys.length, ...keys, ...args);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return await client.eval(script.lua, keys.length, ...keys, ...args);
      }
    });
  }

  /** Asks the server. Answers `undefined` without a promise where it is not asked at all. */
  call<T>(
    ask: (client: Redis) => Promise<T>,
    deadlineMs: number = this.#deadlineMs,
  ): Promise<T | undefined> | undefined {
    if (this.client.status !== 'ready') return undefined;
    const open = this.#failures >= FAILURES_TO_OPEN;
    if (open && (this.#trying || this.#steady() < this.#closedUntil)) return undefined;
    if (open) this.#trying = true;
    return new Promise((resolve) => {
      let over = false;
      const end = (answer: T | undefined, well: boolean): void => {
        if (over) return;
        over = true;
        cancel();
        if (open) this.#trying = false;
        this.#note(well);
        resolve(answer);
      };
      const cancel = this.#clock.after(deadlineMs, () => end(undefined, false));
      ask(this.client).then(
        (answer) => end(answer, true),
        () => end(undefined, false),
      );
    });
  }

  #note(well: boolean): void {
    if (well) {
      this.#failures = 0;
      this.#pauseMs = FIRST_PAUSE_MS;
      return;
    }
    if (++this.#failures < FAILURES_TO_OPEN) return;
    this.#closedUntil = this.#steady() + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    // A connection that has swallowed everything for so long is likely half open: a new one is no loss.
    if (this.#pauseMs === LONGEST_PAUSE_MS && this.client.status === 'ready') this.client.disconnect(true);
  }
}
