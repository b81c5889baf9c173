/**
 * The language of policies: a check says what is so, a rule says what follows, a pure fold decides. It has never heard of
 * mail.
 *
 * @module
 */
export type { Awaitable, Check, CheckOptions } from './check.ts';
export { defineCheck, isPromise, recommending } from './check.ts';
export type { Accepted, Decision, Outcome, Quarantined, Refused } from './decision.ts';
/** @internal */
export { judge, strengthOf } from './decision.ts';
export type { EvaluateOptions, Known } from './evaluate.ts';
export { evaluate, examine, recorded } from './evaluate.ts';
export type { Answer, Fault, Finding, Result, StatusDetail } from './finding.ts';
export { fail, neutral, none, pass, permerror, results, softfail, temperror } from './finding.ts';
/** @internal */
export { didYouMean, nearest } from './nearest.ts';
export type { EvaluationStep, Observer, SkipReason } from './observer.ts';
/** @internal */
export {
  assertFunction,
  assertKnownOptions,
  numberFromZero,
  oneOf,
  positiveNumber,
  wholeNumber,
  wrongOption,
} from './option.ts';
export type { Leaf, Policy } from './policy.ts';
export { assertUniqueIds, leavesOf } from './policy.ts';
export type { Deadlines, Entry, OnOptions, Rule, Score, Step, Thresholds } from './rule.ts';
/** @internal */
export { isRule, named, on, score, shadow, together, unless, when, within } from './rule.ts';
export { timedOut } from './scope.ts';
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
/** @internal */
export {
  consequenceOf,
  defer,
  discard,
  flag,
  permit,
  proceed,
  quarantine,
  reject,
  slow,
  tag,
  weigh,
  weighed,
} from './verdict.ts';
export type { PolicyWarning } from './warnings.ts';
export { warningsOf } from './warnings.ts';
export { addWeights, isWeight, weightForm } from './weight.ts';
