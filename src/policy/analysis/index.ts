/**
 * What a policy can and cannot do, without running it.
 *
 * **Answers**: does an outage ever refuse mail? Is one policy at least as strict as another? Which rules have no effect?
 * **Knows**: the tables of the rules, which are finite. So its answers are exact over findings; no check is run.
 * **Limits**: findings of different rules are taken to be independent, and a condition to be true or false.
 *
 * @module
 */
export { type LintFinding, type LintId, type LintOptions, lint } from './lint.ts';
export type { DecisionAction, PolicyCounterexample } from './model.ts';
export {
  type AnyPolicy,
  type Difference,
  type PolicyProof,
  provesEquivalent,
  provesImplies,
  provesNoOutageRefuses,
} from './proofs.ts';
