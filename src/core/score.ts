import type { Outcome } from './decision.ts';
import { strengthOf } from './decision.ts';
import type { Entry, Score, Step } from './rule.ts';
import { isRule } from './rule.ts';
import type { Consequences, Verdict } from './verdict.ts';
import { defer, proceed } from './verdict.ts';
import { addWeights } from './weight.ts';

/** What a rule can still ask for: the bounds of its weight, and whatever else could change a decision. */
interface Reach {
  readonly least: number;
  readonly most: number;
  readonly permits: boolean;
  readonly tags: boolean;
  readonly delayMs: number;
  /** The strength of the strongest action. */
  readonly strength: number;
}

const nothing: Reach = { least: 0, most: 0, permits: false, tags: false, delayMs: 0, strength: 0 };

/** What any of the verdicts can ask for. */
const reachOfOneOf = (verdicts: readonly Verdict[]): Reach =>
  verdicts.reduce<Reach>((reach, verdict) => {
    const { weight, within } = verdict.action === 'flag' ? verdict : { weight: 0, within: undefined };
    return {
      least: Math.min(reach.least, weight, within?.least ?? 0),
      most: Math.max(reach.most, weight, within?.most ?? 0),
      permits: reach.permits || verdict.action === 'permit',
      tags: reach.tags || verdict.action === 'tag',
      delayMs: Math.max(reach.delayMs, ('delayMs' in verdict && verdict.delayMs) || 0),
      strength: Math.max(reach.strength, strengthOf(verdict)),
    };
  }, nothing);

/** A `temperror` that the table does not name defers; every other result that it does not name proceeds. */
const reachOfTable = (table: Consequences): Reach =>
  reachOfOneOf(
    [table.temperror ?? defer(), ...Object.values(table)].filter(
      (verdict): verdict is Verdict => verdict !== undefined,
    ),
  );

/** What all of them can ask for at once. */
const both = (a: Reach, b: Reach): Reach => ({
  least: addWeights(a.least, b.least),
  most: addWeights(a.most, b.most),
  permits: a.permits || b.permits,
  tags: a.tags || b.tags,
  delayMs: Math.max(a.delayMs, b.delayMs),
  strength: Math.max(a.strength, b.strength),
});

const reachOfAll = <F, E>(rules: readonly Entry<F, E>[]): Reach =>
  rules.reduce<Reach>((sum, rule) => both(sum, reachOf(rule)), nothing);

function reachOf<F, E>(entry: Entry<F, E>): Reach {
  if (!isRule(entry)) return reachOfTable(entry.recommended);
  switch (entry.kind) {
    case 'one':
      return reachOfTable(entry.consequences);
    case 'together':
      return reachOfAll(entry.rules);
    case 'score':
      return both(reachOfAll(entry.rules), reachOfOneOf(entry.steps.map(({ verdict }) => verdict)));
    case 'shadow':
      return nothing;
    case 'when':
      return both(reachOf(entry.rule), reachOfOneOf([defer()])); // the condition may throw
    case 'within':
      return reachOf(entry.rule);
  }
}

/** The least weight that each of the rules can have, by the id of the rule. Rules in shadow have none. */
function leastWeights<F, E>(rules: readonly Entry<F, E>[], into = new Map<string, number>()): Map<string, number> {
  for (const rule of rules) {
    if (!isRule(rule) || rule.kind === 'one') into.set(rule.id, reachOf(rule).least);
    else if (rule.kind !== 'shadow') leastWeights('rules' in rule ? rule.rules : [rule.rule], into);
  }
  return into;
}

/**
 * What the outcomes might have taken off the sum, if their checks had come to a result: 0 or less. What the sender broke
 * does not count.
 */
function withheld<F, E>(rules: readonly Entry<F, E>[], outcomes: readonly Outcome[]): number {
  const broken = outcomes.filter(
    ({ finding: { result, fault } }) => result === 'temperror' || (result === 'permerror' && fault !== 'sender'),
  );
  if (broken.length === 0) return 0;
  const least = leastWeights(rules);
  return broken.reduce((sum, { rule, verdict }) => {
    const taken = verdict.action === 'flag' ? Math.min(0, verdict.weight) : 0;
    return addWeights(sum, Math.min(0, addWeights(least.get(rule) ?? 0, -taken)));
  }, 0);
}

const reached = (sum: number, steps: readonly Step[]): Verdict | undefined =>
  steps.find(({ at }) => sum >= at)?.verdict;

/** The largest sum that the rules can come to. */
export const mostOf = <F, E>(rules: readonly Entry<F, E>[]): number => reachOfAll(rules).most;

/** The outcomes that count: those before the first `permit`, and none in shadow. */
function counted(outcomes: readonly Outcome[]): { readonly before: readonly Outcome[]; readonly permitted: boolean } {
  const enforced = outcomes.filter(({ shadow }) => !shadow);
  const at = enforced.findIndex(({ verdict }) => verdict.action === 'permit');
  return at === -1 ? { before: enforced, permitted: false } : { before: enforced.slice(0, at), permitted: true };
}

/**
 * Whether the rules that are still out can change nothing more: not the action, not the rule that decides, not the tags,
 * not the delay. If no threshold is reached and nothing permits, all answers are waited for.
 */
export function isCertain<F, E>(
  { rules, steps }: Score<F, E>,
  lists: readonly (readonly Outcome[] | undefined)[],
): boolean {
  let sums: readonly [least: number, most: number] = [0, 0];
  let permitted = false;
  let delayMs = 0;
  /** The strongest action so far, and which of the rules asks for it. */
  let strongest = 0;
  let winner = rules.length;
  const out: { readonly at: number; readonly reach: Reach }[] = [];
  for (let at = 0; at < rules.length && !permitted; at++) {
    const list = lists[at];
    if (list === undefined) {
      const reach = reachOf(rules[at] as Entry<F, E>);
      if (reach.permits || reach.tags) return false;
      sums = [addWeights(sums[0], reach.least), addWeights(sums[1], reach.most)];
      out.push({ at, reach });
      continue;
    }
    const { before, permitted: ended } = counted(list);
    permitted = ended;
    sums = [addWeights(sums[0], withheld(rules, before)), sums[1]];
    for (const { verdict } of before) {
      const reach = reachOfOneOf([verdict]);
      const weight = verdict.action === 'flag' ? verdict.weight : 0;
      sums = [addWeights(sums[0], weight), addWeights(sums[1], weight)];
      delayMs = Math.max(delayMs, reach.delayMs);
      if (reach.strength > strongest) [strongest, winner] = [reach.strength, at];
    }
  }
  if (!permitted) {
    const verdict = reached(sums[0], steps);
    if (verdict === undefined || verdict !== reached(sums[1], steps)) return false;
    if (strengthOf(verdict) > strongest) [strongest, winner] = [strengthOf(verdict), rules.length];
  }
  return out.every(
    ({ at, reach }) =>
      reach.delayMs <= delayMs &&
      (reach.strength === 0 || reach.strength < strongest || (reach.strength === strongest && winner < at)),
  );
}

/** What the score itself adds to the outcomes of its rules. */
export function scoreOutcome<F, E>(
  { id, steps, rules }: Score<F, E>,
  outcomes: readonly Outcome[],
  unfinished: number,
): Outcome {
  const { before, permitted } = counted(outcomes);
  let sum = 0;
  let heaviest: Outcome | undefined;
  let most = 0;
  for (const outcome of before) {
    if (outcome.verdict.action !== 'flag') continue;
    sum = addWeights(sum, outcome.verdict.weight);
    if (outcome.verdict.weight > most) [most, heaviest] = [outcome.verdict.weight, outcome];
  }
  // Nothing behind a `permit` counts, and the score stands behind its rules.
  let verdict = permitted ? undefined : reached(sum, steps);
  // An outage must not refuse: a rule that is broken might have kept the sum below the threshold.
  if (verdict?.action === 'reject' && reached(addWeights(sum, withheld(rules, before)), steps) !== verdict)
    verdict = defer();
  const { status, explanation } = (verdict === undefined ? undefined : heaviest?.finding) ?? {};
  return {
    rule: id,
    finding: {
      check: 'score',
      result: verdict === undefined ? 'none' : 'fail',
      status,
      explanation,
      detail: { score: sum, unfinished },
    },
    verdict: verdict ?? proceed,
  };
}
