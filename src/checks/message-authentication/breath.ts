import type { Clock } from '../../env/index.ts';

/** So many octets are worked on before other work is let run. */
const BREATH = 1 << 18;

/** Yields to other work now and then, and stops when the time is over. */
export class Breath {
  #spent = 0;
  readonly #clock: Clock;
  readonly #stopped: () => boolean;

  constructor(clock: Clock, stopped: () => boolean) {
    this.#clock = clock;
    this.#stopped = stopped;
  }

  /**
   * @param octets what has been worked on, in octets hashed
   * @returns what to wait for, if it is time to yield
   * @throws Late
   */
  spend(octets: number): Promise<void> | undefined {
    this.#spent += octets;
    if (this.#spent < BREATH) return undefined;
    this.#spent = 0;
    if (this.#stopped()) throw new Late();
    return new Promise((resolve) => void this.#clock.after(0, resolve));
  }
}

/** The time that was allowed is over. */
export class Late extends Error {}
