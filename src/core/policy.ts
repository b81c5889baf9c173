import type { Awaitable, Check } from './check.ts';
import { isPromise } from './check.ts';
import type { Decision, Outcome } from './decision.ts';
import { ends, judge } from './decision.ts';
import type { Finding } from './finding.ts';
import { results } from './finding.ts';
import type { Entry, Rule, Thresholds } from './rule.ts';
import type { Verdict } from './verdict.ts';
import { consequenceOf, defer, proceed, quarantine, reject, tag, weighed } from './verdict.ts';

/** Rules by stage. A rule may stand at any stage that knows the facts its check asks for. */
export type Policy<Stages extends object, Env> = {
  readonly [Stage in keyof Stages]?: readonly Entry<Stages[Stage], Env>[] | undefined;
};

/** Findings that need no new examination, by rule id: examined ahead, or recorded earlier. A `Map` is one. */
export interface Known {
  /** The finding for the rule with this id, or the promise of one; undefined where there is none. */
  get(rule: string): Awaitable<Finding> | undefined;
  /** Nobody waits for this finding any more. */
  abandon?(rule: string): void;
}

export interface EvaluateOptions {
  /** Ends the evaluation: whatever has not answered by then is a `temperror`. */
  readonly signal?: AbortSignal | undefined;
  readonly known?: Known | undefined;
}

/**
 * Evaluates the rules of one stage in written order, until one of them permits or refuses, and judges what they found.
 *
 * Never rejects: what a check throws, or fails to answer in time, is a `temperror` with its table's consequence.
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
export async function evaluate<Stages extends object, Env, Stage extends keyof Stages>(
  policy: Policy<Stages, Env>,
  stage: Stage,
  facts: Stages[Stage],
  env: Env,
  options: EvaluateOptions = {},
): Promise<Decision> {
  const { signal, known } = options;
  const scope = signal === undefined ? undefined : Scope.under(signal);
  const outcomes = await runInOrder(policy[stage] ?? [], facts, env, { scope, known });
  scope?.close();
  return judge(outcomes);
}

interface Run {
  /** Undefined where nothing can end the evaluation before its checks have answered. */
  readonly scope: Scope | undefined;
  readonly known: Known | undefined;
}

let quiet: AbortSignal | undefined;
/** One signal that never fires, so that the common evaluation makes none. */
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

const isRule = <F, E>(entry: Entry<F, E>): entry is Rule<F, E> => 'kind' in entry;

function runEntry<F, E>(entry: Entry<F, E>, facts: F, env: E, run: Run): Awaitable<Outcome[]> {
  if (!isRule(entry)) return runOne(entry.id, entry, entry.recommended, facts, env, run);
  switch (entry.kind) {
    case 'one':
      return runOne(entry.id, entry.check, entry.consequences, facts, env, run);
    case 'together':
      return runTogether(entry.rules, facts, env, run);
    case 'when': {
      let holds: boolean;
      try {
        holds = entry.condition(facts);
      } catch (error) {
        return [{ rule: 'condition', finding: broken('condition', error), verdict: defer() }];
      }
      return holds ? runEntry(entry.rule, facts, env, run) : [];
    }
    case 'score':
      return runScore(entry.id, entry.thresholds, entry.rules, facts, env, run);
    case 'shadow': {
      const found = runEntry(entry.rule, facts, env, run);
      return isPromise(found) ? found.then(inShadow) : inShadow(found);
    }
    case 'within':
      return runWithin(entry.ms, entry.rule, facts, env, run);
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

/** Examines one check. A check that throws has found nothing out: that is a `temperror`, never a pass. */
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
  results.includes(finding?.result) ? finding : broken(check, new Error('it answered with no result'));

const broken = (check: string, error: unknown): Finding => ({
  check,
  result: 'temperror',
  status: '3.0',
  cause: 'policy-engine',
  explanation: 'A policy check could not be completed',
  detail: { error: error instanceof Error ? error.message : String(error) },
});

/** Why a signal fired whose time was over: an error by the name that `AbortSignal.timeout()` gives it. */
export const timedOut = (ms: number): Error =>
  Object.assign(new Error(`no answer within ${ms} ms`), { name: 'TimeoutError' });

const late = (check: string): Finding => ({
  check,
  result: 'temperror',
  status: '3.0',
  cause: 'policy-engine',
  explanation: 'A policy check could not be completed in time',
  detail: { error: 'deadline' },
});

/** The finding, or `temperror` once its time is over, whether or not the check listens to its signal. */
function inTime(check: string, finding: Promise<Finding>, around: Scope | undefined): Promise<Finding> {
  // A finding that was handed in may be a promise of anybody's.
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

/**
 * Something that can be ended before its time: an evaluation, a group with a deadline, one check. What ends ends all that
 * is inside it. A tree of its own, so that a signal has one listener, however many wait for it.
 */
class Scope {
  #controller: AbortController | undefined;
  #given: AbortSignal | undefined;
  #inside: Set<Scope> | undefined;
  #end: (() => void) | undefined;
  #ended = false;
  #reason: unknown;
  #leave: (() => void) | undefined;

  static under(signal: AbortSignal): Scope {
    const scope = new Scope();
    scope.#given = signal;
    const end = (): void => scope.end(signal.reason);
    if (signal.aborted) scope.end(signal.reason);
    else {
      signal.addEventListener('abort', end, { once: true });
      scope.#leave = () => signal.removeEventListener('abort', end);
    }
    return scope;
  }

  /** Made when it is first asked for: a signal is dear, and most that is evaluated needs none. */
  get signal(): AbortSignal {
    if (this.#given !== undefined) return this.#given;
    this.#controller ??= new AbortController();
    if (this.#ended) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  child(): Scope {
    const child = new Scope();
    if (this.#ended) child.end(this.#reason);
    else {
      this.#inside ??= new Set();
      const inside = this.#inside;
      inside.add(child);
      child.#leave = () => inside.delete(child);
    }
    return child;
  }

  /** Calls `run` when it is ended; at once where it has been. */
  onEnd(run: () => void): void {
    this.#end = run;
    if (this.#ended) run();
  }

  end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#end?.();
    for (const child of this.#inside ?? []) child.end(reason);
  }

  /** It has come to its end by itself. */
  close(): void {
    this.#leave?.();
    this.#end = undefined;
  }
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

/** What a rule could still say: bounds of its weight, and whether it could end the list. */
interface Reach {
  readonly least: number;
  readonly permits: boolean;
  readonly refuses: boolean;
}

function reachOf<F, E>(entry: Entry<F, E>): Reach {
  if (!isRule(entry)) return reachOfTable(entry.recommended);
  switch (entry.kind) {
    case 'one':
      return reachOfTable(entry.consequences);
    case 'together':
      return sumOf(entry.rules.map(reachOf));
    case 'score':
      return { ...sumOf(entry.rules.map(reachOf)), refuses: true };
    case 'shadow':
      return { least: 0, permits: false, refuses: false };
    case 'when':
    case 'within':
      return reachOf(entry.rule);
  }
}

function reachOfTable(table: Check<never, never>['recommended']): Reach {
  const verdicts = Object.values(table) as (Verdict | undefined)[];
  return {
    least: Math.min(
      0,
      ...verdicts.map((verdict) =>
        verdict?.action === 'flag' ? Math.min(verdict.weight, verdict.within?.least ?? verdict.weight) : 0,
      ),
    ),
    permits: verdicts.some((verdict) => verdict?.action === 'permit'),
    // A temperror that the table does not name defers.
    refuses:
      table.temperror === undefined ||
      verdicts.some((verdict) => verdict?.action === 'defer' || verdict?.action === 'reject'),
  };
}

const sumOf = (reaches: readonly Reach[]): Reach => ({
  least: reaches.reduce((sum, reach) => sum + reach.least, 0),
  permits: reaches.some((reach) => reach.permits),
  refuses: reaches.some((reach) => reach.refuses),
});

async function runScore<F, E>(
  id: string,
  thresholds: Thresholds,
  rules: readonly Entry<F, E>[],
  facts: F,
  env: E,
  run: Run,
): Promise<Outcome[]> {
  const scope = run.scope?.child() ?? new Scope();
  const lists: (Outcome[] | undefined)[] = rules.map(() => undefined);
  const pending = new Map(rules.map((rule, i) => [i, reachOf(rule)]));
  let sum = 0;
  await new Promise<void>((resolve) => {
    let over = false;
    const arrive = (i: number, found: Outcome[]): void => {
      if (over) return;
      lists[i] = found;
      pending.delete(i);
      sum += weightOf(found);
      if (pending.size > 0 && !decided(sum, thresholds, sumOf([...pending.values()]))) return;
      over = true;
      resolve();
    };
    for (const [i, rule] of rules.entries()) {
      const found = runEntry(rule, facts, env, { ...run, scope });
      if (isPromise(found)) found.then((outcomes) => arrive(i, outcomes));
      else arrive(i, found);
      if (over) break;
    }
    if (rules.length === 0) resolve();
  });
  if (pending.size > 0) {
    scope.end('decided');
    for (const i of pending.keys()) for (const rule of idsOf([rules[i] as Entry<F, E>])) run.known?.abandon?.(rule);
  }
  scope.close();
  const outcomes = lists.flatMap((list) => list ?? []);
  const verdict = reached(sum, thresholds);
  const heaviest = outcomes.reduce<Outcome | undefined>(
    (best, outcome) =>
      outcome.verdict.action === 'flag' &&
      !outcome.shadow &&
      outcome.verdict.weight > (best === undefined ? 0 : weightOf([best]))
        ? outcome
        : best,
    undefined,
  );
  const finding: Finding = {
    check: 'score',
    result: verdict === undefined ? 'none' : 'fail',
    ...(verdict === undefined || heaviest?.finding.status === undefined ? {} : { status: heaviest.finding.status }),
    ...(verdict === undefined || heaviest?.finding.explanation === undefined
      ? {}
      : { explanation: heaviest.finding.explanation }),
    detail: { score: sum, unfinished: pending.size },
  };
  return [...outcomes, { rule: id, finding, verdict: verdict ?? proceed }];
}

const weightOf = (outcomes: readonly Outcome[]): number =>
  outcomes.reduce((sum, { shadow, verdict }) => (!shadow && verdict.action === 'flag' ? sum + verdict.weight : sum), 0);

function decided(sum: number, thresholds: Thresholds, rest: Reach): boolean {
  if (rest.permits) return false;
  const { rejectAt, deferAt, quarantineAt, tagAt } = thresholds;
  if (rejectAt !== undefined) return sum + rest.least >= rejectAt;
  const strongest = deferAt ?? quarantineAt ?? tagAt;
  return strongest !== undefined && !rest.refuses && sum + rest.least >= strongest;
}

function reached(sum: number, { rejectAt, deferAt, quarantineAt, tagAt, tag: field }: Thresholds): Verdict | undefined {
  if (rejectAt !== undefined && sum >= rejectAt) return reject();
  if (deferAt !== undefined && sum >= deferAt) return defer();
  if (quarantineAt !== undefined && sum >= quarantineAt) return quarantine;
  if (tagAt !== undefined && sum >= tagAt) return tag(field?.name ?? 'X-Spam-Flag', field?.value ?? 'YES');
  return undefined;
}

/** A rule that asks one check, wherever in the list it stands. */
export interface Leaf<F, E> {
  readonly id: string;
  readonly check: Check<F, E>;
}

/** The rules that ask a check, in written order. */
export function leavesOf<F, E>(entries: readonly Entry<F, E>[]): Leaf<F, E>[] {
  return entries.flatMap((entry): Leaf<F, E>[] => {
    if (!isRule(entry)) return [{ id: entry.id, check: entry }];
    if (entry.kind === 'one') return [{ id: entry.id, check: entry.check }];
    return leavesOf('rules' in entry ? entry.rules : [entry.rule]);
  });
}

function idsOf<F, E>(entries: readonly Entry<F, E>[]): string[] {
  return entries.flatMap((entry): string[] => {
    if (!isRule(entry) || entry.kind === 'one') return [entry.id];
    return [...(entry.kind === 'score' ? [entry.id] : []), ...idsOf('rules' in entry ? entry.rules : [entry.rule])];
  });
}

/**
 * Sees to it that every rule of a policy has an id of its own: traces, metrics and replay file by it.
 *
 * @throws TypeError that names the id that occurs twice
 */
export function assertUniqueIds(policy: {
  readonly [stage: string]: readonly Entry<never, never>[] | undefined;
}): void {
  const seen = new Map<string, string>();
  for (const [stage, entries] of Object.entries(policy)) {
    for (const id of idsOf(entries ?? [])) {
      const first = seen.get(id);
      if (first !== undefined)
        throw new TypeError(
          `policy: the rule id ${JSON.stringify(id)} stands at ${first} and at ${stage}; give one of them a label, or another id: on(check, {}, { id: '…' })`,
        );
      seen.set(id, stage);
    }
  }
}

/**
 * The findings of a recorded decision, to be judged again under another policy without asking the world: rules are
 * matched by id, and a rule that is not in the record is examined anew.
 */
export const recorded = (...decisions: readonly Decision[]): ReadonlyMap<string, Finding> =>
  new Map(decisions.flatMap(({ outcomes }) => outcomes.map(({ rule, finding }) => [rule, finding] as const)));
