import type { Check } from './check.ts';
import type { Entry } from './rule.ts';
import { nodeOf } from './rule.ts';
import type { Action, Consequences } from './verdict.ts';
import type { PolicyWarning } from './warnings.ts';

/** Rules by stage. A rule can be used at any stage that has the facts its checks read. */
export type Policy<Stages extends object, Env> = {
  readonly [Stage in keyof Stages]?:
    | (Stage extends 'warnings' ? readonly PolicyWarning[] : readonly Entry<Stages[Stage], Env>[])
    | undefined;
};

/**
 * A rule with one check, at any depth of a list.
 *
 * @internal
 */
export interface Leaf<F, E> {
  readonly id: string;
  readonly check: Check<F, E>;
}

/**
 * Returns every rule that has a check of its own, in written order.
 *
 * @internal
 */
export function leavesOf<F, E>(entries: readonly Entry<F, E>[]): Leaf<F, E>[] {
  return entries.flatMap((entry): Leaf<F, E>[] => {
    const node = nodeOf(entry);
    if (node.kind === undefined) return [{ id: node.id, check: node }];
    if (node.kind === 'one') return [{ id: node.id, check: node.check }];
    return leavesOf('rules' in node ? node.rules : [node.rule]);
  });
}

/**
 * Whether a rule outside `shadow` can lead to the action.
 *
 * @internal
 */
export function canLeadTo(action: Action, entries: readonly Entry<never, never>[]): boolean {
  const named = (table: Consequences): boolean => Object.values(table).some((verdict) => verdict?.action === action);
  return entries.some((entry) => {
    const node = nodeOf(entry);
    if (node.kind === undefined) return named(node.recommended);
    if (node.kind === 'one') return named(node.consequences);
    if (node.kind === 'shadow') return false;
    if (node.kind === 'score' && node.steps.some(({ verdict }) => verdict.action === action)) return true;
    return canLeadTo(action, 'rules' in node ? node.rules : [node.rule]);
  });
}

/**
 * A rule, score or condition of a policy, and where it is written.
 *
 * @internal
 */
export interface Placed {
  /** `rcpt[0].score[1]`: the second rule of the score that is the first entry at RCPT. */
  readonly place: string;
  readonly node: ReturnType<typeof nodeOf<never, never>>;
}

/**
 * Lists every entry of a stage with its place, in written order: a score or a condition before what is inside it.
 *
 * @internal
 */
export function placed(entries: readonly Entry<never, never>[], stage: string): Placed[] {
  const visit = (entry: Entry<never, never>, place: string): Placed[] => {
    const node = nodeOf(entry);
    if (node.kind === undefined || node.kind === 'one') return [{ node, place }];
    const within = `${place}.${node.kind}`;
    const inner = 'rules' in node ? placed(node.rules, within) : visit(node.rule, within);
    return [{ node, place }, ...inner];
  };
  return entries.flatMap((entry, i) => visit(entry, `${stage}[${i}]`));
}

/** Returns the ids of all rules, in written order. */
export const idsOf = <F, E>(entries: readonly Entry<F, E>[]): string[] => identified(entries).map(({ id }) => id);

/** Returns the rules that have ids, in written order. */
const identified = <F, E>(
  entries: readonly Entry<F, E>[],
): { readonly id: string; readonly kind: 'check' | 'score' }[] =>
  entries.flatMap((entry) => {
    const node = nodeOf(entry);
    if (node.kind === undefined || node.kind === 'one') return [{ id: node.id, kind: 'check' as const }];
    const inside = identified('rules' in node ? node.rules : [node.rule]);
    return node.kind === 'score' ? [{ id: node.id, kind: node.kind }, ...inside] : inside;
  });

/**
 * Checks that every rule of a policy has a unique id. Traces, metrics and replay refer to rules by id.
 *
 * @throws {TypeError} if an id occurs twice; the message names the id, both stages, and the code that sets another id
 * @internal
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
