import type { Check } from './check.ts';
import type { Entry } from './rule.ts';
import { isRule } from './rule.ts';
import type { PolicyWarning } from './warnings.ts';

/** Rules by stage. A rule may stand at any stage that knows the facts its check asks for. */
export type Policy<Stages extends object, Env> = {
  readonly [Stage in keyof Stages]?:
    | (Stage extends 'warnings' ? readonly PolicyWarning[] : readonly Entry<Stages[Stage], Env>[])
    | undefined;
};

/** A rule that asks one check, wherever in the list it stands. */
export interface Leaf<F, E> {
  readonly id: string;
  readonly check: Check<F, E>;
}

/** The rules that ask a check, in written order. */
export function leavesOf<F, E>(entries: readonly Entry<F, E>[]): Leaf<F, E>[] {
  return entries.flatMap((entry): Leaf<F, E>[] => {
    if (!isRule(entry)) return [{ id: entry.id, check: entry }];
    if (entry.kind === 'one') return [{ id: entry.id, check: entry.check }];
    return leavesOf('rules' in entry ? entry.rules : [entry.rule]);
  });
}

/** The ids of all rules, in written order. */
export const idsOf = <F, E>(entries: readonly Entry<F, E>[]): string[] => identified(entries).map(({ id }) => id);

/** The rules that have ids, in written order. */
const identified = <F, E>(
  entries: readonly Entry<F, E>[],
): { readonly id: string; readonly kind: 'check' | 'score' }[] =>
  entries.flatMap((entry) => {
    if (!isRule(entry) || entry.kind === 'one') return [{ id: entry.id, kind: 'check' as const }];
    const inside = identified('rules' in entry ? entry.rules : [entry.rule]);
    return entry.kind === 'score' ? [{ id: entry.id, kind: entry.kind }, ...inside] : inside;
  });

/**
 * Checks that every rule of a policy has an id of its own: traces, metrics and replay refer to rules by id.
 *
 * @throws {TypeError} if an id occurs twice; the message names it, both stages, and the code that gives another id
 */
export function assertUniqueIds(policy: {
  readonly [stage: string]: readonly Entry<never, never>[] | undefined;
}): void {
  const seen = new Map<string, string>();
  for (const [stage, entries] of Object.entries(policy)) {
    for (const { id, kind } of identified(entries ?? [])) {
      const first = seen.get(id);
      const other = `id: '${id}-${stage}'`;
      const fix = kind === 'score' ? `score({ rejectAt: 5, ${other} }, rule)` : `on(check, {}, { ${other} })`;
      if (first !== undefined)
        throw new TypeError(
          `policy: the rule id ${JSON.stringify(id)} occurs at ${first} and at ${stage}; give one of them another id: ${fix}`,
        );
      seen.set(id, stage);
    }
  }
}
