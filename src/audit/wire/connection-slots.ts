import { type Clock, pause } from '../../env/index.ts';

/** The result of a side conversation, and a promise for the end of its connection. */
export interface SideResult<T> {
  readonly value: T;
  readonly closed?: Promise<void>;
}

/** Side conversations with a server, next to a first conversation that has priority. */
export interface ConnectionSlots {
  /** Runs a conversation. Returns undefined if the server accepts none, not even later. */
  readonly run: <T>(once: () => Promise<SideResult<T> | undefined>) => Promise<T | undefined>;
  /** Signals that the first conversation is over, so that the server has room for another one. */
  readonly firstEnded: () => void;
}

/**
 * Creates slots for side conversations.
 *
 * Servers limit the number of connections per client. A conversation that the server does not accept is tried again after
 * the first one, and then only one at a time.
 *
 * @param pausesMs one pause before each retry, since a server may need time to notice that another connection has ended
 * @param patienceMs if a retry takes longer than this to fail, there are no further retries. Default: no limit.
 */
export function connectionSlots(
  clock: Clock,
  signal: AbortSignal | undefined,
  pausesMs: readonly number[],
  patienceMs?: number,
): ConnectionSlots {
  let firstEnded: () => void = () => undefined;
  let last: Promise<unknown> = new Promise<void>((resolve) => {
    firstEnded = resolve;
  });
  let hopeless = false;
  const retry = async <T>(once: () => Promise<SideResult<T> | undefined>): Promise<SideResult<T> | undefined> => {
    for (const ms of pausesMs) {
      if (hopeless || signal?.aborted) return undefined;
      if (ms > 0) await pause(clock, ms, signal);
      const started = clock.now();
      const result = await once();
      if (result !== undefined) return result;
      if (patienceMs !== undefined && clock.now() - started > patienceMs) break;
    }
    hopeless = patienceMs !== undefined;
    return undefined;
  };
  return {
    firstEnded: () => firstEnded(),
    async run(once) {
      const first = await once();
      if (first !== undefined) return first.value;
      const turn = last.then(() => retry(once));
      last = turn.then(
        (result) => result?.closed,
        () => undefined,
      );
      return (await turn)?.value;
    },
  };
}
