/**
 * One listener for all that waits on a signal.
 *
 * **Answers**: when has the caller given up? **Knows**: nothing. **Asks**: the signal.
 * **Limits**: the listener stays on the signal as long as the signal lives; what it calls does not.
 *
 * @module
 */

const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `run` when the signal is aborted, in the order of asking.
 *
 * A session asks dozens of questions under one signal; a listener for each makes some runtimes warn of a leak at the
 * eleventh.
 *
 * @returns takes it back
 */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  if (signal === undefined) return () => {};
  let runs = waiting.get(signal);
  if (runs === undefined) {
    const mine = new Set<() => void>();
    signal.addEventListener(
      'abort',
      () => {
        const all = [...mine];
        mine.clear();
        for (const one of all) one();
      },
      { once: true },
    );
    waiting.set(signal, mine);
    runs = mine;
  }
  const set = runs;
  // The same function may wait twice.
  const entry = (): void => run();
  set.add(entry);
  return () => void set.delete(entry);
}
