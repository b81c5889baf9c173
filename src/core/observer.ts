import type { Outcome } from './decision.ts';

/** Why a rule was not evaluated. */
export type SkipReason =
  /** The condition around it was false. */
  | 'condition-false'
  /** A rule before it refused. */
  | 'decided-before'
  /** A rule before it permitted. */
  | 'permitted-before'
  /** The score around it was certain before its answer came. It may have been started. */
  | 'score-decided';

/** One step of an evaluation. Plain data. */
export interface EvaluationStep {
  readonly kind: 'check' | 'score' | 'condition';
  /** Where the rule is written: `rcpt[0].score[1]` is the second rule of the score that is the first entry at RCPT. */
  readonly place: string;
  /** The rule's id. That of a condition begins with `when/`. */
  readonly rule: string;
  /** Why the step was not taken. Such a step has none of the following. */
  readonly skipped?: SkipReason;
  /** What a check or a score came to. A condition has an outcome only if it threw. */
  readonly outcome?: Outcome;
  /** What a condition returned. */
  readonly holds?: boolean;
  /** When a check was started, by the observer's clock. */
  readonly began?: number;
  readonly tookMs?: number;
}

/** Receives the steps of an evaluation, in the order in which they end. What it throws is ignored. */
export interface Observer {
  /** The time in milliseconds, by any clock. */
  readonly now: () => number;
  /** Receives one step. */
  readonly onStep: (step: EvaluationStep) => void;
  /** Returns the environment for the check of one rule. Default: the environment of the evaluation. */
  readonly envFor?: <E>(rule: string, env: E) => E;
}

/**
 * Returns the observer with errors caught: an observer must not change a decision.
 *
 * @internal
 */
export function guarded(observer: Observer): Observer {
  const safely = <T>(run: () => T, otherwise: T): T => {
    try {
      return run();
    } catch {
      return otherwise;
    }
  };
  return {
    now: () => safely(() => observer.now(), 0),
    onStep: (step) => safely(() => observer.onStep(step), undefined),
    envFor: (rule, env) => safely(() => observer.envFor?.(rule, env) ?? env, env),
  };
}
