import type { Clock } from '../../env/index.ts';

/** What a conversation came to, and when its connection is gone. */
export interface Held<T> {
  readonly value: T;
  readonly gone?: Promise<void>;
}

/** Conversations that are held at the same time as a first one, and give way to it. */
export interface ConnectionSlots {
  /** Holds one; undefined where it was not to be had, now or later. */
  readonly hold: <T>(once: () => Promise<Held<T> | undefined>) => Promise<T | undefined>;
  /** The first one is over: there is room for one more. */
  readonly firstIsOver: () => void;
}

/**
 * Servers count the conversations of a client, and may have no room for all. One that was not to be had is tried again when
 * the first one is over, those that are left one at a time.
 *
 * @param pausesMs before each try: a server that counts may not have noticed yet that another one is over
 * @param patienceMs whoever takes longer than this to refuse is not tried again, nor is anything else held
 */
export function connectionSlots(
  clock: Clock,
  signal: AbortSignal | undefined,
  pausesMs: readonly number[],
  patienceMs?: number,
): ConnectionSlots {
  let firstIsOver: () => void = () => undefined;
  let last: Promise<unknown> = new Promise<void>((resolve) => {
    firstIsOver = resolve;
  });
  let hopeless = false;
  const alone = async <T>(once: () => Promise<Held<T> | undefined>): Promise<Held<T> | undefined> => {
    for (const pause of pausesMs) {
      if (hopeless || signal?.aborted) return undefined;
      if (pause > 0) await new Promise<void>((resolve) => void clock.after(pause, resolve));
      const tried = clock.now();
      const held = await once();
      if (held !== undefined) return held;
      if (patienceMs !== undefined && clock.now() - tried > patienceMs) break;
    }
    hopeless = patienceMs !== undefined;
    return undefined;
  };
  return {
    firstIsOver: () => firstIsOver(),
    async hold(once) {
      const first = await once();
      if (first !== undefined) return first.value;
      const turn = last.then(() => alone(once));
      last = turn.then(
        (held) => held?.gone,
        () => undefined,
      );
      return (await turn)?.value;
    },
  };
}
