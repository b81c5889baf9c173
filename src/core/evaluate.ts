import type { Awaitable, Check } from './check.ts';
import { isPromise } from './check.ts';
import type { Decision, Outcome } from './decision.ts';
import { ends, judge } from './decision.ts';
import type { Finding } from './finding.ts';
import { results } from './finding.ts';
import type { Policy } from './policy.ts';
import { idsOf } from './policy.ts';
import type { Entry, Score } from './rule.ts';
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
  const scope = signal === undefined ? undefined : Scope.under(signal);
  const rules = (policy[stage] ?? []) as readonly Entry<Stages[Stage], Env>[];
  const outcomes = await runInOrder(rules, facts, env, { scope, known, scored: false });
  scope?.close();
  return judge(outcomes);
}

interface Run {
  /** Undefined if nothing can end the evaluation early. */
  readonly scope: Scope | undefined;
  readonly known: Known | undefined;
  /** Whether the rules are inside a score. */
  readonly scored: boolean;
}

let quiet: AbortSignal | undefined;
/** Returns one shared signal that is never aborted, so that most evaluations create none. */
const never = (): AbortSignal => {
  quiet ??= new AbortController().signal;
  return quiet;
};

function runInOrder<F, E>(entries: readonly Entry<F, E>[], facts: F, env: E, run: Run): Awaitable<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let i = 0; i < entries.length; i++) {
    const found = runEntry(entries[i] as Entry<F, E>, facts, env, run);
    if (isPromise(found)) return finishInOrder(found, entries.slice(i + 1), outcomes, facts, env, run);
    outcomes.push(...found);
    if (found.some(ends)) break;
  }
  return outcomes;
}

async function finishInOrder<F, E>(
  first: Promise<Outcome[]>,
  rest: readonly Entry<F, E>[],
  outcomes: Outcome[],
  facts: F,
  env: E,
  run: Run,
): Promise<Outcome[]> {
  const found = await first;
  outcomes.push(...found);
  if (found.some(ends)) return outcomes;
  outcomes.push(...(await runInOrder(rest, facts, env, run)));
  return outcomes;
}

function runEntry<F, E>(entry: Entry<F, E>, facts: F, env: E, run: Run): Awaitable<Outcome[]> {
  const node = nodeOf(entry);
  switch (node.kind) {
    case undefined:
      return runOne(node.id, node, node.recommended, facts, env, run);
    case 'one':
      return runOne(node.id, node.check, node.consequences, facts, env, run);
    case 'together':
      return runTogether(node.rules, facts, env, run);
    case 'when': {
      let holds: boolean;
      try {
        holds = node.condition(facts);
      } catch (error) {
        return [{ rule: 'condition', finding: broken('condition', error), verdict: defer() }];
      }
      return holds ? runEntry(node.rule, facts, env, run) : [];
    }
    case 'score':
      return runScore(node, facts, env, run);
    case 'shadow': {
      const found = runEntry(node.rule, facts, env, run);
      return isPromise(found) ? found.then(inShadow) : inShadow(found);
    }
    case 'within':
      return runWithin(node.ms, node.rule, facts, env, run);
  }
}

const inShadow = (outcomes: Outcome[]): Outcome[] => outcomes.map((outcome) => ({ ...outcome, shadow: true }));

function runTogether<F, E>(rules: readonly Entry<F, E>[], facts: F, env: E, run: Run): Awaitable<Outcome[]> {
  const found = rules.map((rule) => runEntry(rule, facts, env, run));
  return found.some(isPromise) ? Promise.all(found).then((lists) => lists.flat()) : (found as Outcome[][]).flat();
}

function runOne<F, E>(
  rule: string,
  check: Check<F, E>,
  consequences: Check<F, E>['recommended'],
  facts: F,
  env: E,
  run: Run,
): Awaitable<Outcome[]> {
  const conclude = (finding: Finding): Outcome[] => {
    const silent = finding.result === 'temperror' ? defer() : proceed;
    return [{ rule, finding, verdict: weighed(consequenceOf(consequences, finding) ?? silent, finding) }];
  };
  const known = run.known?.get(rule);
  const finding = known ?? examine(check, facts, env, run.scope?.signal);
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

function runWithin<F, E>(ms: number, rule: Entry<F, E>, facts: F, env: E, run: Run): Awaitable<Outcome[]> {
  const scope = run.scope?.child() ?? new Scope();
  const { clock } = env as unknown as { clock: { after(ms: number, run: () => void): () => void } };
  const found = runEntry(rule, facts, env, { ...run, scope });
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
function runScore<F, E>(score: Score<F, E>, facts: F, env: E, run: Run): Awaitable<Outcome[]> {
  const { rules } = score;
  const scope = run.scope?.child() ?? new Scope();
  const lists: (Outcome[] | undefined)[] = rules.map(() => undefined);
  const over = (): boolean => lists.every((list) => list !== undefined) || (!run.scored && isCertain(score, lists));
  const conclude = (): Outcome[] => {
    const left = rules.filter((_, i) => lists[i] === undefined);
    if (left.length > 0) scope.end('decided');
    for (const rule of idsOf(left)) run.known?.abandon?.(rule);
    scope.close();
    const outcomes = lists.flatMap((list) => list ?? []);
    return [...outcomes, scoreOutcome(score, outcomes, left.length)];
  };
  const late: [at: number, found: Promise<Outcome[]>][] = [];
  for (const [i, rule] of rules.entries()) {
    const found = runEntry(rule, facts, env, { ...run, scope, scored: true });
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
