import type { Awaitable, Check } from './check.ts';
import { isPromise } from './check.ts';
import type { Decision, Outcome } from './decision.ts';
import { ends, judge } from './decision.ts';
import type { Finding } from './finding.ts';
import { results } from './finding.ts';
import type { Observer, SkipReason } from './observer.ts';
import { guarded } from './observer.ts';
import type { Policy } from './policy.ts';
import { idsOf } from './policy.ts';
import type { Entry, RuleNode, Score } from './rule.ts';
import { nodeOf } from './rule.ts';
import { Scope, timedOut } from './scope.ts';
import { isCertain, scoreOutcome } from './score.ts';
import { consequenceOf, defer, proceed, weighed } from './verdict.ts';

/** Findings that are known before the evaluation, by rule id: started early, or recorded. A `Map` will do. */
export interface Known {
  /** Returns the finding for the rule with this id, or a promise of it, or undefined. */
  get(rule: string): Awaitable<Finding> | undefined;
  /** Reports that this finding is no longer needed. */
  abandon?(rule: string): void;
}

/** The options of `evaluate`. */
export interface EvaluateOptions {
  /** Ends the evaluation. A check that has not answered by then is a `temperror`. Default: no signal. */
  readonly signal?: AbortSignal;
  /** Findings to use instead of running the check. Default: none. */
  readonly known?: Known;
  /** Receives every step, taken or skipped, with its place and time. Without it, an evaluation pays nothing for it. */
  readonly observer?: Observer;
}

/**
 * Evaluates the rules of one stage in written order until one of them permits or refuses, and judges their outcomes.
 *
 * The promise never rejects. A check that throws or does not answer in time is a `temperror`.
 *
 * @example
 * ```ts
 * import { defineCheck, evaluate, fail, pass, reject } from 'postern/core';
 *
 * const even = defineCheck('even', ({ n }: { n: number }) => (n % 2 === 0 ? pass() : fail()), { fail: reject() });
 * const decision = await evaluate({ only: [even] }, 'only', { n: 3 }, {});
 * console.log(decision.action); // reject
 * ```
 */
export async function evaluate<Stages extends object, Env, Stage extends Exclude<keyof Stages, 'warnings'>>(
  policy: Policy<Stages, Env>,
  stage: Stage,
  facts: Stages[Stage],
  env: Env,
  options: EvaluateOptions = {},
): Promise<Decision> {
  const { signal, known } = options;
  const observer = options.observer && guarded(options.observer);
  const scope = signal === undefined ? undefined : Scope.under(signal);
  const rules = (policy[stage] ?? []) as readonly Entry<Stages[Stage], Env>[];
  const outcomes = await runInOrder(rules, facts, env, { scope, known, observer, scored: false }, String(stage), 0);
  scope?.close();
  return judge(outcomes);
}

interface Run {
  /** Undefined if nothing can end the evaluation early. */
  readonly scope: Scope | undefined;
  readonly known: Known | undefined;
  readonly observer: Observer | undefined;
  /** Whether the rules are inside a score. */
  readonly scored: boolean;
}

let quiet: AbortSignal | undefined;
/** Returns one shared signal that is never aborted, so that most evaluations create none. */
const never = (): AbortSignal => {
  quiet ??= new AbortController().signal;
  return quiet;
};

function runInOrder<F, E>(
  entries: readonly Entry<F, E>[],
  facts: F,
  env: E,
  run: Run,
  place: string,
  from: number,
): Awaitable<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let i = from; i < entries.length; i++) {
    const found = runEntry(entries[i] as Entry<F, E>, facts, env, run, inside(run, place, i));
    if (isPromise(found)) return finishInOrder(found, entries, outcomes, facts, env, run, place, i + 1);
    outcomes.push(...found);
    if (endsHere(found, entries, run, place, i + 1)) break;
  }
  return outcomes;
}

/** Whether the list ends with these outcomes. The observer then learns what is skipped. */
function endsHere<F, E>(
  found: readonly Outcome[],
  entries: readonly Entry<F, E>[],
  run: Run,
  place: string,
  next: number,
): boolean {
  const last = found.find(ends);
  if (last === undefined) return false;
  const reason = last.verdict.action === 'permit' ? 'permitted-before' : 'decided-before';
  for (let i = next; i < entries.length; i++) skip(entries[i] as Entry<F, E>, run, inside(run, place, i), reason);
  return true;
}

/** The place of the entry at index `i`: `rcpt[0]`, `rcpt[0].score[1]`. Built only for an observer. */
const inside = (run: Run, place: string, i: number): string => (run.observer === undefined ? '' : `${place}[${i}]`);

/** Reports a rule, and every rule in it, as skipped. */
function skip<F, E>(entry: Entry<F, E>, run: Run, place: string, skipped: SkipReason): void {
  const { observer } = run;
  if (observer === undefined) return;
  const node = nodeOf(entry);
  if (node.kind === undefined || node.kind === 'one') {
    observer.onStep({ kind: 'check', place, rule: node.id, skipped });
    return;
  }
  if (node.kind === 'score') observer.onStep({ kind: 'score', place, rule: node.id, skipped });
  if (node.kind === 'when') observer.onStep({ kind: 'condition', place, rule: node.id, skipped });
  const within = `${place}.${node.kind}`;
  if ('rules' in node) for (const [i, rule] of node.rules.entries()) skip(rule, run, `${within}[${i}]`, skipped);
  else skip(node.rule, run, within, skipped);
}

async function finishInOrder<F, E>(
  first: Promise<Outcome[]>,
  entries: readonly Entry<F, E>[],
  outcomes: Outcome[],
  facts: F,
  env: E,
  run: Run,
  place: string,
  next: number,
): Promise<Outcome[]> {
  const found = await first;
  outcomes.push(...found);
  if (endsHere(found, entries, run, place, next)) return outcomes;
  outcomes.push(...(await runInOrder(entries, facts, env, run, place, next)));
  return outcomes;
}

function runEntry<F, E>(entry: Entry<F, E>, facts: F, env: E, run: Run, place: string): Awaitable<Outcome[]> {
  const node = nodeOf(entry);
  const within = run.observer === undefined ? '' : `${place}.${node.kind}`;
  switch (node.kind) {
    case undefined:
      return runOne(node.id, node, node.recommended, facts, env, run, place);
    case 'one':
      return runOne(node.id, node.check, node.consequences, facts, env, run, place);
    case 'together':
      return runTogether(node.rules, facts, env, run, within);
    case 'when':
      return runWhen(node, facts, env, run, place, within);
    case 'score':
      return runScore(node, facts, env, run, place, within);
    case 'shadow': {
      const found = runEntry(node.rule, facts, env, run, within);
      return isPromise(found) ? found.then(inShadow) : inShadow(found);
    }
    case 'within':
      return runWithin(node.ms, node.rule, facts, env, run, within);
  }
}

function runWhen<F, E>(
  { id, condition, negated, rule }: RuleNode<F, E> & { readonly kind: 'when' },
  facts: F,
  env: E,
  run: Run,
  place: string,
  within: string,
): Awaitable<Outcome[]> {
  let holds: boolean;
  try {
    holds = Boolean(condition(facts));
  } catch (error) {
    const outcome: Outcome = { rule: id, finding: broken('condition', error), verdict: defer() };
    run.observer?.onStep({ kind: 'condition', place, rule: id, outcome });
    return [outcome];
  }
  run.observer?.onStep({ kind: 'condition', place, rule: id, holds });
  if (holds !== negated) return runEntry(rule, facts, env, run, within);
  skip(rule, run, within, 'condition-false');
  return [];
}

const inShadow = (outcomes: Outcome[]): Outcome[] => outcomes.map((outcome) => ({ ...outcome, shadow: true }));

function runTogether<F, E>(
  rules: readonly Entry<F, E>[],
  facts: F,
  env: E,
  run: Run,
  place: string,
): Awaitable<Outcome[]> {
  const found = rules.map((rule, i) => runEntry(rule, facts, env, run, inside(run, place, i)));
  return found.some(isPromise) ? Promise.all(found).then((lists) => lists.flat()) : (found as Outcome[][]).flat();
}

function runOne<F, E>(
  rule: string,
  check: Check<F, E>,
  consequences: Check<F, E>['recommended'],
  facts: F,
  env: E,
  run: Run,
  place: string,
): Awaitable<Outcome[]> {
  const { observer } = run;
  const began = observer?.now() ?? 0;
  const conclude = (finding: Finding): Outcome[] => {
    const silent = finding.result === 'temperror' ? defer() : proceed;
    const outcome: Outcome = {
      rule,
      finding,
      verdict: weighed(consequenceOf(consequences, finding) ?? silent, finding),
    };
    observer?.onStep({ kind: 'check', place, rule, outcome, began, tookMs: observer.now() - began });
    return [outcome];
  };
  const known = run.known?.get(rule);
  const finding = known ?? examine(check, facts, observer?.envFor?.(rule, env) ?? env, run.scope?.signal);
  return isPromise(finding) ? inTime(check.name, finding, run.scope).then(conclude) : conclude(finding);
}

/**
 * Runs one check. A check that throws is a `temperror`, never a pass.
 *
 * @internal
 */
export function examine<F, E>(check: Check<F, E>, facts: F, env: E, signal: AbortSignal = never()): Awaitable<Finding> {
  try {
    const finding = check.examine(facts, env, signal);
    if (!isPromise(finding)) return sound(check.name, finding);
    return finding.then(
      (late) => sound(check.name, late),
      (error) => broken(check.name, error),
    );
  } catch (error) {
    return broken(check.name, error);
  }
}

const sound = (check: string, finding: Finding): Finding =>
  results.includes(finding?.result) ? finding : broken(check, new Error('the answer has no result'));

const broken = (check: string, error: unknown): Finding => ({
  check,
  result: 'temperror',
  status: '3.0',
  cause: 'policy-engine',
  explanation: 'A policy check could not be completed',
  detail: { error: error instanceof Error ? error.message : String(error) },
});

const late = (check: string): Finding => ({
  check,
  result: 'temperror',
  status: '3.0',
  cause: 'policy-engine',
  explanation: 'A policy check could not be completed in time',
  detail: { error: 'deadline' },
});

/** Waits for the finding until the scope ends. After that it is a `temperror`, even if the check ignores its signal. */
function inTime(check: string, finding: Promise<Finding>, around: Scope | undefined): Promise<Finding> {
  // A promise from `known` may reject.
  const safe = finding.catch((error: unknown) => broken(check, error));
  if (around === undefined) return safe;
  return new Promise((resolve) => {
    const scope = around.child();
    scope.onEnd(() => resolve(late(check)));
    safe.then((found) => {
      scope.close();
      resolve(found);
    });
  });
}

function runWithin<F, E>(
  ms: number,
  rule: Entry<F, E>,
  facts: F,
  env: E,
  run: Run,
  place: string,
): Awaitable<Outcome[]> {
  const scope = run.scope?.child() ?? new Scope();
  const { clock } = env as unknown as { clock: { after(ms: number, run: () => void): () => void } };
  const found = runEntry(rule, facts, env, { ...run, scope }, place);
  if (!isPromise(found)) {
    scope.close();
    return found;
  }
  const cancel = clock.after(ms, () => scope.end(timedOut(ms)));
  return found.finally(() => {
    cancel();
    scope.close();
  });
}

/** A score inside a score never stops early, because its weights count outside too. */
function runScore<F, E>(
  score: Score<F, E>,
  facts: F,
  env: E,
  run: Run,
  place: string,
  within: string,
): Awaitable<Outcome[]> {
  const { rules } = score;
  const scope = run.scope?.child() ?? new Scope();
  const lists: (Outcome[] | undefined)[] = rules.map(() => undefined);
  const over = (): boolean => lists.every((list) => list !== undefined) || (!run.scored && isCertain(score, lists));
  const conclude = (): Outcome[] => {
    const left = rules.filter((_, i) => lists[i] === undefined);
    if (left.length > 0) scope.end('decided');
    for (const rule of idsOf(left)) run.known?.abandon?.(rule);
    for (const rule of left) skip(rule, run, inside(run, within, rules.indexOf(rule)), 'score-decided');
    scope.close();
    const outcomes = lists.flatMap((list) => list ?? []);
    const outcome = scoreOutcome(score, outcomes, left.length);
    run.observer?.onStep({ kind: 'score', place, rule: score.id, outcome });
    return [...outcomes, outcome];
  };
  const late: [at: number, found: Promise<Outcome[]>][] = [];
  for (const [i, rule] of rules.entries()) {
    const found = runEntry(rule, facts, env, { ...run, scope, scored: true }, inside(run, within, i));
    if (isPromise(found)) late.push([i, found]);
    else lists[i] = found;
    if (over()) return conclude();
  }
  if (over()) return conclude();
  return new Promise((resolve) => {
    let concluded = false;
    for (const [i, found] of late)
      void found.then((outcomes) => {
        if (concluded) return;
        lists[i] = outcomes;
        concluded = over();
        if (concluded) resolve(conclude());
      });
  });
}

/**
 * Returns the findings of recorded decisions, so that `evaluate` can judge them under another policy. Rules are matched by
 * id; a rule without a recorded finding runs its check.
 */
export const recorded = (...decisions: readonly Decision[]): ReadonlyMap<string, Finding> =>
  new Map(decisions.flatMap(({ outcomes }) => outcomes.map(({ rule, finding }) => [rule, finding] as const)));
