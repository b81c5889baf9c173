/**
 * The language of policies. A check reports what is true, a rule says what follows, and a pure fold decides. This room knows
 * nothing about mail.
 *
 * @module
 */
export type { Awaitable, Check, CheckOptions } from './check.ts';
export { defineCheck } from './check.ts';
export type { Accepted, Decision, Outcome, Quarantined, Refused } from './decision.ts';
export { judge } from './decision.ts';
export type { EvaluateOptions, Known } from './evaluate.ts';
export { evaluate, recorded } from './evaluate.ts';
export type { Answer, AuthenticationResult, Fault, Finding, LaterCharge, Result, StatusDetail } from './finding.ts';
export { fail, neutral, none, pass, permerror, results, softfail, temperror } from './finding.ts';
export type { EvaluationStep, Observer, SkipReason } from './observer.ts';
export type { Policy } from './policy.ts';
export type { Deadlines, Entry, OnOptions, Rule, Thresholds } from './rule.ts';
export { named, on, score, shadow, together, unless, when, within } from './rule.ts';
export type {
  Action,
  ChangedConsequences,
  ConsequenceKey,
  Consequences,
  HeaderField,
  Refusal,
  RequiredConsequences,
  Verdict,
} from './verdict.ts';
export { defer, discard, flag, permit, proceed, quarantine, reject, slow, tag, weigh } from './verdict.ts';
export type { PolicyWarning } from './warnings.ts';

// Only for the project: stripped from the published types.

/** @internal */
export { isPromise, recommending } from './check.ts';
/** @internal */
export { strengthOf } from './decision.ts';
/** @internal */
export { examine } from './evaluate.ts';
/** @internal */
export { didYouMean, nearest } from './nearest.ts';
/** @internal */
export {
  assertFunction,
  assertKnownOptions,
  numberFrom,
  numberFromZero,
  oneOf,
  positiveNumber,
  wholeNumber,
  wrongOption,
} from './option.ts';
/** @internal */
export { assertUniqueIds, canLeadTo, type Leaf, leavesOf, type Placed, placed } from './policy.ts';
/** @internal */
export { nodeOf, type RuleNode, type Score, type Step } from './rule.ts';
/** @internal */
export { timedOut } from './scope.ts';
/** @internal */
export { consequenceOf, weighed } from './verdict.ts';
/** @internal */
export { warningsOf } from './warnings.ts';
/** @internal */
export { addWeights, isWeight, weightForm } from './weight.ts';
