import type { Check } from './check.ts';
import type { Result } from './finding.ts';
import { assertFunction, assertKnownOptions, positiveNumber, wrongOption } from './option.ts';
import type { ChangedConsequences, Consequences, Verdict } from './verdict.ts';
import { defer, quarantine, reject, tag } from './verdict.ts';
import { assertWeight } from './weight.ts';

/** The part of the environment that `within` uses. */
export interface Deadlines {
  readonly clock: {
    /** Calls `run` once, `ms` milliseconds from now. The returned function cancels it. */
    after(ms: number, run: () => void): () => void;
  };
}

declare const opaque: unique symbol;

/**
 * A check with its consequences, or a combination of rules. Made by `on`, `together`, `when`, `unless`, `score`, `shadow` and
 * `within`; its members are private.
 */
export interface Rule<in Facts, in Env> {
  /** Distinguishes rules from other objects. Has no value. */
  readonly [opaque]: (facts: Facts, env: Env) => void;
}

/** What a policy holds at a stage: a rule, or a check with its recommended consequences. */
export type Entry<Facts, Env> = Rule<Facts, Env> | Check<Facts, Env>;

/**
 * The members of a rule.
 *
 * @internal
 */
export type RuleNode<Facts, Env> =
  | {
      readonly kind: 'one';
      readonly id: string;
      readonly check: Check<Facts, Env>;
      readonly consequences: Consequences;
    }
  | { readonly kind: 'together'; readonly rules: readonly Entry<Facts, Env>[] }
  | {
      readonly kind: 'when';
      /** `when/` and the condition's name. Logs name a broken condition by it. */
      readonly id: string;
      /** Whether the rule applies to the facts. */
      readonly condition: (facts: Facts) => boolean;
      /** Whether the rule applies if the condition is false: `unless`. */
      readonly negated: boolean;
      readonly rule: Entry<Facts, Env>;
    }
  | Score<Facts, Env>
  | { readonly kind: 'shadow'; readonly rule: Entry<Facts, Env> }
  | { readonly kind: 'within'; readonly ms: number; readonly rule: Entry<Facts, Env> };

/**
 * Rules whose weights are added up. Made by `score()`.
 *
 * @internal
 */
export interface Score<Facts, Env> {
  readonly kind: 'score';
  readonly id: string;
  /** The thresholds, strongest verdict first. */
  readonly steps: readonly Step[];
  readonly rules: readonly Entry<Facts, Env>[];
}

/**
 * A threshold, and the verdict if the sum reaches it.
 *
 * @internal
 */
export interface Step {
  readonly name: 'rejectAt' | 'deferAt' | 'quarantineAt' | 'tagAt';
  readonly at: number;
  readonly verdict: Verdict;
}

/**
 * Shows the members of an entry: a rule's node, or a check, which has no `kind`.
 *
 * @internal
 */
export const nodeOf = <F, E>(entry: Entry<F, E>): RuleNode<F, E> | (Check<F, E> & { readonly kind?: undefined }) =>
  entry as never;

const ruleOf = <F, E>(node: RuleNode<F, E>): Rule<F, E> => node as never;

/** The options of `on`. */
export interface OnOptions {
  /** The rule's id. Required if a policy uses the check more than once. Default: the check's id. */
  readonly id?: string;
}

/**
 * Makes a rule of a check, with some of its recommended consequences changed. Only results that the check can return may be
 * named, and `discard` may not follow from an error.
 *
 * @throws {TypeError} if `id` has other characters than letters, digits, `.`, `/` and `-`, and for an unknown option
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
  assertKnownOptions('on', options, ['id']);
  const id = options.id ?? check.id;
  assertId('on', id);
  return ruleOf({ kind: 'one', id, check, consequences: { ...check.recommended, ...changed } as Consequences });
}

/** Runs its rules at the same time. Their outcomes are judged in the order in which the rules are written. */
export function together<const T extends readonly Entry<never, never>[]>(
  ...rules: T
): Rule<FactsOf<T[number]>, EnvOf<T[number]>> {
  return ruleOf({ kind: 'together', rules: rules as never });
}

/**
 * Applies the rule if the condition holds for the facts. A condition that throws defers the mail.
 *
 * @throws {TypeError} if `condition` is not a function
 */
export const when = <F1, F2, E>(condition: (facts: F1) => boolean, rule: Entry<F2, E>): Rule<F1 & F2, E> =>
  conditional('when', condition, rule);

/** Applies the rule if the condition does not hold for the facts. A condition that throws defers the mail. */
export const unless = <F1, F2, E>(condition: (facts: F1) => boolean, rule: Entry<F2, E>): Rule<F1 & F2, E> =>
  conditional('unless', condition, rule);

function conditional<F1, F2, E>(
  owner: 'when' | 'unless',
  condition: (facts: F1) => boolean,
  rule: Entry<F2, E>,
): Rule<F1 & F2, E> {
  assertFunction(owner, 'condition', condition);
  return ruleOf<F1 & F2, E>({
    kind: 'when',
    id: `when/${conditionNames.get(condition) ?? (condition.name || 'condition')}`,
    condition,
    negated: owner === 'unless',
    rule: rule as Entry<F1 & F2, E>,
  });
}

const conditionNames = new WeakMap<object, string>();

/**
 * Gives a condition a name, by which explanations, analyses and logs refer to it. Without this, a condition has the name of its
 * function, which minifiers change.
 *
 * @throws {TypeError} if `name` has other characters than letters, digits, `.`, `/` and `-`
 *
 * @example
 * ```ts
 * import { named, unless } from 'postern/core';
 * import { spf } from 'postern/checks/spf';
 * import { authenticated, toPostmaster, type RcptFacts } from 'postern/smtp';
 *
 * const exempt = named('exempt', (facts: RcptFacts) => authenticated(facts) || toPostmaster(facts));
 * export const rule = unless(exempt, spf());
 * ```
 */
export function named<F>(name: string, condition: (facts: F) => boolean): (facts: F) => boolean {
  assertId('named', name);
  const copy = (facts: F): boolean => condition(facts);
  conditionNames.set(copy, name);
  return copy;
}

/** The thresholds of a score. Each has at most three decimals, and at least one is required. */
export interface Thresholds {
  /** Rejects if the sum is this or more. Default: never. */
  readonly rejectAt?: number;
  /** Defers if the sum is this or more. Default: never. */
  readonly deferAt?: number;
  /** Quarantines if the sum is this or more. Default: never. */
  readonly quarantineAt?: number;
  /** Adds a header field if the sum is this or more. Default: never. */
  readonly tagAt?: number;
  /** The header field that `tagAt` adds. Default: `X-Spam-Flag: YES`. */
  readonly tag?: { readonly name: string; readonly value: string };
  /** The id of the rule. Default: `score`. */
  readonly id?: string;
}

/**
 * Runs its rules at the same time and adds up the weights of their flags. The sum is exact.
 *
 * A score stops early: once a threshold is reached and no unfinished rule can change the action, the deciding rule, the tags
 * or the delay, the unfinished rules are aborted. The order in which answers arrive never changes these four. It can change
 * `score`, `outcomes`, and which flag gives a refusal its status and text, because an aborted rule has no outcome.
 *
 * A `permit` inside a score ends the list: no threshold takes effect, and no rule written after it counts. The flags of a
 * score inside a score count in both.
 *
 * @throws {TypeError} if no threshold is given, a threshold has more than three decimals, or an option is unknown
 *
 * @example
 * ```ts
 * import { flag, on, score } from 'postern/core';
 * import { reverseDns } from 'postern/checks/reverse-dns';
 * import { spf } from 'postern/checks/spf';
 *
 * export const rule = score({ rejectAt: 5, tagAt: 2 }, spf(), on(reverseDns(), { fail: flag(2.5) }));
 * ```
 */
export function score<const T extends readonly Entry<never, never>[]>(
  thresholds: Thresholds,
  ...rules: T
): Rule<FactsOf<T[number]>, EnvOf<T[number]>> {
  assertKnownOptions('score', thresholds, ['rejectAt', 'deferAt', 'quarantineAt', 'tagAt', 'tag', 'id']);
  const { rejectAt, deferAt, quarantineAt, tagAt, tag: field, id = 'score' } = thresholds;
  const steps: Step[] = [];
  const add = (name: Step['name'], at: number | undefined, verdict: Verdict): void => {
    if (at === undefined) return;
    assertWeight('score', name, at);
    steps.push({ name, at, verdict });
  };
  add('rejectAt', rejectAt, reject());
  add('deferAt', deferAt, defer());
  add('quarantineAt', quarantineAt, quarantine);
  add('tagAt', tagAt, tag(field?.name ?? 'X-Spam-Flag', field?.value ?? 'YES'));
  if (steps.length === 0) throw new TypeError('score: give at least one of rejectAt, deferAt, quarantineAt, tagAt');
  assertId('score', id);
  return ruleOf({ kind: 'score', id, steps, rules: rules as never });
}

/** Evaluates and records the rule without enforcing it, to measure its effect before you trust it. */
export function shadow<F, E>(rule: Entry<F, E>): Rule<F, E> {
  return ruleOf({ kind: 'shadow', rule });
}

/**
 * Sets a deadline for the rule: a check that has not answered after `ms` milliseconds is a `temperror`.
 *
 * @throws {TypeError} if `ms` is not a positive number
 */
export function within<F, E>(ms: number, rule: Entry<F, E>): Rule<F, E & Deadlines> {
  positiveNumber('within', 'ms', ms);
  return ruleOf({ kind: 'within', ms, rule: rule as Entry<F, E & Deadlines> });
}

function assertId(verb: string, id: string): void {
  if (!/^[a-z0-9][a-z0-9./-]*$/i.test(id)) throw wrongOption(verb, 'id', "letters, digits, '.', '/' and '-'", id);
}

type FactsOf<T> = [T] extends [Entry<infer F, never>] ? F : never;
type EnvOf<T> = [T] extends [Entry<never, infer E>] ? E : never;
