import type { Outcome } from './decision.ts';
import { strengthOf } from './decision.ts';
import type { Entry, Score, Step } from './rule.ts';
import { nodeOf } from './rule.ts';
import type { Consequences, Verdict } from './verdict.ts';
import { defer, proceed } from './verdict.ts';
import { addWeights } from './weight.ts';

/** The possible effects of a rule: the bounds of its weight, and everything else that can change a decision. */
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

/** Returns the possible effects of one verdict out of several. */
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

/** A `temperror` without a verdict in the table defers; any other result without one proceeds. */
const reachOfTable = (table: Consequences): Reach =>
  reachOfOneOf(
    [table.temperror ?? defer(), ...Object.values(table)].filter(
      (verdict): verdict is Verdict => verdict !== undefined,
    ),
  );

/** Returns the possible effects of two rules together. */
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
  const node = nodeOf(entry);
  switch (node.kind) {
    case undefined:
      return reachOfTable(node.recommended);
    case 'one':
      return reachOfTable(node.consequences);
    case 'together':
      return reachOfAll(node.rules);
    case 'score':
      return both(reachOfAll(node.rules), reachOfOneOf(node.steps.map(({ verdict }) => verdict)));
    case 'shadow':
      return nothing;
    case 'when':
      return both(reachOf(node.rule), reachOfOneOf([defer()])); // the condition may throw
    case 'within':
      return reachOf(node.rule);
  }
}

/** Returns the smallest weight that each rule can have, by the id of the rule. Rules in shadow have none. */
function leastWeights<F, E>(rules: readonly Entry<F, E>[], into = new Map<string, number>()): Map<string, number> {
  for (const rule of rules) {
    const node = nodeOf(rule);
    if (node.kind === undefined || node.kind === 'one') into.set(node.id, reachOf(rule).least);
    else if (node.kind !== 'shadow') leastWeights('rules' in node ? node.rules : [node.rule], into);
  }
  return into;
}

/**
 * Returns how much lower the sum could be if the checks that failed with an error had given another result: 0 or less. Errors
 * that the sender caused do not count.
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

/** Returns the largest possible sum of the rules. */
export const mostOf = <F, E>(rules: readonly Entry<F, E>[]): number => reachOfAll(rules).most;

/** Returns the outcomes that count: those before the first `permit` and not in shadow. */
function counted(outcomes: readonly Outcome[]): { readonly before: readonly Outcome[]; readonly permitted: boolean } {
  const enforced = outcomes.filter(({ shadow }) => !shadow);
  const at = enforced.findIndex(({ verdict }) => verdict.action === 'permit');
  return at === -1 ? { before: enforced, permitted: false } : { before: enforced.slice(0, at), permitted: true };
}

/**
 * Whether no unfinished rule can change the action, the deciding rule, the tags or the delay. False as long as no threshold
 * is reached and no rule permits.
 */
export function isCertain<F, E>(
  { rules, steps }: Score<F, E>,
  lists: readonly (readonly Outcome[] | undefined)[],
): boolean {
  let sums: readonly [least: number, most: number] = [0, 0];
  let permitted = false;
  let delayMs = 0;
  /** The strongest action so far, and the index of its rule. */
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

/** Returns the outcome of the score itself. It follows the outcomes of its rules. */
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
  // Nothing after a `permit` counts, and the score comes after its rules.
  let verdict = permitted ? undefined : reached(sum, steps);
  // An outage must not refuse mail: a rule with an error might have kept the sum below the threshold.
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
