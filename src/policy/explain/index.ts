/**
 * Why a policy decided as it did, and what would have changed the decision.
 *
 * **Answers**: which rules were asked, which were skipped and why, which one decided, what had to be different?
 * **Knows**: the tables of the rules. **Asks**: what the rules ask; {@link explainRecorded} asks nothing.
 * **Limits**: sets of more than four changes are not listed; `complete` tells whether there are any.
 *
 * @module
 */
export {
  type AskedQuestion,
  type ExplainedStep,
  type Explanation,
  explain,
  explainRecorded,
} from './explain.ts';
export { printExplanation } from './print.ts';
export type { Change } from './unless.ts';
