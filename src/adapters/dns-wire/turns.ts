import { onAbort } from '../../env/index.ts';

/** Limits how many questions are open at once. The others wait in line. */
export interface Turns {
  /** Questions that are open. */
  readonly inFlight: number;
  /** Questions that wait in line. */
  readonly waiting: number;
  /** Waits for a turn. Returns the reason if there is none: `aborted`, `closed` or `overloaded`. */
  enter(signal: AbortSignal | undefined): Promise<string | undefined> | string | undefined;
  /** Ends a turn. The question that has waited longest gets it. */
  leave(): void;
  /** Ends every wait with the reason `closed`. */
  close(): void;
}

/**
 * Makes a line of questions.
 *
 * @param maxInFlight how many questions may be open at once
 * @param maxWaiting how many may wait; one more is `overloaded`
 */
export function turns(maxInFlight: number, maxWaiting: number): Turns {
  const line = new Set<(refusal?: string) => void>();
  let inFlight = 0;
  return {
    get inFlight() {
      return inFlight;
    },
    get waiting() {
      return line.size;
    },
    enter(signal) {
      if (inFlight < maxInFlight) {
        inFlight++;
        return undefined;
      }
      if (line.size >= maxWaiting) return 'overloaded';
      return new Promise((done) => {
        const start = (refusal?: string): void => {
          withdraw();
          done(refusal);
        };
        const withdraw = onAbort(signal, () => {
          line.delete(start);
          done('aborted');
        });
        line.add(start);
      });
    },
    leave() {
      if (line.size === 0) {
        inFlight--;
        return;
      }
      for (const next of line) {
        line.delete(next);
        next();
        return;
      }
    },
    close() {
      for (const refuse of line) refuse('closed');
      line.clear();
    },
  };
}
