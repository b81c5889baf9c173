/** Yield interval in bytes of work. */
const BREATH = 1 << 18;

/** Yields to the event loop at intervals, and throws if the deadline has passed. */
export class Breath {
  #spent = 0;
  readonly #stopped: () => boolean;

  constructor(stopped: () => boolean) {
    this.#stopped = stopped;
  }

  /**
   * Counts work, and yields if it is time to.
   *
   * @param bytes the amount of work, as the number of bytes hashed
   * @returns a promise to await, if it is time to yield
   * @throws {Late} if the deadline has passed
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
 * Resolves in a later turn of the event loop. A digest is computed outside the loop in every runtime. The clock of the
 * environment cannot be used: a clock that a test has stopped would never continue.
 */
const anotherTurn = async (): Promise<void> => {
  await crypto.subtle.digest('SHA-256', nothing);
};

/** The deadline has passed. */
export class Late extends Error {}
