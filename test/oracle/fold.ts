/**
 * An oracle for `evaluate`, written from docs/guide/writing-a-policy.md and not from the code: it knows every finding
 * beforehand, asks nothing, and stops nothing early. Weights are whole thousandths.
 */
export interface Verdict {
  readonly action: 'proceed' | 'permit' | 'flag' | 'tag' | 'quarantine' | 'discard' | 'defer' | 'reject';
  readonly weight?: number;
  readonly within?: { readonly least: number; readonly most: number };
  readonly header?: string;
  readonly delayMs?: number;
}
export type Finding = { readonly result: string; readonly weight?: number };
export interface Leaf {
  readonly kind: 'check';
  readonly id: string;
  readonly table: { readonly [result: string]: Verdict };
  /** `silent`: it never answers, and stands inside `within`. */
  readonly finding: Finding | 'silent';
}
export type Plan =
  | Leaf
  | { readonly kind: 'together'; readonly rules: readonly Plan[] }
  | { readonly kind: 'score'; readonly id: string; readonly at: Thresholds; readonly rules: readonly Plan[] }
  | { readonly kind: 'when'; readonly id: string; readonly condition: boolean | 'throws'; readonly rule: Plan }
  | { readonly kind: 'shadow'; readonly rule: Plan }
  | { readonly kind: 'within'; readonly rule: Plan };
export type Thresholds = { readonly [name in 'rejectAt' | 'deferAt' | 'quarantineAt' | 'tagAt']?: number };

/** `spared`: what the rule might have taken off a sum, had its check come to a result. */
type Outcome = Verdict & { readonly rule: string; readonly spared?: number };

function leaf({ id, table, finding }: Leaf): Outcome[] {
  const { result, weight } = finding === 'silent' ? { result: 'temperror' } : (finding as Finding);
  const verdict = table[result] ?? { action: result === 'temperror' ? 'defer' : 'proceed' };
  const { within } = verdict;
  const weights = Object.values(table).flatMap((one) =>
    one.action === 'flag' ? [one.weight ?? 0, one.within?.least ?? 0] : [],
  );
  const own =
    within === undefined || weight === undefined
      ? verdict.weight
      : Math.max(within.least, Math.min(within.most, weight));
  const taken = verdict.action === 'flag' ? Math.min(0, own ?? 0) : 0;
  const broken = result === 'temperror' || result === 'permerror';
  const spared = broken ? Math.min(0, ...weights.map((least) => least - taken)) : 0;
  return [{ ...verdict, rule: id, spared, ...(own === undefined ? {} : { weight: own }) }];
}

const sum = (outcomes: readonly Outcome[]): number =>
  outcomes.reduce((total, { action, weight = 0 }) => total + (action === 'flag' ? weight : 0), 0);

function outcomesOf(plan: Plan): Outcome[] {
  if (plan.kind === 'check') return leaf(plan);
  if (plan.kind === 'shadow') return [];
  if (plan.kind === 'within') return outcomesOf(plan.rule);
  if (plan.kind === 'when') {
    if (plan.condition === 'throws') return [{ rule: `when/${plan.id}`, action: 'defer' }];
    return plan.condition ? outcomesOf(plan.rule) : [];
  }
  const inside = plan.rules.flatMap(outcomesOf);
  if (plan.kind === 'together' || inside.some(({ action }) => action === 'permit')) return inside;
  const { rejectAt = Infinity, deferAt = Infinity, quarantineAt = Infinity, tagAt = Infinity } = plan.at;
  const total = sum(inside);
  const rule = plan.id;
  const spared = inside.reduce((all, one) => all + (one.spared ?? 0), 0);
  if (total >= rejectAt) return [...inside, { rule, action: total + spared >= rejectAt ? 'reject' : 'defer' }];
  if (total >= deferAt) return [...inside, { rule, action: 'defer' }];
  if (total >= quarantineAt) return [...inside, { rule, action: 'quarantine' }];
  return total >= tagAt ? [...inside, { rule, action: 'tag', header: 'X-Spam-Flag: YES' }] : inside;
}

/** What a stage with these rules decides. */
export function decide(list: readonly Plan[]) {
  const outcomes: Outcome[] = [];
  for (const plan of list) {
    outcomes.push(...outcomesOf(plan));
    if (outcomes.some(({ action }) => ['permit', 'defer', 'reject'].includes(action))) break;
  }
  const permit = outcomes.findIndex(({ action }) => action === 'permit');
  const counted = permit < 0 ? outcomes : outcomes.slice(0, permit);
  const winner = ['reject', 'defer', 'discard', 'quarantine'].flatMap((word) =>
    counted.filter((o) => o.action === word),
  )[0];
  return {
    action: winner?.action ?? 'accept',
    rule: winner?.rule,
    tags: counted.flatMap(({ action, header }) => (action === 'tag' ? [header] : [])),
    delayMs: Math.max(0, ...counted.map(({ delayMs = 0 }) => delayMs)),
    score: sum(counted),
  };
}
