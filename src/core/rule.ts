import type { Check } from './check.ts';
import type { Result } from './finding.ts';
import type { ChangedConsequences, Consequences } from './verdict.ts';

/** How late it is, and when it is too late: what `within` needs of the environment. */
export interface Deadlines {
  readonly clock: {
    /** Calls `run` once, `ms` milliseconds from now; the function returned cancels it. */
    after(ms: number, run: () => void): () => void;
  };
}

/** A check with what follows from its findings, or rules put together. Made by the functions below. */
export type Rule<Facts, Env> =
  | {
      readonly kind: 'one';
      readonly id: string;
      readonly check: Check<Facts, Env>;
      readonly consequences: Consequences;
    }
  | { readonly kind: 'together'; readonly rules: readonly Entry<Facts, Env>[] }
  | {
      readonly kind: 'when';
      /** For which facts the rule stands. */
      readonly condition: (facts: Facts) => boolean;
      readonly rule: Entry<Facts, Env>;
    }
  | {
      readonly kind: 'score';
      readonly id: string;
      readonly thresholds: Thresholds;
      readonly rules: readonly Entry<Facts, Env>[];
    }
  | { readonly kind: 'shadow'; readonly rule: Entry<Facts, Env> }
  | { readonly kind: 'within'; readonly ms: number; readonly rule: Entry<Facts, Env> };

/** What may stand in a policy: a rule, or a check with its recommended consequences. */
export type Entry<Facts, Env> = Rule<Facts, Env> | Check<Facts, Env>;

export interface OnOptions {
  /** The rule's id; the check's where it is not given. Needed where one check stands in a policy more than once. */
  readonly id?: string | undefined;
}

/**
 * A check with some of its recommended consequences changed. Only results that the check can give may be named, and
 * nothing may be discarded because of an error.
 *
 * @example
 * ```ts
 * import { defer, flag, on } from 'postern/core';
 * import { spf } from 'postern/checks/spf';
 *
 * export const rule = on(spf(), { softfail: flag(1), temperror: defer() });
 * ```
 */
export function on<Facts, Env, R extends Result>(
  check: Check<Facts, Env, R>,
  changed: ChangedConsequences<R>,
  options: OnOptions = {},
): Rule<Facts, Env> {
  const id = options.id ?? check.id;
  assertId('on', id);
  return { kind: 'one', id, check, consequences: { ...check.recommended, ...changed } as Consequences };
}

/** Runs its rules at the same time; their outcomes are judged in the order written. */
export function together<const T extends readonly Entry<never, never>[]>(
  ...rules: T
): Rule<FactsOf<T[number]>, EnvOf<T[number]>> {
  return { kind: 'together', rules: rules as never };
}

/** The rule, for those facts for which the condition holds. A condition that throws is a check that could not be made. */
export function when<F1, F2, E>(condition: (facts: F1) => boolean, rule: Entry<F2, E>): Rule<F1 & F2, E> {
  return { kind: 'when', condition, rule: rule as Entry<F1 & F2, E> };
}

/** The rule, for those facts for which the condition does not hold. */
export function unless<F1, F2, E>(condition: (facts: F1) => boolean, rule: Entry<F2, E>): Rule<F1 & F2, E> {
  return when((facts: F1) => !condition(facts), rule);
}

/** At which sum of weights what follows; at least one must be given. */
export interface Thresholds {
  readonly rejectAt?: number | undefined;
  readonly deferAt?: number | undefined;
  readonly quarantineAt?: number | undefined;
  readonly tagAt?: number | undefined;
  /** The header field that `tagAt` adds; `X-Spam-Flag: YES` where it is not given. */
  readonly tag?: { readonly name: string; readonly value: string } | undefined;
  /** The id of the group; `score` where it is not given. */
  readonly id?: string | undefined;
}

/**
 * Runs its rules at the same time and adds up the weights of their flags. As soon as the rules that are still out could
 * no longer change that the strongest threshold is reached, they are aborted.
 *
 * @throws TypeError for a threshold that is no number, or where there is none
 */
export function score<const T extends readonly Entry<never, never>[]>(
  thresholds: Thresholds,
  ...rules: T
): Rule<FactsOf<T[number]>, EnvOf<T[number]>> {
  const known = ['rejectAt', 'deferAt', 'quarantineAt', 'tagAt'] as const;
  for (const name of known) {
    const value = thresholds[name];
    if (value !== undefined && !Number.isFinite(value))
      throw new TypeError(`score: ${name} ${value} is not a finite number`);
  }
  if (known.every((name) => thresholds[name] === undefined))
    throw new TypeError(`score: give at least one of ${known.join(', ')}`);
  const id = thresholds.id ?? 'score';
  assertId('score', id);
  return { kind: 'score', id, thresholds, rules: rules as never };
}

/** The rule is evaluated and recorded, and never enforced: to see its numbers before it is trusted. */
export function shadow<F, E>(rule: Entry<F, E>): Rule<F, E> {
  return { kind: 'shadow', rule };
}

/**
 * The rule, with a deadline: a check that has not answered after `ms` milliseconds is a `temperror`, and what follows is
 * its table's word for that.
 */
export function within<F, E>(ms: number, rule: Entry<F, E>): Rule<F, E & Deadlines> {
  if (!(ms > 0) || !Number.isFinite(ms)) throw new TypeError(`within: ms ${ms} must be a number more than 0`);
  return { kind: 'within', ms, rule: rule as Entry<F, E & Deadlines> };
}

function assertId(verb: string, id: string): void {
  if (!/^[a-z0-9][a-z0-9./-]*$/i.test(id))
    throw new TypeError(`${verb}: id ${JSON.stringify(id)} must be letters, digits, '.', '/' and '-'`);
}

type FactsOf<T> = [T] extends [Entry<infer F, never>] ? F : never;
type EnvOf<T> = [T] extends [Entry<never, infer E>] ? E : never;
