/** After this many bytes of work other work may run. */
const BREATH = 1 << 18;

/** Yields to other work now and then, and stops when the time is over. */
export class Breath {
  #spent = 0;
  readonly #stopped: () => boolean;

  constructor(stopped: () => boolean) {
    this.#stopped = stopped;
  }

  /**
   * @param bytes what has been worked on, in bytes hashed
   * @returns what to wait for, if it is time to yield
   * @throws Late
   */
  spend(bytes: number): Promise<void> | undefined {
    this.#spent += bytes;
    if (this.#spent < BREATH) return undefined;
    this.#spent = 0;
    if (this.#stopped()) throw new Late();
    return anotherTurn();
  }
}

const nothing = new Uint8Array(0);

/**
 * Resolves in another turn of the event loop. A digest is computed outside the loop, on every runtime. The clock that is passed in
 * would not do: yielding is not a matter of time, and a clock that a test has stopped would never go on.
 */
const anotherTurn = async (): Promise<void> => {
  await crypto.subtle.digest('SHA-256', nothing);
};

/** The time that was allowed is over. */
export class Late extends Error {}
