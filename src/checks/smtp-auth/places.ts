import type { Clock } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';

/** Whose attempt it is. */
interface Who {
  readonly session: string;
  readonly client: IpAddress;
  readonly account?: string;
}

/** What one admitted attempt holds until it is recorded. */
interface Held {
  readonly places: readonly string[];
  readonly known: boolean;
}

/** Attempts that are being verified now, counted by network and account: all of them may still fail. */
export interface PlaceBook {
  /** Takes a place at each key; returns how many are taken there now. */
  take(keys: readonly string[]): ReadonlyMap<string, number>;
  /** Gives them back. Wakes the next in line only if nobody is left: a place that was only tried for must not wake the others. */
  giveBack(keys: readonly string[]): void;
  isTaken(key: string): boolean;
  /** Remembers what the attempt holds, until `heldBy` is asked. */
  keep(attempt: Who, held: Held): void;
  heldBy(attempt: Who): Held | undefined;
  /** Waits in line until a place at `key` is free again. False if the patience ends first. */
  turnAt(key: string, inFront: boolean, patience: Patience): Promise<boolean>;
  /** Wakes the attempt that has waited longest. */
  wakeNext(key: string): void;
}

export function placeBook(): PlaceBook {
  const taken = new Map<string, number>();
  const lines = new Map<string, (() => void)[]>();
  const held = new Map<string, Held[]>();
  const nameOf = ({ session, client, account = '' }: Who): string => JSON.stringify([session, client, account]);
  const wakeNext = (key: string): void => {
    const line = lines.get(key);
    const next = line?.shift();
    if (line?.length === 0) lines.delete(key);
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
    giveBack(keys) {
      for (const key of keys) {
        const count = (taken.get(key) ?? 0) - 1;
        if (count > 0) taken.set(key, count);
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
    turnAt: (key, inFront, patience) =>
      new Promise((resolve) => {
        if (patience.isOver) return resolve(false);
        const line = lines.get(key) ?? [];
        lines.set(key, line);
        const forget = patience.whenOver(() => {
          line.splice(line.indexOf(wake), 1);
          if (line.length === 0 && lines.get(key) === line) lines.delete(key);
          resolve(false);
        });
        const wake = (): void => {
          forget();
          resolve(true);
        };
        if (inFront) line.unshift(wake);
        else line.push(wake);
      }),
    wakeNext,
  };
}

/** How long an attempt waits for others, over all its turns. It ends at once if the client disconnects. */
export class Patience {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #signal: AbortSignal | undefined;
  #cancel: (() => void) | undefined;
  #over = false;
  #run: (() => void) | undefined;
  readonly #expire = (): void => {
    this.#over = true;
    this.#run?.();
  };

  constructor(clock: Clock, ms: number, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#ms = ms;
    this.#signal = signal;
    if (signal?.aborted) this.#over = true;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Calls `run` when it ends; the timer begins with the first call. The returned function takes it back. */
  whenOver(run: () => void): () => void {
    this.#run = run;
    if (this.#cancel === undefined) {
      const stop = this.#clock.after(this.#ms, this.#expire);
      this.#signal?.addEventListener('abort', this.#expire, { once: true });
      this.#cancel = () => {
        stop();
        this.#signal?.removeEventListener('abort', this.#expire);
      };
    }
    return () => {
      this.#run = undefined;
    };
  }

  end(): void {
    this.#cancel?.();
  }
}

/** Waits `ms` milliseconds, or until the signal aborts. */
export const wait = (clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
