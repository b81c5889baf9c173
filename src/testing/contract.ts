/** One promise of a contract, to be run by whatever test runner there is. */
export interface ContractCase {
  readonly name: string;
  /** Rejects where the promise is broken, and says how. */
  readonly run: () => Promise<void>;
}

/** @throws Error that shows both where the two are not equal as JSON */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== should) throw new Error(`${what}: it is ${is}, and should be ${should}`);
}

/** @throws Error where it does not hold */
export function holds(condition: boolean, what: string, evidence?: unknown): void {
  if (!condition) throw new Error(`${what}${evidence === undefined ? '' : `: ${JSON.stringify(evidence)}`}`);
}
