import type { Awaitable, Entry, Finding, Known, Leaf } from '../../core/index.ts';
import { examine, leavesOf } from '../../core/index.ts';
import type { SmtpPolicy } from '../../smtp/index.ts';

type AnyLeaf<E> = Leaf<never, E>;

/** The order in which facts come to be known. */
const order = ['connect', 'helo', 'mail', 'rcpt', 'data'] as const;
export type AheadStage = (typeof order)[number];

/** Checks that were begun at the same time. They share a signal, which fires when nobody waits for any of them. */
interface Batch {
  readonly from: AheadStage;
  readonly controller: AbortController;
  waiting: number;
}

interface Started {
  readonly batch: Batch;
  readonly finding: Awaitable<Finding>;
  /** It has answered, or nobody waits for it. */
  settled: boolean;
}

/**
 * Examines checks as soon as their facts exist, for the stage that will judge them: what can run at once does, and a
 * check whose facts a further recipient does not change is examined once for all of them.
 */
export class Ahead<E> implements Known {
  readonly #byStage: ReadonlyMap<AheadStage, readonly AnyLeaf<E>[]>;
  readonly #started = new Map<string, Started>();

  constructor(policy: SmtpPolicy<E>) {
    this.#byStage = leavesAhead(policy);
  }

  /** Begins every check of a later stage that needs no more than what is known at `stage`. */
  start(stage: AheadStage, facts: object, env: E): void {
    const leaves = this.#byStage.get(stage);
    if (leaves === undefined) return;
    const batch: Batch = { from: stage, controller: new AbortController(), waiting: leaves.length };
    for (const { id, check } of leaves) {
      const finding = examine(check, facts as never, env, batch.controller.signal);
      const started: Started = { batch, finding, settled: false };
      if (finding instanceof Promise) finding.then(() => settle(started));
      else settle(started);
      this.#started.set(id, started);
    }
  }

  get(rule: string): Awaitable<Finding> | undefined {
    return this.#started.get(rule)?.finding;
  }

  abandon(rule: string): void {
    const started = this.#started.get(rule);
    if (started !== undefined) give(started);
  }

  /** What was found about facts of this stage and the later ones holds no longer. */
  forget(stage: AheadStage): void {
    const since = order.indexOf(stage);
    for (const [id, started] of this.#started) {
      if (order.indexOf(started.batch.from) < since) continue;
      give(started);
      this.#started.delete(id);
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

const cache = new WeakMap<object, ReadonlyMap<AheadStage, readonly AnyLeaf<never>[]>>();

/** Which checks can begin when; the same for every session of a policy. */
function leavesAhead<E>(policy: SmtpPolicy<E>): ReadonlyMap<AheadStage, readonly AnyLeaf<E>[]> {
  const known = cache.get(policy);
  if (known !== undefined) return known as unknown as ReadonlyMap<AheadStage, readonly AnyLeaf<E>[]>;
  const byStage = new Map<AheadStage, AnyLeaf<E>[]>();
  for (const [at, judged] of order.entries()) {
    for (const leaf of leavesOf((policy[judged] ?? []) as readonly Entry<never, E>[])) {
      const from = order.indexOf(leaf.check.ahead as AheadStage);
      if (from < 0 || from >= at) continue;
      byStage.set(order[from] as AheadStage, [...(byStage.get(order[from] as AheadStage) ?? []), leaf]);
    }
  }
  cache.set(policy, byStage as unknown as ReadonlyMap<AheadStage, readonly AnyLeaf<never>[]>);
  return byStage;
}
