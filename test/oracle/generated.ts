import fc from 'fast-check';
import type * as core from 'postern/core';
import type { Awaitable, Check, Consequences, Entry } from 'postern/core';
import { named as conditionNamed, defineCheck, on, results, score, shadow, together, when, within } from 'postern/core';
import type { Finding, Leaf, Plan, Thresholds, Verdict } from './fold.ts';

/** Thousandths: mostly whole numbers and tenths, so that sums meet thresholds exactly. */
const weight = fc.oneof(
  { weight: 2, arbitrary: fc.integer({ min: -2, max: 4 }).map((n) => n * 1000) },
  { weight: 3, arbitrary: fc.integer({ min: -3, max: 9 }).map((n) => n * 100) },
  fc.integer({ min: -2000, max: 4000 }),
);
const delay = fc.option(fc.constantFrom(5, 10), { nil: undefined });
const delayed = (verdict: Verdict, delayMs: number | undefined): Verdict =>
  delayMs === undefined ? verdict : { ...verdict, delayMs };
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  { weight: 5, arbitrary: weight.map((weight): Verdict => ({ action: 'flag', weight })) },
  fc.tuple(weight, weight, weight).map(
    ([a, b, weight]): Verdict => ({
      action: 'flag',
      weight,
      within: { least: Math.min(a, b), most: Math.max(a, b) },
    }),
  ),
  fc
    .tuple(fc.constantFrom('proceed', 'quarantine', 'discard', 'defer', 'reject'), delay)
    .map(([action, delayMs]) => delayed({ action }, delayMs)),
  fc.constantFrom<Verdict>(
    { action: 'permit' },
    { action: 'tag', header: 'X-A: a' },
    { action: 'tag', header: 'X-B: b' },
  ),
);
/** A few words for most, so that tables have the word that a finding has. */
const result = fc.oneof({ weight: 9, arbitrary: fc.constantFrom('fail', 'pass') }, fc.constantFrom<string>(...results));
const finding: fc.Arbitrary<Finding> = fc.record({ result, weight }, { requiredKeys: ['result'] });

/** A check of the plan, and how it behaves: in which turn it answers, and what it would answer another time. */
export type Acting = Leaf & { readonly turn: number; readonly otherwise: Finding };

const leaf = (silent: boolean): fc.Arbitrary<Plan> =>
  fc.record({
    kind: fc.constant('check' as const),
    id: fc.constant(''),
    table: fc.dictionary(result, verdict, { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
    finding: silent ? fc.constantFrom('silent' as const) : finding,
    turn: fc.nat({ max: 8 }),
    otherwise: finding,
  });
const threshold = fc.oneof(fc.integer({ min: -2, max: 20 }), fc.constantFrom(30, 40, 50)).map((n) => n * 100);
const thresholds: fc.Arbitrary<Thresholds> = fc.dictionary(
  fc.constantFrom('rejectAt', 'deferAt', 'quarantineAt', 'tagAt'),
  threshold,
  {
    minKeys: 1,
    maxKeys: 2,
    noNullPrototype: true,
  },
);
const scoreOf = (rule: fc.Arbitrary<Plan>): fc.Arbitrary<Plan> =>
  fc.record({
    kind: fc.constant('score' as const),
    id: fc.constant(''),
    at: thresholds,
    rules: fc.array(rule, { maxLength: 4 }),
  });
const plans = (depth: number): fc.Arbitrary<Plan> => {
  if (depth === 0) return leaf(false);
  const inner = plans(depth - 1);
  const rules = fc.array(inner, { maxLength: 4 });
  return fc.oneof(
    { weight: 6, arbitrary: leaf(false) },
    { weight: 3, arbitrary: scoreOf(inner) },
    fc.record({ kind: fc.constant('together' as const), rules }),
    fc.record({
      kind: fc.constant('when' as const),
      id: fc.constant(''),
      condition: fc.constantFrom(true, true, false, 'throws' as const),
      rule: inner,
    }),
    fc.record({ kind: fc.constant('shadow' as const), rule: inner }),
    fc.record({ kind: fc.constant('within' as const), rule: fc.oneof(inner, leaf(true)) }),
  );
};
/** Every rule gets an id of its own. */
function withIds(plan: Plan, next: { n: number }): Plan {
  if (plan.kind === 'check') return { ...plan, id: `c${next.n++}` };
  if (plan.kind === 'when') return { ...plan, id: `k${next.n++}`, rule: withIds(plan.rule, next) };
  if ('rule' in plan) return { ...plan, rule: withIds(plan.rule, next) };
  const rules = plan.rules.map((rule) => withIds(rule, next));
  return plan.kind === 'score' ? { ...plan, id: `s${next.n++}`, rules } : { ...plan, rules };
}
/** Generated lists of rules. */
export const lists: fc.Arbitrary<Plan[]> = fc
  .oneof(
    scoreOf(plans(1)).map((only) => [only]),
    fc.array(plans(3), { minLength: 1, maxLength: 3 }),
  )
  .map((list) => {
    const next = { n: 0 };
    return list.map((plan) => withIds(plan, next));
  });

const inUnits = <T extends { readonly weight?: number }>(given: T): T =>
  given.weight === undefined ? given : { ...given, weight: given.weight / 1000 };
function verdictOf(given: Verdict): core.Verdict {
  const { within: bounds, header, ...rest } = inUnits(given);
  const [name = '', value = ''] = header?.split(': ') ?? [];
  return {
    ...rest,
    ...(bounds === undefined ? {} : { within: { least: bounds.least / 1000, most: bounds.most / 1000 } }),
    ...(header === undefined ? {} : { header: { name, value } }),
  } as core.Verdict;
}

export type Env = { readonly clock: { after(ms: number, run: () => void): () => void } };
/** Answers to the checks: at once, or after as many turns of the queue as the plan says. */
export type World = (leaf: Acting) => Awaitable<core.Finding>;

export const answer = ({ id }: Acting, given: Finding): core.Finding =>
  ({ check: id, ...inUnits(given) }) as core.Finding;
export const turns = async <T>(count: number, value: T): Promise<T> => {
  for (let turn = 0; turn < count; turn++) await undefined;
  return value;
};
export const silence: Promise<never> = new Promise<never>(() => undefined);
/** The rules of a plan. `holds` replaces the plan's own conditions. */
export function entryOf(plan: Plan, world: World, holds?: (condition: string) => boolean): Entry<object, Env> {
  switch (plan.kind) {
    case 'check': {
      const table = Object.fromEntries(
        Object.entries(plan.table).map(([result, given]) => [result, verdictOf(given)]),
      ) as Consequences;
      const check = defineCheck(plan.id, () => world(plan as Acting), {} as never) as Check<object, Env>;
      return plan.id.length % 2 === 0 ? on(check, table as never) : { ...check, recommended: table };
    }
    case 'together':
      return together(...plan.rules.map((rule) => entryOf(rule, world, holds)));
    case 'score': {
      const at = Object.fromEntries(Object.entries(plan.at).map(([name, thousandths]) => [name, thousandths / 1000]));
      return score({ ...at, id: plan.id }, ...plan.rules.map((rule) => entryOf(rule, world, holds)));
    }
    case 'when': {
      const condition = (): boolean => {
        if (holds !== undefined) return holds(`when/${plan.id}`);
        if (plan.condition === 'throws') throw new Error('boom');
        return plan.condition;
      };
      return when(conditionNamed(plan.id, condition), entryOf(plan.rule, world, holds));
    }
    case 'shadow':
      return shadow(entryOf(plan.rule, world, holds));
    case 'within':
      return within(10, entryOf(plan.rule, world, holds));
  }
}

export function leavesOf(plan: Plan): Acting[] {
  if (plan.kind === 'check') return [plan as Acting];
  return 'rule' in plan ? leavesOf(plan.rule) : plan.rules.flatMap(leavesOf);
}

/** Whole weights, as people write them: the sums of a policy are then few. */
const coarse = (plan: Plan): Plan => {
  if (plan.kind === 'check') {
    const whole = (n: number): number => Math.round(n / 1000) * 1000;
    const table = Object.fromEntries(
      Object.entries(plan.table).map(([word, { weight, within: bounds, ...rest }]): [string, Verdict] => [
        word,
        {
          ...rest,
          ...(weight === undefined ? {} : { weight: whole(weight) }),
          ...(bounds === undefined ? {} : { within: { least: whole(bounds.least), most: whole(bounds.most) } }),
        },
      ]),
    );
    return { ...plan, table };
  }
  return 'rule' in plan ? { ...plan, rule: coarse(plan.rule) } : { ...plan, rules: plan.rules.map(coarse) };
};

/** Lists with at most eight checks and whole weights, whose combinations can be analysed quickly. */
export const fewRules: fc.Arbitrary<Plan[]> = lists
  .filter((list) => list.flatMap(leavesOf).length <= 8)
  .map((list) => list.map(coarse));
