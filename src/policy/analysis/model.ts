/**
 * A policy as a function of findings and conditions.
 *
 * **Answers**: what does each combination of findings lead to? **Knows**: the rules of `core`, and that they are finite.
 * **Limits**: findings and conditions are taken to be independent of each other. Conditions do not throw. A weight that a finding
 * carries (`weigh`) is tried at its bounds and at its usual value.
 *
 * @module
 */
import type { Consequences, Entry, Finding, Result, Score, Verdict } from '../../core/index.ts';
import { addWeights, consequenceOf, defer, nodeOf, proceed, strengthOf, weighed } from '../../core/index.ts';
import { type Assignment, type Diagram, Diagrams, type Variable } from './diagram.ts';

/** One value of a variable: a finding of a rule, or what a condition returns. */
export type Value = Pick<Finding, 'result' | 'fault' | 'weight'> | boolean;

/** What a part of a policy comes to. */
export interface Effect {
  /** The sum of the weights of its flags. */
  readonly weight: number;
  /** By how much the sum could be lower if broken checks had come to a result; 0 or less. */
  readonly spare: number;
  readonly permitted: boolean;
  /** The strength of the strongest action. */
  readonly strength: number;
}

export type DecisionAction = 'accept' | 'quarantine' | 'discard' | 'defer' | 'reject';
const actions: readonly DecisionAction[] = ['accept', 'quarantine', 'discard', 'defer', 'reject'];
/** The action of a list of rules, or of a session, with this effect. */
export const actionOf = ({ strength }: Effect): DecisionAction => actions[strength] as DecisionAction;

/** An effect that ends a list of rules. */
export const ends = ({ permitted, strength }: Effect): boolean => permitted || strength >= strengthOf(defer());

const benign: readonly Result[] = ['pass', 'none', 'neutral'];
/** Whether the value says nothing against the client: a result that is not adverse. Conditions have no such value. */
export const isContent = (value: Value | Finding): boolean =>
  typeof value === 'object' && benign.includes(value.result);
/** Whether the value is an outage or a third party's mistake. */
export const isOutage = (value: Value): boolean =>
  typeof value === 'object' &&
  (value.result === 'temperror' || (value.result === 'permerror' && value.fault !== 'sender'));

/** The value as a word: `fail`, `permerror:sender`, `softfail (weight 3)`, `true`. */
export function wordOf(value: Value): string {
  if (typeof value === 'boolean') return String(value);
  const word = value.result === 'permerror' && value.fault === 'sender' ? 'permerror:sender' : value.result;
  return value.weight === undefined ? word : `${word} (weight ${value.weight})`;
}

/** Findings and conditions that disprove a claim. Rules and conditions that are not named may have any value. */
export interface PolicyCounterexample {
  /** The result of each rule that matters, by rule id: `fail`, `permerror:sender`, `fail (weight 3)`. */
  readonly findings: { readonly [rule: string]: string };
  /** What each condition that matters returns, by its id: `when/exempt`. */
  readonly conditions: { readonly [condition: string]: boolean };
}

type Entries = readonly Entry<never, never>[];
/** The rules of some policies, by stage. */
export type Stages = { readonly [stage: string]: Entries | undefined };

/** Builds the functions of one or more policies over the same variables. A rule id stands for the same check in all of them. */
export class Model {
  readonly diagrams: Diagrams<Value> = new Diagrams<Value>();
  readonly #tables = new Map<string, Consequences[]>();

  /** @param policies all policies that are to be compared, so that every finding that one of them tells apart is a value */
  constructor(...policies: readonly Stages[]) {
    for (const policy of policies)
      for (const entries of Object.values(policy)) for (const entry of entries ?? []) this.#collect(entry);
  }

  #collect(written: Entry<never, never>): void {
    const entry = nodeOf(written);
    if (entry.kind === undefined) this.#note(entry.id, entry.recommended, entry.recommended);
    else if (entry.kind === 'one') this.#note(entry.id, entry.consequences, entry.check.recommended);
    else if ('rules' in entry) for (const rule of entry.rules) this.#collect(rule);
    else this.#collect(entry.rule);
  }

  #note(id: string, ...tables: Consequences[]): void {
    this.#tables.set(id, [...(this.#tables.get(id) ?? []), ...tables]);
  }

  /** The findings that some table tells apart. */
  #valuesOf(id: string): readonly Value[] {
    const tables = this.#tables.get(id) ?? [];
    const words = new Set(tables.flatMap((table) => Object.keys(table).filter((word) => table[word as Result])));
    words.add('temperror');
    const plain = benign.find((word) => !words.has(word));
    if (plain !== undefined) words.add(plain);
    const values: Value[] = [];
    for (const word of [...words].sort((a, b) => order.indexOf(a) - order.indexOf(b))) {
      const finding: Finding =
        word === 'permerror:sender'
          ? { check: id, result: 'permerror', fault: 'sender' }
          : { check: id, result: word as Result };
      const { check: _, ...value } = finding;
      values.push(value);
      const bounds = tables.flatMap((table) => {
        const verdict = consequenceOf(table, finding);
        return verdict?.action === 'flag' && verdict.within ? [verdict.within.least, verdict.within.most] : [];
      });
      for (const weight of new Set(bounds)) values.push({ ...value, weight });
    }
    return values;
  }

  /** The value number `value` of a variable. */
  valueOf(variable: number, value: number): Value {
    return this.diagrams.variables[variable]?.values[value] as Value;
  }

  /**
   * The number of the value that stands for a finding. A finding's own weight counts as the nearest weight that is tried; a
   * benign result that no table tells apart counts as any other of that kind.
   */
  valueFor(variable: number, finding: Finding): number {
    const values = (this.diagrams.variables[variable] as Variable<Value>).values as readonly Exclude<Value, boolean>[];
    const distance = (value: Exclude<Value, boolean>): number => {
      const same = value.result === finding.result && (value.fault === 'sender') === (finding.fault === 'sender');
      const kind = same
        ? 0
        : value.result === finding.result
          ? 1e6
          : isContent(value) === isContent(finding)
            ? 1e9
            : 1e12;
      const weights = value.weight === finding.weight ? 0 : Math.abs((value.weight ?? 0) - (finding.weight ?? 0)) + 1;
      return kind + weights;
    };
    let nearest = 0;
    for (let i = 1; i < values.length; i++)
      if (distance(values[i] as Exclude<Value, boolean>) < distance(values[nearest] as Exclude<Value, boolean>))
        nearest = i;
    return nearest;
  }

  /** The value of a function for an assignment. Variables without a value have their first one. */
  follow<T>(diagram: Diagram<T>, assignment: Assignment): T {
    let node = diagram;
    while (node.variable !== undefined) node = node.branches[assignment.get(node.variable) ?? 0] as Diagram<T>;
    return node.value;
  }

  /** An assignment in words. `worthNaming` decides which findings are named; conditions always are. */
  described(assignment: Assignment, worthNaming: (value: Value) => boolean): PolicyCounterexample {
    const findings: { [rule: string]: string } = {};
    const conditions: { [condition: string]: boolean } = {};
    for (const [variable, number] of assignment) {
      const { id } = this.diagrams.variables[variable] as Variable<Value>;
      const value = this.valueOf(variable, number);
      if (typeof value === 'boolean') conditions[id] = value;
      else if (worthNaming(value)) findings[id] = wordOf(value);
    }
    return { findings, conditions };
  }

  /** The words of a value: one, or several benign results that no table tells apart. */
  wordsOf(variable: number, value: number): readonly string[] {
    const { values } = this.diagrams.variables[variable] as Variable<Value>;
    const chosen = values[value] as Value;
    if (typeof chosen === 'boolean' || !isContent(chosen) || chosen.weight !== undefined) return [wordOf(chosen)];
    const others = values.flatMap((other) => (typeof other === 'object' && other !== chosen ? [other.result] : []));
    const known = (this.#tables.get((this.diagrams.variables[variable] as Variable<Value>).id) ?? []).some(
      (table) => table[chosen.result] !== undefined,
    );
    return known ? [wordOf(chosen)] : benign.filter((word) => !others.includes(word));
  }

  /** The function of a list of rules, evaluated in order. */
  list(entries: Entries): Diagram<Effect> {
    return entries.reduce<Diagram<Effect>>(
      (all, entry) => this.#inOrder(all, this.#entry(entry, false)),
      this.#constant(nothing),
    );
  }

  /** The function of some stages, one after the other. A `permit` ends its own stage only. */
  stages(policy: Stages, names: readonly string[]): Diagram<Effect> {
    return names.reduce<Diagram<Effect>>((all, name) => {
      const stage = this.diagrams.map(this.list(policy[name] ?? []), (effect) =>
        this.#constant({ ...nothing, strength: effect.strength }),
      );
      return this.#inOrder(all, stage);
    }, this.#constant(nothing));
  }

  #inOrder(first: Diagram<Effect>, second: Diagram<Effect>): Diagram<Effect> {
    return this.diagrams.combine(first, second, (a, b) => this.#constant(ends(a) ? a : then(a, b)));
  }

  #constant(effect: Effect): Diagram<Effect> {
    return this.diagrams.constant(
      effect,
      `${effect.weight},${effect.spare},${Number(effect.permitted)},${effect.strength}`,
    );
  }

  /** @param scored whether a score around the entry adds up its weights; otherwise they do not matter */
  #entry(written: Entry<never, never>, scored: boolean): Diagram<Effect> {
    const entry = nodeOf(written);
    if (entry.kind === undefined) return this.#check(entry.id, entry.recommended, scored);
    switch (entry.kind) {
      case 'one':
        return this.#check(entry.id, entry.consequences, scored);
      case 'shadow':
        return this.#constant(nothing);
      case 'within':
        return this.#entry(entry.rule, scored);
      case 'when': {
        const number = this.diagrams.number({ id: entry.id, values: [false, true] });
        const applies = [entry.negated, !entry.negated].map((yes) => this.diagrams.constant(yes, `${yes}`));
        return this.diagrams.combine(
          this.diagrams.choice(number, applies),
          this.#entry(entry.rule, scored),
          (yes, effect) => this.#constant(yes ? effect : nothing),
        );
      }
      case 'together':
        return this.#together(entry.rules.map((rule) => this.#entry(rule, scored)));
      case 'score': {
        const rules = entry.rules.map((rule) => this.#entry(rule, true));
        // The sum of a score inside a score counts outside, too.
        const sum = this.#together(rules, scored ? undefined : entry.steps.map(({ at }) => at));
        return this.diagrams.map(sum, (effect) => this.#constant(decided(entry, effect, scored)));
      }
    }
  }

  /**
   * All of some parts. If `thresholds` are given, only those matter of the sum: a sum that is certain to reach all of them, or
   * none, counts as one that just does.
   */
  #together(parts: readonly Diagram<Effect>[], thresholds?: readonly number[]): Diagram<Effect> {
    const ranges = thresholds === undefined ? [] : parts.map((part) => rangeOf(part));
    const [highest, lowest] = [Math.max(...(thresholds ?? [])), Math.min(...(thresholds ?? []))];
    return parts.reduce<Diagram<Effect>>((all, part, i) => {
      const rest = ranges.slice(i + 1).reduce(addRanges, { least: 0, most: 0, spare: 0 });
      return this.diagrams.combine(all, part, (a, b) => {
        const effect = then(a, b);
        if (thresholds === undefined || effect.permitted) return this.#constant(effect);
        const { weight, spare } = effect;
        if (addWeights(addWeights(weight, spare), addWeights(rest.least, rest.spare)) >= highest)
          return this.#constant({
            ...effect,
            weight: addWeights(highest, -addWeights(rest.least, rest.spare)),
            spare: 0,
          });
        if (addWeights(weight, rest.most) < lowest)
          return this.#constant({ ...effect, weight: addWeights(lowest, -addWeights(rest.most, 1)), spare: 0 });
        return this.#constant(effect);
      });
    }, this.#constant(nothing));
  }

  #check(id: string, table: Consequences, scored: boolean): Diagram<Effect> {
    const values = this.#valuesOf(id);
    const least = Object.values(table).reduce(
      (all, verdict) => (verdict?.action === 'flag' ? Math.min(all, verdict.weight, verdict.within?.least ?? 0) : all),
      0,
    );
    const branches = values.map((value) => {
      const finding = value as Exclude<Value, boolean>;
      const silent = finding.result === 'temperror' ? defer() : proceed;
      const verdict = weighed(consequenceOf(table, finding) ?? silent, finding);
      const weight = scored && verdict.action === 'flag' ? verdict.weight : 0;
      return this.#constant({
        weight,
        spare: scored && isOutage(value) ? Math.min(0, addWeights(least, -Math.min(0, weight))) : 0,
        permitted: verdict.action === 'permit',
        strength: strengthOf(verdict),
      });
    });
    return this.diagrams.choice(this.diagrams.number({ id, values }), branches);
  }
}

/** What a score adds to the effect of its rules. */
function decided({ steps }: Score<never, never>, effect: Effect, scored: boolean): Effect {
  const kept = scored ? effect : { ...effect, weight: 0, spare: 0 };
  if (effect.permitted) return kept;
  const reached = (sum: number): Verdict | undefined => steps.find(({ at }) => sum >= at)?.verdict;
  let verdict = reached(effect.weight);
  // An outage must not refuse (docs/decisions/0017).
  if (verdict?.action === 'reject' && reached(addWeights(effect.weight, effect.spare)) !== verdict) verdict = defer();
  return { ...kept, strength: Math.max(effect.strength, verdict === undefined ? 0 : strengthOf(verdict)) };
}

type Range = { readonly least: number; readonly most: number; readonly spare: number };
const addRanges = (a: Range, b: Range): Range => ({
  least: addWeights(a.least, b.least),
  most: addWeights(a.most, b.most),
  spare: addWeights(a.spare, b.spare),
});

/** The smallest and the largest weight of a part, and the most that broken checks withhold. */
function rangeOf(part: Diagram<Effect>): Range {
  const seen = new Set<number>();
  let range: Range = { least: 0, most: 0, spare: 0 };
  const walk = (node: Diagram<Effect>): void => {
    if (seen.has(node.id)) return;
    seen.add(node.id);
    if (node.variable !== undefined) {
      node.branches.forEach(walk);
      return;
    }
    const { weight, spare } = node.value;
    range = {
      least: Math.min(range.least, weight),
      most: Math.max(range.most, weight),
      spare: Math.min(range.spare, spare),
    };
  };
  walk(part);
  return range;
}

const nothing: Effect = { weight: 0, spare: 0, permitted: false, strength: 0 };

/** What two parts come to, the second written after the first. */
const then = (a: Effect, b: Effect): Effect =>
  a.permitted
    ? a
    : {
        weight: addWeights(a.weight, b.weight),
        spare: addWeights(a.spare, b.spare),
        permitted: b.permitted,
        strength: Math.max(a.strength, b.strength),
      };

const order = ['pass', 'none', 'neutral', 'softfail', 'fail', 'temperror', 'permerror', 'permerror:sender'];
