import { wrongOption } from './option.ts';

/** Weights and thresholds have at most three decimals. Their sums are exact, so that 0.7 + 0.2 reaches 0.9. */
const STEPS = 1000;
/** Largest weight. Sums stay far below the largest integer that a number holds exactly. */
const MOST = 1_000_000_000;

/**
 * The form of a weight or threshold, for error messages.
 *
 * @internal
 */
export const weightForm = 'a number with at most three decimals, from -1000000000 to 1000000000';

/**
 * Whether `value` can be a weight or a threshold.
 *
 * @internal
 */
export const isWeight = (value: number): boolean =>
  typeof value === 'number' && Math.abs(value) <= MOST && rounded(value) === value;

/** @throws {TypeError} if `value` cannot be a weight or a threshold */
export function assertWeight(owner: string, option: string, value: number): void {
  if (!isWeight(value)) throw wrongOption(owner, option, weightForm, value);
}

/** Rounds a finding's weight to three decimals. Never returns -0, which JSON does not preserve. */
export const rounded = (weight: number): number => Math.round(weight * STEPS) / STEPS + 0;

/**
 * Adds two weights exactly.
 *
 * @internal
 */
export const addWeights = (a: number, b: number): number => rounded(a + b);
