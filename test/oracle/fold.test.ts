import fc from 'fast-check';
import type * as core from 'postern/core';
import type { Awaitable, Check, Consequences, Decision, Entry, Known } from 'postern/core';
import { defineCheck, evaluate, on, recorded, results, score, shadow, together, when, within } from 'postern/core';
import { expect, test } from 'vitest';
import type { Finding, Leaf, Plan, Thresholds, Verdict } from './fold.ts';
import { decide } from './fold.ts';

const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 2_000);

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
type Acting = Leaf & { readonly turn: number; readonly otherwise: Finding };

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
      condition: fc.constantFrom(true, true, false, 'throws' as const),
      rule: inner,
    }),
    fc.record({ kind: fc.constant('shadow' as const), rule: inner }),
    fc.record({ kind: fc.constant('within' as const), rule: fc.oneof(inner, leaf(true)) }),
  );
};
/** Every rule gets an id of its own. */
function named(plan: Plan, next: { n: number }): Plan {
  if (plan.kind === 'check') return { ...plan, id: `c${next.n++}` };
  if ('rule' in plan) return { ...plan, rule: named(plan.rule, next) };
  const rules = plan.rules.map((rule) => named(rule, next));
  return plan.kind === 'score' ? { ...plan, id: `s${next.n++}`, rules } : { ...plan, rules };
}
const lists = fc
  .oneof(
    scoreOf(plans(1)).map((only) => [only]),
    fc.array(plans(3), { minLength: 1, maxLength: 3 }),
  )
  .map((list) => {
    const next = { n: 0 };
    return list.map((plan) => named(plan, next));
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

type Env = { readonly clock: { after(ms: number, run: () => void): () => void } };
/** Answers to the checks: at once, or after as many turns of the queue as the plan says. */
type World = (leaf: Acting) => Awaitable<core.Finding>;

const answer = ({ id }: Acting, given: Finding): core.Finding => ({ check: id, ...inUnits(given) }) as core.Finding;
const turns = async <T>(count: number, value: T): Promise<T> => {
  for (let turn = 0; turn < count; turn++) await undefined;
  return value;
};
const silence = new Promise<never>(() => undefined);
const atOnce: World = (leaf) => (leaf.finding === 'silent' ? silence : answer(leaf, leaf.finding));
const inTurn: World = (leaf) => {
  const found = atOnce(leaf);
  return found === silence || leaf.turn === 0 ? found : turns(leaf.turn, found as core.Finding);
};
const anotherTime: World = (leaf) => turns(leaf.turn, answer(leaf, leaf.otherwise));

function entryOf(plan: Plan, world: World): Entry<object, Env> {
  switch (plan.kind) {
    case 'check': {
      const table = Object.fromEntries(
        Object.entries(plan.table).map(([result, given]) => [result, verdictOf(given)]),
      ) as Consequences;
      const check = defineCheck(plan.id, () => world(plan as Acting), {} as never) as Check<object, Env>;
      return plan.id.length % 2 === 0 ? on(check, table as never) : { ...check, recommended: table };
    }
    case 'together':
      return together(...plan.rules.map((rule) => entryOf(rule, world)));
    case 'score': {
      const at = Object.fromEntries(Object.entries(plan.at).map(([name, thousandths]) => [name, thousandths / 1000]));
      return score({ ...at, id: plan.id }, ...plan.rules.map((rule) => entryOf(rule, world)));
    }
    case 'when': {
      const condition = (): boolean => {
        if (plan.condition === 'throws') throw new Error('boom');
        return plan.condition;
      };
      return when(condition, entryOf(plan.rule, world));
    }
    case 'shadow':
      return shadow(entryOf(plan.rule, world));
    case 'within':
      return within(10, entryOf(plan.rule, world));
  }
}

/** A deadline passes when nothing else is left to happen. */
const clock: Env['clock'] = {
  after: (_, run) => {
    const timer = setImmediate(run);
    return () => clearImmediate(timer);
  },
};
const played = (list: readonly Plan[], world: World, known?: Known): Promise<Decision> =>
  evaluate<{ only: object }, Env, 'only'>(
    { only: list.map((plan) => entryOf(plan, world)) },
    'only',
    {},
    { clock },
    { known },
  );

/** What never depends on the order of the answers. */
const fixedPart = (decision: Decision): object => ({
  action: decision.action,
  rule: 'rule' in decision ? decision.rule : undefined,
  tags: decision.tags.map(({ name, value }) => `${name}: ${value}`),
  delayMs: decision.delayMs,
});
const isComplete = ({ outcomes }: Decision): boolean =>
  outcomes.every(({ finding }) => ((finding.detail as { unfinished?: number })?.unfinished ?? 0) === 0);

function leavesOf(plan: Plan): Acting[] {
  if (plan.kind === 'check') return [plan as Acting];
  return 'rule' in plan ? leavesOf(plan.rule) : plan.rules.flatMap(leavesOf);
}

test('the fold agrees with its oracle: at once, in any order, from findings of before, and replayed', async () => {
  let made = 0;
  let stopped = 0;
  await fc.assert(
    fc.asyncProperty(lists, async (list) => {
      made++;
      const { score: sum, ...expected } = decide(list);
      const agree = (decision: Decision): void => {
        expect(fixedPart(decision)).toEqual(expected);
        if (isComplete(decision)) expect(Math.round(decision.score * 1000)).toBe(sum);
        else stopped++;
      };
      agree(await played(list, atOnce));
      const decision = await played(list, inTurn);
      agree(decision);
      // Begun before, as a session does.
      const begun = list.flatMap(leavesOf).filter(({ finding }) => finding !== 'silent');
      agree(await played(list, inTurn, new Map(begun.map((leaf) => [leaf.id, inTurn(leaf)]))));
      // From a log. The rules that were stopped early, or never asked, answer something else today.
      const log = JSON.parse(JSON.stringify(decision)) as Decision;
      expect(fixedPart(await played(list, anotherTime, recorded(log)))).toEqual(expected);
    }),
    { numRuns: runs },
  );
  // If stopping early were rare, the property would say little about it.
  expect(stopped).toBeGreaterThan(made / 20);
}, 1_800_000);
