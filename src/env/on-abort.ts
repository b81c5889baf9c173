/**
 * One listener for everything that waits on a signal.
 *
 * **Answers**: when does the caller give up? **Asks**: the signal.
 * **Limits**: the listener stays on the signal for the signal's lifetime; the callbacks do not.
 *
 * @module
 */

const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `run` when the signal is aborted, in the order of registration.
 *
 * A session asks dozens of questions under one signal. With a listener for each, some runtimes report a leak at the
 * eleventh.
 *
 * @returns a function that removes `run`
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
  // The same function may be registered twice.
  const entry = (): void => run();
  set.add(entry);
  return () => void set.delete(entry);
}
