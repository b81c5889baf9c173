import type { Answer, Finding, Result } from './finding.ts';
import type { ChangedConsequences, ConsequenceKey, Consequences, RequiredConsequences } from './verdict.ts';
import { consequenceKeys } from './verdict.ts';

export type Awaitable<T> = T | Promise<T>;

/**
 * A question put to the facts.
 *
 * `Facts` is what it must know, `Env` what it may touch, `R` every answer it can give. `examine` is a property, and so
 * contravariant: a check stands only where its facts exist, or it does not compile.
 */
export interface Check<in Facts, in Env, out R extends Result = Result, out D = unknown> {
  readonly name: string;
  /** The id of the rule that a policy makes of the check where no other is given; unique within a policy. */
  readonly id: string;
  /** Puts the question. The signal fires when nobody waits for the answer any more. */
  readonly examine: (facts: Facts, env: Env, signal: AbortSignal) => Awaitable<Finding<R, D>>;
  /** What usually follows; so that the common line of a policy is just the check. */
  readonly recommended: Consequences;
  /**
   * The stage at which the check's facts are first known. A session may then examine it ahead of the stage that judges
   * it, and once instead of once a recipient. Only for checks that change nothing in the world by being examined.
   */
  readonly earliest?: string;
  /** Whether the author of the policy chose the weights in `recommended`. Without a score around it, it is then an error. */
  readonly weightChosen?: boolean;
}

export interface CheckOptions {
  /** Tells this use of the check from others in ids: `{ label: 'zen' }` makes the id `dnsbl/zen`. */
  readonly label?: string;
  readonly earliest?: string;
  /** Whether the author of the policy chose the weights in `recommended`, by an option of the check. Default: false. */
  readonly weightChosen?: boolean;
}

/**
 * Makes a check of a function.
 *
 * @param name what findings are filed under: a word of the standard, in lower case with hyphens
 * @param examine asks the question; what it throws becomes `temperror`
 * @param recommended what usually follows; a missing `fail`, `softfail`, `temperror` or `permerror` does not compile
 * @throws TypeError where the name or label cannot be part of a rule's id
 */
export function defineCheck<Facts, Env, const R extends Result, D = unknown>(
  name: string,
  examine: (facts: Facts, env: Env, signal: AbortSignal) => Awaitable<Answer<R, D>>,
  recommended: RequiredConsequences<R>,
  options: CheckOptions = {},
): Check<Facts, Env, R, D> {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new TypeError(`defineCheck: name ${JSON.stringify(name)} must be lower-case letters, digits and hyphens`);
  const id = options.label === undefined ? name : `${name}/${slug(options.label)}`;
  for (const key of Object.keys(recommended)) {
    if (!consequenceKeys.includes(key as ConsequenceKey))
      throw new TypeError(
        `defineCheck: unknown result ${JSON.stringify(key)} in the table of ${name} (known: ${consequenceKeys.join(', ')})`,
      );
  }
  return {
    name,
    id,
    recommended: recommended as Consequences,
    earliest: options.earliest,
    ...(options.weightChosen === true ? { weightChosen: true } : {}),
    examine: (facts, env, signal) => {
      const answer = examine(facts, env, signal);
      return isPromise(answer) ? answer.then((late) => ({ check: name, ...late })) : { check: name, ...answer };
    },
  };
}

/** The same check, with other consequences recommended. For rooms that make a check from options. */
export function recommending<F, E, R extends Result, D>(
  check: Check<F, E, R, D>,
  changed: ChangedConsequences<R>,
): Check<F, E, R, D> {
  return { ...check, recommended: { ...check.recommended, ...changed } as Consequences };
}

/** Whether a check, or what it asks, answers later: anything with a `then` does, whoever made it. */
export const isPromise = <T>(value: Awaitable<T>): value is Promise<T> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

function slug(label: string): string {
  const text = label
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^-|-$/g, '');
  if (text === '')
    throw new TypeError(`label ${JSON.stringify(label)} needs a letter or a digit: it becomes part of the rule's id`);
  return text;
}
