import type { Clock } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import type { Attempt } from './account.ts';

/** What one admitted attempt holds until it is recorded. */
interface Held {
  readonly places: readonly string[];
  readonly known: boolean;
}

/** Attempts that are being verified, counted by network and account. Any of them may still fail. */
export interface PlaceBook {
  /** Takes a place at each key. Returns how many are taken at each now. */
  take(keys: readonly string[]): ReadonlyMap<string, number>;
  /** Releases the places. Wakes the next in the queue only when the last place of a key is released. */
  release(keys: readonly string[]): void;
  isTaken(key: string): boolean;
  /** Remembers what the attempt holds, until `heldBy` removes it. */
  keep(attempt: Attempt, held: Held): void;
  heldBy(attempt: Attempt): Held | undefined;
  /** Waits in the queue until a place at `key` is released. False if the deadline passes first. */
  turnAt(key: string, inFront: boolean, deadline: WaitDeadline): Promise<boolean>;
  /** Wakes the attempt that has waited longest. */
  wakeNext(key: string): void;
}

export function placeBook(): PlaceBook {
  const taken = new Map<string, number>();
  const queues = new Map<string, (() => void)[]>();
  const held = new Map<string, Held[]>();
  const nameOf = ({ session, client, account = '' }: Attempt): string => JSON.stringify([session, client, account]);
  const wakeNext = (key: string): void => {
    const queue = queues.get(key);
    const next = queue?.shift();
    if (queue?.length === 0) queues.delete(key);
    next?.();
  };
  return {
    take: (keys) =>
      new Map(
        keys.map((key) => {
          const count = (taken.get(key) ?? 0) + 1;
          taken.set(key, count);
          return [key, count];
        }),
      ),
    release(keys) {
      for (const key of keys) {
        const count = (taken.get(key) ?? 0) - 1;
        if (count > 0) taken.set(key, count);
        // An attempt that only tried for a place must not wake the others while places are still taken.
        else if (taken.delete(key)) wakeNext(key);
      }
    },
    isTaken: (key) => taken.has(key),
    keep(attempt, what) {
      const name = nameOf(attempt);
      held.set(name, [...(held.get(name) ?? []), what]);
    },
    heldBy(attempt) {
      const name = nameOf(attempt);
      const all = held.get(name);
      const first = all?.shift();
      if (all?.length === 0) held.delete(name);
      return first;
    },
    turnAt: (key, inFront, deadline) =>
      new Promise((resolve) => {
        if (deadline.passed) return resolve(false);
        const queue = queues.get(key) ?? [];
        queues.set(key, queue);
        const forget = deadline.onPassing(() => {
          queue.splice(queue.indexOf(wake), 1);
          if (queue.length === 0 && queues.get(key) === queue) queues.delete(key);
          resolve(false);
        });
        const wake = (): void => {
          forget();
          resolve(true);
        };
        if (inFront) queue.unshift(wake);
        else queue.push(wake);
      }),
    wakeNext,
  };
}

/**
 * The deadline for waiting in queues, over all turns of one attempt. It passes at once if the client disconnects.
 *
 * `withDeadline` does not fit: an attempt that leaves must first give up its place in the queue, and most attempts wait in
 * no queue, so the timer starts with the first one.
 */
export class WaitDeadline {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #signal: AbortSignal | undefined;
  #cancel: (() => void) | undefined;
  #passed: boolean;
  #run: (() => void) | undefined;

  constructor(clock: Clock, ms: number, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#ms = ms;
    this.#signal = signal;
    this.#passed = signal?.aborted === true;
  }

  get passed(): boolean {
    return this.#passed;
  }

  /** Calls `run` when the deadline passes. The first call starts the timer. Returns a function that removes `run`. */
  onPassing(run: () => void): () => void {
    this.#run = run;
    if (this.#cancel === undefined) {
      const pass = (): void => {
        this.#passed = true;
        this.#run?.();
      };
      const stop = this.#clock.after(this.#ms, pass);
      const withdraw = onAbort(this.#signal, pass);
      this.#cancel = () => {
        stop();
        withdraw();
      };
    }
    return () => {
      this.#run = undefined;
    };
  }

  cancel(): void {
    this.#cancel?.();
  }
}
