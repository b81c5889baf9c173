import type { Check } from './check.ts';
import type { Entry, Score } from './rule.ts';
import { nodeOf } from './rule.ts';
import { mostOf } from './score.ts';
import type { ConsequenceKey, Consequences } from './verdict.ts';

/** A part of a policy that has no effect. Plain data. */
export interface PolicyWarning {
  readonly kind: 'weight-without-score' | 'score-unreachable' | 'thresholds-out-of-order';
  /** The rule's id. */
  readonly rule: string;
  readonly stage: string;
  /** The result that has no effect. */
  readonly result: ConsequenceKey;
  readonly reason: string;
  /** Replacement code that has an effect. `rule` or `rules` in it means the code that the policy has now. */
  readonly fix: string;
}

type Rules = readonly Entry<never, never>[];

/**
 * Finds the flags of a policy that no score adds up, and the thresholds that no sum can reach. Rules in `shadow` are ignored:
 * they are not meant to have an effect.
 *
 * @param maker the function that makes the policy, for error messages
 * @throws {TypeError} if a weight that the author gave as an option of a check is not added up by a score
 * @internal
 */
export function warningsOf(
  maker: string,
  policy: { readonly [stage: string]: Rules | undefined },
): readonly PolicyWarning[] {
  return Object.entries(policy).flatMap(([stage, rules]) => warningsIn(rules ?? [], { maker, stage, scored: false }));
}

interface Place {
  readonly maker: string;
  readonly stage: string;
  /** Whether the rules are inside a score. */
  readonly scored: boolean;
}

const warningsIn = (rules: Rules, place: Place): PolicyWarning[] => rules.flatMap((rule) => warningsAt(rule, place));

function warningsAt(entry: Entry<never, never>, place: Place): PolicyWarning[] {
  const rule = nodeOf(entry);
  switch (rule.kind) {
    case undefined:
      return place.scored ? [] : lostFlags(rule.id, rule, rule.recommended, place);
    case 'one':
      return place.scored ? [] : lostFlags(rule.id, rule.check, rule.consequences, place);
    case 'together':
      return warningsIn(rule.rules, place);
    case 'score':
      return [...warningsIn(rule.rules, { ...place, scored: true }), ...lostThresholds(rule, place)];
    case 'shadow':
      return [];
    case 'when':
    case 'within':
      return warningsAt(rule.rule, place);
  }
}

function lostFlags(
  rule: string,
  check: Check<never, never>,
  table: Consequences,
  { maker, stage }: Place,
): PolicyWarning[] {
  const id = `${stage}-score`;
  return (Object.keys(table) as ConsequenceKey[]).flatMap((result): PolicyWarning[] => {
    const verdict = table[result];
    if (verdict?.action !== 'flag') return [];
    const weight = verdict.within?.most || verdict.weight;
    if (weight === 0) return [];
    const chosen = check.weightChosen === true && verdict === check.recommended[result];
    const threshold = weight <= 0 ? 'rejectAt: 5' : `${chosen ? 'rejectAt' : 'tagAt'}: ${weight}`;
    const fix = `score({ ${threshold}, id: '${id}' }, rule)`;
    const reason = `no score adds up the weight ${weight} for ${result}`;
    if (chosen) throw new TypeError(`${maker}: ${stage}: ${rule}: ${reason}; put it inside one: ${fix}`);
    return [{ kind: 'weight-without-score', rule, stage, result, reason, fix }];
  });
}

function lostThresholds({ id, rules, steps }: Score<never, never>, { stage }: Place): PolicyWarning[] {
  const most = mostOf(rules);
  const written = (changed: readonly (readonly [name: string, at: number])[]): string =>
    `score({ ${changed.map(([name, at]) => `${name}: ${at}, `).join('')}id: '${id}' }, ...rules`;
  return steps.flatMap(({ name, at }, i): PolicyWarning[] => {
    const warning = { kind: 'score-unreachable', rule: id, stage, result: 'fail' } as const;
    const stronger = steps.slice(0, i).find((step) => step.at <= at);
    const others = steps.filter((step) => step.name !== name).map((step) => [step.name, step.at] as const);
    if (stronger !== undefined)
      return [
        {
          ...warning,
          kind: 'thresholds-out-of-order',
          reason: `${name} ${at} never takes effect: ${stronger.name} ${stronger.at} is reached before it`,
          fix: `${written(others)})`,
        },
      ];
    if (at <= most) return [];
    const reason = `${name} ${at} is never reached: the weights of its rules come to ${most} at most`;
    if (most > 0) return [{ ...warning, reason, fix: `${written([...others, [name, most]])})` }];
    return [{ ...warning, reason, fix: `${written([...others, [name, at]])}, on(rule, { fail: flag(${at}) }))` }];
  });
}
