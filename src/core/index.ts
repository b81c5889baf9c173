/**
 * The language of policies: a check says what is so, a rule says what follows, a pure fold decides. It has never heard of
 * mail.
 *
 * @module
 */
export type { Awaitable, Check, CheckOptions } from './check.ts';
export { defineCheck, isPromise, recommending } from './check.ts';
export type { Accepted, Decision, Outcome, Quarantined, Refused } from './decision.ts';
export { judge } from './decision.ts';
export type { EvaluateOptions, Known } from './evaluate.ts';
export { evaluate, examine, recorded } from './evaluate.ts';
export type { Answer, AuthenticationResult, Fault, Finding, LaterCharge, Result, StatusDetail } from './finding.ts';
export { fail, neutral, none, pass, permerror, results, softfail, temperror } from './finding.ts';
/** @internal */
export { didYouMean, nearest } from './nearest.ts';
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
export { on, score, shadow, together, unless, when, within } from './rule.ts';
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
export { defer, discard, flag, permit, proceed, quarantine, reject, slow, tag, weigh } from './verdict.ts';
export type { PolicyWarning } from './warnings.ts';
export { warningsOf } from './warnings.ts';
export { addWeights, isWeight, weightForm } from './weight.ts';
