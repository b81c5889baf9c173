import type { Check } from './check.ts';
import type { Result } from './finding.ts';
import type { ChangedConsequences, Consequences, Verdict } from './verdict.ts';
import { defer, quarantine, reject, tag } from './verdict.ts';
import { assertWeight } from './weight.ts';

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
      /** `when/` and the condition's name. Logs name a broken condition by it. */
      readonly id: string;
      readonly condition: (facts: Facts) => boolean;
      /** Whether the rule applies if the condition is false: `unless`. */
      readonly negated: boolean;
      readonly rule: Entry<Facts, Env>;
    }
  | Score<Facts, Env>
  | { readonly kind: 'shadow'; readonly rule: Entry<Facts, Env> }
  | { readonly kind: 'within'; readonly ms: number; readonly rule: Entry<Facts, Env> };

/** Rules whose weights are added up. Made by `score()`. */
export interface Score<Facts, Env> {
  readonly kind: 'score';
  readonly id: string;
  /** The thresholds, the strongest first. */
  readonly steps: readonly Step[];
  readonly rules: readonly Entry<Facts, Env>[];
}

/** A threshold, and what follows if the sum reaches it. */
export interface Step {
  readonly name: 'rejectAt' | 'deferAt' | 'quarantineAt' | 'tagAt';
  readonly at: number;
  readonly verdict: Verdict;
}

/** What may stand in a policy: a rule, or a check with its recommended consequences. */
export type Entry<Facts, Env> = Rule<Facts, Env> | Check<Facts, Env>;

/** Whether the entry is a rule; otherwise it is a check. */
export const isRule = <F, E>(entry: Entry<F, E>): entry is Rule<F, E> => 'kind' in entry;

export interface OnOptions {
  /** The rule's id; the check's where it is not given. Needed where one check stands in a policy more than once. */
  readonly id?: string;
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

/** Applies the rule if the condition holds for the facts. A condition that throws is a `temperror` that defers. */
export const when = <F1, F2, E>(condition: (facts: F1) => boolean, rule: Entry<F2, E>): Rule<F1 & F2, E> =>
  conditional(condition, false, rule);

/** Applies the rule if the condition does not hold for the facts. */
export const unless = <F1, F2, E>(condition: (facts: F1) => boolean, rule: Entry<F2, E>): Rule<F1 & F2, E> =>
  conditional(condition, true, rule);

const conditional = <F1, F2, E>(
  condition: (facts: F1) => boolean,
  negated: boolean,
  rule: Entry<F2, E>,
): Rule<F1 & F2, E> => ({
  kind: 'when',
  id: `when/${conditionNames.get(condition) ?? (condition.name || 'condition')}`,
  condition,
  negated,
  rule: rule as Entry<F1 & F2, E>,
});

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

/** The sums at which something follows, with at most three decimals each. At least one must be given. */
export interface Thresholds {
  readonly rejectAt?: number;
  readonly deferAt?: number;
  readonly quarantineAt?: number;
  readonly tagAt?: number;
  /** The header field that `tagAt` adds. Default: `X-Spam-Flag: YES`. */
  readonly tag?: { readonly name: string; readonly value: string };
  /** The id of the rule. Default: `score`. */
  readonly id?: string;
}

/**
 * Runs its rules at the same time and adds up the weights of their flags. The sum is exact.
 *
 * As soon as a threshold is reached and no rule that is still out can change the action, the deciding rule, the tags or the
 * delay, the rest is aborted. The order in which answers arrive changes none of these four. It can change `score`,
 * `outcomes`, and which of the flags gives a refusal its status and text, because rules that were aborted have none.
 *
 * A `permit` inside a score ends the list: the thresholds, and the rules written behind it, have no effect. The flags of a
 * score inside a score count in both.
 *
 * @throws {TypeError} if no threshold is given, or one has more than three decimals, and for an unknown option
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
  const { rejectAt, deferAt, quarantineAt, tagAt, tag: field, id = 'score', ...others } = thresholds;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined)
    throw new TypeError(`score: unknown option ${unknown} (known: rejectAt, deferAt, quarantineAt, tagAt, tag, id)`);
  const steps: Step[] = [];
  const add = (name: Step['name'], at: number | undefined, verdict: Verdict): void => {
    if (at === undefined) return;
    assertWeight(`score: ${name}`, at);
    steps.push({ name, at, verdict });
  };
  add('rejectAt', rejectAt, reject());
  add('deferAt', deferAt, defer());
  add('quarantineAt', quarantineAt, quarantine);
  add('tagAt', tagAt, tag(field?.name ?? 'X-Spam-Flag', field?.value ?? 'YES'));
  if (steps.length === 0) throw new TypeError('score: give at least one of rejectAt, deferAt, quarantineAt, tagAt');
  assertId('score', id);
  return { kind: 'score', id, steps, rules: rules as never };
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
