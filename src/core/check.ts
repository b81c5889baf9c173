import type { Answer, Finding, Result } from './finding.ts';
import { wrongOption } from './option.ts';
import type { ChangedConsequences, ConsequenceKey, Consequences, RequiredConsequences } from './verdict.ts';
import { consequenceKeys } from './verdict.ts';

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/**
 * A question about the facts.
 *
 * `Facts` are the facts it reads, `Env` is what it may use, `R` is every result it can return. A check at a stage that
 * lacks its facts does not compile, because `examine` is a property and so contravariant in `Facts`.
 */
export interface Check<in Facts, in Env, out R extends Result = Result, out D = unknown> {
  readonly name: string;
  /** The id of the rule that a policy makes of the check. It is unique within a policy; `on` can change it. */
  readonly id: string;
  /** Answers the question. The signal is aborted when the answer is no longer needed. */
  readonly examine: (facts: Facts, env: Env, signal: AbortSignal) => Awaitable<Finding<R, D>>;
  /** The consequences that apply if a policy names the check alone. */
  readonly recommended: Consequences;
  /**
   * The first stage at which the check's facts are known. A session may then start it before the stage that judges it, and
   * run it once instead of once per recipient. Set it only if running the check changes nothing (no counter, no charge).
   */
  readonly earliest?: string;
  /** Whether the author of the policy chose the weights in `recommended`. Using the check outside a score is then an error. */
  readonly weightChosen?: boolean;
}

export interface CheckOptions {
  /** Distinguishes this use of the check in ids: `{ label: 'zen' }` makes the id `dnsbl/zen`. Default: the name alone. */
  readonly label?: string;
  /** The first stage at which the check's facts are known; see {@link Check.earliest}. Default: the stage that judges it. */
  readonly earliest?: string;
  /** Whether the author of the policy chose the weights in `recommended`, by an option of the check. Default: false. */
  readonly weightChosen?: boolean;
}

/**
 * Makes a check from a function.
 *
 * @param name the name in findings: a word of the standard, in lower case with hyphens
 * @param examine answers the question; an error that it throws becomes `temperror`
 * @param recommended the default consequences; leaving out an adverse result that the check can return does not compile
 * @throws {TypeError} if the name or the label cannot be part of a rule's id, or `recommended` has an unknown result
 *
 * @example
 * ```ts
 * import { defer, defineCheck, fail, pass } from 'postern/core';
 *
 * export const evenOnly = defineCheck('even-only', ({ n }: { n: number }) => (n % 2 === 0 ? pass() : fail()), {
 *   fail: defer(),
 * });
 * ```
 */
export function defineCheck<Facts, Env, const R extends Result, D = unknown>(
  name: string,
  examine: (facts: Facts, env: Env, signal: AbortSignal) => Awaitable<Answer<R, D>>,
  recommended: RequiredConsequences<R>,
  options: CheckOptions = {},
): Check<Facts, Env, R, D> {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw wrongOption('defineCheck', 'name', 'lower-case letters, digits and hyphens', name);
  const id = options.label === undefined ? name : `${name}/${slug(options.label)}`;
  for (const key of Object.keys(recommended)) {
    if (!consequenceKeys.includes(key as ConsequenceKey))
      throw new TypeError(
        `defineCheck: unknown result ${key} in the table of ${name} (known: ${consequenceKeys.join(', ')})`,
      );
  }
  return {
    name,
    id,
    recommended: recommended as Consequences,
    earliest: options.earliest,
    weightChosen: options.weightChosen,
    examine: (facts, env, signal) => {
      const answer = examine(facts, env, signal);
      return isPromise(answer) ? answer.then((late) => ({ check: name, ...late })) : { check: name, ...answer };
    },
  };
}

/**
 * Returns the check with some of its recommended consequences changed. For checks that are made from options.
 *
 * @internal
 */
export function recommending<F, E, R extends Result, D>(
  check: Check<F, E, R, D>,
  changed: ChangedConsequences<R>,
): Check<F, E, R, D> {
  return { ...check, recommended: { ...check.recommended, ...changed } as Consequences };
}

/**
 * Whether the value is a promise, of any implementation: it has a `then`.
 *
 * @internal
 */
export const isPromise = <T>(value: Awaitable<T>): value is Promise<T> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

function slug(label: string): string {
  const text = label
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^-|-$/g, '');
  if (text === '') throw wrongOption('defineCheck', 'label', 'a text with a letter or a digit', label);
  return text;
}
