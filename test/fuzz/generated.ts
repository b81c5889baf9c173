/**
 * The seed and the bounds of generated tests: fast-check's properties get them from `setup.ts`, other generators from here.
 *
 * `npm test` always generates the same cases. `npm run fuzz` sets a fresh seed, more runs and a time limit.
 *
 * @module
 */

/** Seed of everything that is generated. Default: 1. `POSTERN_FUZZ_SEED` sets it. */
export const seed: number = Number(process.env.POSTERN_FUZZ_SEED ?? 1);

/** Milliseconds that one property or generator may take. Default: no limit. `POSTERN_FUZZ_MS` sets it. */
export const limitMs: number = Number(process.env.POSTERN_FUZZ_MS ?? Number.POSITIVE_INFINITY);

/** A generator of whole numbers below a limit, from {@link seed}: mulberry32. */
export function randomNumbers(): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Counts up to `runs`, or until {@link limitMs} have passed. */
export function* upTo(runs: number): Generator<number, void> {
  const end = performance.now() + limitMs;
  for (let run = 0; run < runs && (run === 0 || performance.now() < end); run++) yield run;
}
