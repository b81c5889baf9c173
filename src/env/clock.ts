/** The time, handed in: a check never looks at a clock of its own. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
  /** Calls `run` once, `ms` milliseconds from now; the function returned cancels it. */
  after(ms: number, run: () => void): () => void;
}
