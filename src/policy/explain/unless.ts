import type { Decision, Entry, EvaluationStep } from '../../core/index.ts';
import type { Diagram } from '../analysis/diagram.ts';
import { actionOf, type Effect, isContent, Model, type Value } from '../analysis/model.ts';

/** A set of changes, each necessary, that together change the decision. */
export interface Change {
  /** The results that each rule would need, by rule id: `{ spf: ['pass', 'none'] }`. */
  readonly findings: { readonly [rule: string]: readonly string[] };
  /** What each condition would have to return, by its id. */
  readonly conditions: { readonly [condition: string]: boolean };
  /** Rules that were not evaluated and would also have to return a benign result, and conditions: `when/exempt: false`. */
  readonly provided: readonly string[];
}

/** Larger sets of changes are not searched. */
const MAX_CHANGES = 4;
/** Sets that are tried; with 20 rules that matter there are 6,195 of up to four. */
const MAX_TRIED = 20_000;

/**
 * Finds every smallest set of findings and conditions that would have changed a refusal into an acceptance, or the reverse.
 * Smallest means that no part of the set is enough.
 */
export function smallestChanges(
  entries: readonly Entry<never, never>[],
  decision: Decision,
  steps: readonly EvaluationStep[],
): { readonly changes: readonly Change[]; readonly complete: boolean } {
  const model = new Model({ stage: entries });
  const diagram = model.list(entries);
  const refuses = (action: string): boolean => action === 'defer' || action === 'reject';
  const wanted = (effect: Effect): boolean => refuses(actionOf(effect)) !== refuses(decision.action);
  const { variables } = model.diagrams;
  const now = valuesNow(model, steps);
  const asked = new Set(steps.filter(({ skipped }) => skipped === undefined).map(({ rule }) => rule));
  const content = variables.map(({ values }) => Math.max(0, values.findIndex(isContent)));

  // The function of the changed variables alone: every other variable keeps its value. Rules that were not evaluated are content.
  const reachable = (node: Diagram<Effect>, free: ReadonlySet<number>): boolean => {
    if (node.variable === undefined) return wanted(node.value);
    if (!free.has(node.variable)) {
      const value = now.get(node.variable) ?? (content[node.variable] as number);
      return reachable(node.branches[value] as Diagram<Effect>, free);
    }
    const keeps = now.get(node.variable) ?? content[node.variable];
    return node.branches.some((branch, value) => value !== keeps && reachable(branch, free));
  };

  const candidates = variables.flatMap((_, number) => (now.has(number) ? [number] : []));
  const found: number[][] = [];
  let tried = 0;
  let complete = true;
  for (let size = 1; size <= MAX_CHANGES && size <= candidates.length; size++)
    for (const set of subsets(candidates, size)) {
      if (++tried > MAX_TRIED) {
        complete = false;
        break;
      }
      if (found.some((smaller) => smaller.every((number) => set.includes(number)))) continue;
      if (reachable(diagram, new Set(set))) found.push(set);
    }
  if (candidates.length > MAX_CHANGES && found.length === 0) complete = false;

  const changes = found.map((set): Change => {
    const findings: { [rule: string]: string[] } = {};
    const conditions: { [condition: string]: boolean } = {};
    for (const number of set) {
      const { id, values } = variables[number] as { readonly id: string; readonly values: readonly Value[] };
      const others = set.filter((other) => other !== number);
      const words: string[] = [];
      for (const [index, value] of values.entries()) {
        if (index === now.get(number)) continue;
        if (!reachableWith(diagram, number, index, new Set(others))) continue;
        if (typeof value === 'boolean') conditions[id] = value;
        else words.push(...model.wordsOf(number, index));
      }
      if (words.length > 0) findings[id] = words;
    }
    return { findings, conditions, provided: provided(set) };
  });

  /** Whether the wish can be had with this value of one variable and any other values of the others. */
  function reachableWith(node: Diagram<Effect>, fixed: number, index: number, free: ReadonlySet<number>): boolean {
    if (node.variable === undefined) return wanted(node.value);
    if (node.variable === fixed) return reachableWith(node.branches[index] as Diagram<Effect>, fixed, index, free);
    const keeps = now.get(node.variable) ?? (content[node.variable] as number);
    if (!free.has(node.variable)) return reachableWith(node.branches[keeps] as Diagram<Effect>, fixed, index, free);
    return node.branches.some((branch, value) => value !== keeps && reachableWith(branch, fixed, index, free));
  }

  /** Rules and conditions that were not evaluated and matter for the change. */
  function provided(set: readonly number[]): string[] {
    const rules = new Set<number>();
    const walk = (node: Diagram<Effect>): boolean => {
      if (node.variable === undefined) return wanted(node.value);
      const { variable } = node;
      const keeps = now.get(variable) ?? (content[variable] as number);
      const branches = set.includes(variable)
        ? node.branches.filter((_, value) => value !== keeps)
        : [node.branches[keeps] as Diagram<Effect>];
      const leads = branches.some(walk);
      const id = variables[variable]?.id as string;
      if (leads && !now.has(variable) && !asked.has(id)) rules.add(variable);
      return leads;
    };
    walk(diagram);
    return [...rules]
      .sort((a, b) => a - b)
      .map((variable) => {
        const { id, values } = variables[variable] as { readonly id: string; readonly values: readonly Value[] };
        return typeof values[0] === 'boolean' ? `${id}: false` : id;
      });
  }

  return { changes, complete };
}

/** The number of the value that each evaluated rule and condition has. */
function valuesNow(model: Model, steps: readonly EvaluationStep[]): Map<number, number> {
  const now = new Map<number, number>();
  for (const step of steps) {
    const number = model.diagrams.variables.findIndex(({ id }) => id === step.rule);
    if (number < 0 || step.skipped !== undefined) continue;
    if (step.kind === 'condition') {
      if (step.holds !== undefined) now.set(number, Number(step.holds));
    } else if (step.outcome !== undefined) now.set(number, model.valueFor(number, step.outcome.finding));
  }
  return now;
}

/** All subsets of one size, in the order of the list. */
function* subsets(list: readonly number[], size: number, from: number = 0): Generator<number[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (let i = from; i <= list.length - size; i++)
    for (const rest of subsets(list, size - 1, i + 1)) yield [list[i] as number, ...rest];
}
