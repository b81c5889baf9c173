import type { Check } from './check.ts';
import type { Entry } from './rule.ts';
import { isRule } from './rule.ts';

/** Rules by stage. A rule may stand at any stage that knows the facts its check asks for. */
export type Policy<Stages extends object, Env> = {
  readonly [Stage in keyof Stages]?: readonly Entry<Stages[Stage], Env>[] | undefined;
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
export function idsOf<F, E>(entries: readonly Entry<F, E>[]): string[] {
  return entries.flatMap((entry): string[] => {
    if (!isRule(entry) || entry.kind === 'one') return [entry.id];
    return [...(entry.kind === 'score' ? [entry.id] : []), ...idsOf('rules' in entry ? entry.rules : [entry.rule])];
  });
}

/**
 * Sees to it that every rule of a policy has an id of its own: traces, metrics and replay file by it.
 *
 * @throws TypeError that names the id that occurs twice
 */
export function assertUniqueIds(policy: {
  readonly [stage: string]: readonly Entry<never, never>[] | undefined;
}): void {
  const seen = new Map<string, string>();
  for (const [stage, entries] of Object.entries(policy)) {
    for (const id of idsOf(entries ?? [])) {
      const first = seen.get(id);
      if (first !== undefined)
        throw new TypeError(
          `policy: the rule id ${JSON.stringify(id)} stands at ${first} and at ${stage}; give one of them a label, or another id: on(check, {}, { id: '…' })`,
        );
      seen.set(id, stage);
    }
  }
}
