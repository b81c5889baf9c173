import type { Awaitable, Check, Entry, Finding, Known } from '../core/index.ts';
import { examine, isPromise, leavesOf } from '../core/index.ts';
import type { SessionPolicy } from '../smtp/index.ts';
import { policyParts } from '../smtp/index.ts';

type AnyCheck<E> = Check<never, E>;

/** The stages in the order of their facts. */
const order = ['connect', 'helo', 'mail', 'rcpt', 'data'] as const;
export type EarlyStage = (typeof order)[number];

/** Checks that were started at the same time. They share a signal, which fires when none of their findings is needed. */
interface Batch {
  readonly from: EarlyStage;
  readonly controller: AbortController;
  waiting: number;
}

interface Started {
  readonly batch: Batch;
  readonly finding: Awaitable<Finding>;
  /** The check has answered, or was abandoned. */
  settled: boolean;
}

/** Which checks can start at which stage, and which check each rule uses. A shared check is started once. */
interface Plan<E> {
  readonly byStage: ReadonlyMap<EarlyStage, readonly AnyCheck<E>[]>;
  readonly byRule: ReadonlyMap<string, AnyCheck<E>>;
  /** Checks that several rules use, or a rule and the authenticator. */
  readonly shared: ReadonlySet<object>;
}

/**
 * Runs checks as soon as their facts exist, before the stage that judges them. Checks run in parallel where possible, and a
 * check that does not depend on the recipient runs once for all recipients.
 */
export class EarlyChecks<E> implements Known {
  readonly #plan: Plan<E>;
  readonly #started = new Map<object, Started>();

  private constructor(plan: Plan<E>) {
    this.#plan = plan;
  }

  /** The early checks of a policy for one session; undefined if it has none. */
  static of<E>(policy: SessionPolicy<E>): EarlyChecks<E> | undefined {
    const plan = planOf(policy);
    return plan.byStage.size > 0 ? new EarlyChecks(plan) : undefined;
  }

  /** Starts every check of a later stage that needs only the facts of `stage`. */
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

  /** The finding of a check, if it was started. */
  found(check: object): Awaitable<Finding> | undefined {
    return this.#started.get(check)?.finding;
  }

  abandon(rule: string): void {
    const check = this.#plan.byRule.get(rule);
    const started = check === undefined || this.#plan.shared.has(check) ? undefined : this.#started.get(check);
    if (started !== undefined) abandon(started);
  }

  /** Discards findings about the facts of this stage and later ones. */
  forget(stage: EarlyStage): void {
    const since = order.indexOf(stage);
    for (const [check, started] of this.#started) {
      if (order.indexOf(started.batch.from) < since) continue;
      abandon(started);
      this.#started.delete(check);
    }
  }
}

function settle(started: Started): void {
  if (started.settled) return;
  started.settled = true;
  started.batch.waiting--;
}

/** Abandons a check. Aborts its batch if no other finding of it is needed. */
function abandon(started: Started): void {
  if (started.settled) return;
  settle(started);
  if (started.batch.waiting === 0) started.batch.controller.abort('abandoned');
}

const plans = new WeakMap<object, Plan<never>>();

/** Returns the plan of a policy, which all its sessions share. */
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
    // Checks at `data` start while the message is being authenticated.
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
