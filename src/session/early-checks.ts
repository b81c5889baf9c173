import type { Awaitable, Check, Entry, Finding, Known } from '../core/index.ts';
import { examine, isPromise, leavesOf } from '../core/index.ts';
import type { SessionPolicy } from '../smtp/index.ts';
import { policyParts } from '../smtp/index.ts';

type AnyCheck<E> = Check<never, E>;

/** The order in which facts come to be known. */
const order = ['connect', 'helo', 'mail', 'rcpt', 'data'] as const;
export type EarlyStage = (typeof order)[number];

/** Checks that were begun at the same time. They share a signal, which fires when nobody waits for any of them. */
interface Batch {
  readonly from: EarlyStage;
  readonly controller: AbortController;
  waiting: number;
}

interface Started {
  readonly batch: Batch;
  readonly finding: Awaitable<Finding>;
  /** It has answered, or nobody waits for it. */
  settled: boolean;
}

/** Which checks can begin when, and which check a rule asks. A check that several ask is begun once for all of them. */
interface Plan<E> {
  readonly byStage: ReadonlyMap<EarlyStage, readonly AnyCheck<E>[]>;
  readonly byRule: ReadonlyMap<string, AnyCheck<E>>;
  /** Checks that more than one rule asks, or a rule and the authenticator. */
  readonly shared: ReadonlySet<object>;
}

/**
 * Examines checks as soon as their facts exist, for the stage that will judge them: what can run at once does, and a
 * check whose facts a further recipient does not change is examined once for all of them.
 */
export class EarlyChecks<E> implements Known {
  readonly #plan: Plan<E>;
  readonly #started = new Map<object, Started>();

  constructor(policy: SessionPolicy<E>) {
    this.#plan = planOf(policy);
  }

  /** Begins every check of a later stage that needs no more than what is known at `stage`. */
  start(stage: EarlyStage, facts: object, env: E): void {
    const checks = this.#plan.byStage.get(stage);
    if (checks === undefined) return;
    const batch: Batch = { from: stage, controller: new AbortController(), waiting: checks.length };
    for (const check of checks) {
      const finding = examine(check, facts as never, env, batch.controller.signal);
      const started: Started = { batch, finding, settled: false };
      if (isPromise(finding)) void finding.then(() => settle(started));
      else settle(started);
      this.#started.set(check, started);
    }
  }

  get(rule: string): Awaitable<Finding> | undefined {
    const check = this.#plan.byRule.get(rule);
    return check === undefined ? undefined : this.found(check);
  }

  /** What the check has found, where it was begun. */
  found(check: object): Awaitable<Finding> | undefined {
    return this.#started.get(check)?.finding;
  }

  abandon(rule: string): void {
    const check = this.#plan.byRule.get(rule);
    const started = check === undefined || this.#plan.shared.has(check) ? undefined : this.#started.get(check);
    if (started !== undefined) give(started);
  }

  /** What was found about facts of this stage and the later ones holds no longer. */
  forget(stage: EarlyStage): void {
    const since = order.indexOf(stage);
    for (const [check, started] of this.#started) {
      if (order.indexOf(started.batch.from) < since) continue;
      give(started);
      this.#started.delete(check);
    }
  }
}

function settle(started: Started): void {
  if (started.settled) return;
  started.settled = true;
  started.batch.waiting--;
}

/** Nobody waits for this one any more; where it was the last of its batch, the batch is ended. */
function give(started: Started): void {
  if (started.settled) return;
  settle(started);
  if (started.batch.waiting === 0) started.batch.controller.abort('abandoned');
}

const plans = new WeakMap<object, Plan<never>>();

/** The same for every session of a policy. */
function planOf<E>(policy: SessionPolicy<E>): Plan<E> {
  const known = plans.get(policy);
  if (known !== undefined) return known as unknown as Plan<E>;
  const byStage = new Map<EarlyStage, Set<AnyCheck<E>>>();
  const byRule = new Map<string, AnyCheck<E>>();
  const shared = new Set<object>();
  const seen = new Set<object>();
  const add = (check: AnyCheck<E>, judged: EarlyStage): boolean => {
    const from = check.earliest as EarlyStage;
    const [first, last] = [order.indexOf(from), order.indexOf(judged)];
    // The message's own stage begins while its author is being authenticated.
    if (first < 0 || first > last || (first === last && judged !== 'data')) return false;
    const beside = byStage.get(from) ?? new Set();
    byStage.set(from, beside.add(check));
    if (seen.has(check)) shared.add(check);
    seen.add(check);
    return true;
  };
  for (const judged of order) {
    for (const { id, check } of leavesOf((policy[judged] ?? []) as readonly Entry<never, E>[]))
      if (add(check, judged)) byRule.set(id, check);
  }
  for (const check of policyParts(policy).authentication?.checks ?? []) add(check, 'data');
  const plan = { byStage: new Map([...byStage].map(([stage, checks]) => [stage, [...checks]])), byRule, shared };
  plans.set(policy, plan as unknown as Plan<never>);
  return plan;
}
