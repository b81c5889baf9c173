/** One case of a contract, for any test runner. */
export interface ContractCase {
  readonly name: string;
  /** Rejects if the store breaks the contract; the message says how. */
  readonly run: () => Promise<void>;
}

/** @throws {Error} if the two differ as JSON; the message shows both */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== should) throw new Error(`${what}: got ${is}, expected ${should}`);
}

/** @throws {Error} if the condition is false */
export function holds(condition: boolean, what: string, evidence?: unknown): void {
  if (!condition) throw new Error(`${what}${evidence === undefined ? '' : `: ${JSON.stringify(evidence)}`}`);
}
