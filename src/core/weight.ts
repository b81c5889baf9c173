/** Weights and thresholds have at most three decimals: sums of them are exact, so that 0.7 + 0.2 reaches 0.9. */
const STEPS = 1000;
/** Far below the integers that a number holds exactly, however many weights are added up. */
const MOST = 1_000_000_000;

/** What a weight or a threshold must be, for error messages. */
export const weightForm = 'a number with at most three decimals, from -1000000000 to 1000000000';

/** Whether `value` can be a weight or a threshold. */
export const isWeight = (value: number): boolean =>
  typeof value === 'number' && Math.abs(value) <= MOST && rounded(value) === value;

/** @throws {TypeError} if `value` cannot be a weight or a threshold */
export function assertWeight(what: string, value: number): void {
  if (!isWeight(value)) throw new TypeError(`${what} must be ${weightForm}, got ${String(value)}`);
}

/** The nearest weight with three decimals: for weights that findings carry. Never -0, which JSON does not keep. */
export const rounded = (weight: number): number => Math.round(weight * STEPS) / STEPS + 0;

/** Adds two weights exactly. */
export const addWeights = (a: number, b: number): number => rounded(a + b);
