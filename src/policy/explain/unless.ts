import type { Decision, Entry, EvaluationStep } from '../../core/index.ts';
import type { Diagram, Variable } from '../analysis/diagram.ts';
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

/** Larger sets of changes are not listed. */
const MAX_CHANGES = 4;
/** Sets that are tried. With 20 rules there are 6,195 of up to four. */
const MAX_TRIED = 20_000;

/**
 * Finds every smallest set of findings and conditions that would have changed a refusal into an acceptance, or the reverse.
 * Smallest means that no part of the set is enough.
 *
 * @returns `complete` is false if a smallest set of more than four changes exists, or too many sets would have to be tried
 */
export function smallestChanges(
  entries: readonly Entry<never, never>[],
  decision: Decision,
  steps: readonly EvaluationStep[],
): { readonly changes: readonly Change[]; readonly complete: boolean } {
  const model = new Model({ stage: entries });
  const diagram = model.list(entries);
  const { variables } = model.diagrams;
  const refuses = (action: string): boolean => action === 'defer' || action === 'reject';
  const wanted = (effect: Effect): boolean => refuses(actionOf(effect)) !== refuses(decision.action);
  const evaluated = valuesNow(model, steps);
  /** The value of each variable now. A rule that was not evaluated counts as content, a condition as false. */
  const now = variables.map(({ values }, number) => evaluated.get(number) ?? Math.max(0, values.findIndex(isContent)));

  /** The values that a variable may take. */
  type Choices = (variable: number) => readonly number[];
  const all = variables.map(({ values }) => values.map((_, value) => value));
  const others = all.map((values, number) => values.filter((value) => value !== now[number]));
  const changing =
    (set: readonly number[]): Choices =>
    (variable) =>
      (set.includes(variable) ? others[variable] : [now[variable]]) as readonly number[];

  /** Whether some choice leads to the opposite decision. Adds the variables on a way there to `path`. */
  const leads = (choices: Choices, path?: Set<number>): boolean => {
    const known = new Map<number, boolean>();
    const walk = (node: Diagram<Effect>): boolean => {
      if (node.variable === undefined) return wanted(node.value);
      let result = known.get(node.id);
      if (result === undefined) {
        const { variable, branches } = node;
        result = choices(variable).some((value) => walk(branches[value] as Diagram<Effect>));
        known.set(node.id, result);
        if (result) path?.add(variable);
      }
      return result;
    };
    return walk(diagram);
  };

  const candidates = [...evaluated.keys()].sort((a, b) => a - b);
  const found: number[][] = [];
  let tried = 0;
  search: for (let size = 1; size <= MAX_CHANGES; size++)
    for (const set of subsets(candidates, size)) {
      if (found.some((smaller) => smaller.every((number) => set.includes(number)))) continue;
      if (++tried > MAX_TRIED) break search;
      if (leads(changing(set))) found.push(set);
    }

  /** Whether a set exists that contains none of the sets from number `from` on, while `kept` do not change. */
  const another = (kept: readonly number[], from: number): boolean => {
    if (++tried > MAX_TRIED) return true;
    const free: Choices = (variable) =>
      (evaluated.has(variable) && !kept.includes(variable) ? all[variable] : [now[variable]]) as readonly number[];
    if (!leads(free)) return false;
    const next = found.findIndex((set, at) => at >= from && !set.some((number) => kept.includes(number)));
    if (next === -1) return true;
    return (found[next] as number[]).some((number) => another([...kept, number], next + 1));
  };

  const changes = found.map((set): Change => {
    const findings: { [rule: string]: string[] } = {};
    const conditions: { [condition: string]: boolean } = {};
    const path = new Set<number>();
    leads(changing(set), path);
    for (const number of set) {
      const { id, values } = variables[number] as Variable<Value>;
      for (const index of others[number] as number[]) {
        const rest = changing(set);
        if (!leads((variable) => (variable === number ? [index] : rest(variable)))) continue;
        const value = values[index] as Value;
        if (typeof value === 'boolean') conditions[id] = value;
        else findings[id] = [...(findings[id] ?? []), ...model.wordsOf(number, index)];
      }
    }
    const provided = [...path]
      .filter((number) => !evaluated.has(number))
      .sort((a, b) => a - b)
      .map((number) => variables[number] as Variable<Value>)
      .map(({ id, values }) => (typeof values[0] === 'boolean' ? `${id}: false` : id));
    return { findings, conditions, provided };
  });
  return { changes, complete: !another([], 0) };
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
