import type { Decision, EvaluateOptions, EvaluationStep, Finding, Policy, Verdict } from '../../core/index.ts';
import { evaluate, placed } from '../../core/index.ts';
import type { DnsAnswer, DnsResolver } from '../../env/index.ts';
import type { AnyPolicy } from '../analysis/index.ts';
import type { Stages } from '../analysis/model.ts';
import { type Change, smallestChanges } from './unless.ts';

/** A DNS question that a rule asked. */
export interface AskedQuestion {
  readonly name: string;
  readonly type: string;
  readonly status: DnsAnswer['status'];
  /** When it was asked, in milliseconds since the evaluation began. */
  readonly at: number;
  readonly tookMs: number;
}

/** One step of an explanation. Plain data. */
export interface ExplainedStep {
  readonly place: string;
  readonly rule: string;
  readonly kind: EvaluationStep['kind'];
  /** For a check or a score: what it found. */
  readonly result?: Finding['result'];
  readonly verdict?: Verdict;
  readonly detail?: unknown;
  readonly explanation?: string;
  /** For a condition: whether it was true. */
  readonly holds?: boolean;
  /** Why the step was not taken. */
  readonly skipped?: EvaluationStep['skipped'];
  /** Whether this is the rule that decided. */
  readonly decided?: true;
  /** Whether the rule is in `shadow()`: recorded, but not enforced. */
  readonly shadow?: true;
  /** For a check: when it was started, in milliseconds since the evaluation began, and how long it took. */
  readonly at?: number;
  readonly tookMs?: number;
  readonly questions?: readonly AskedQuestion[];
}

/** Why a stage decided as it did. Plain data. */
export interface Explanation {
  readonly stage: string;
  readonly decision: Decision;
  /** Every rule, score and condition of the stage, in written order. */
  readonly steps: readonly ExplainedStep[];
  /**
   * Every smallest set of changes that would have let the mail in; if it was let in, every smallest set that would have
   * refused it.
   */
  readonly unless: readonly Change[];
  /** Whether `unless` is complete: `false` if a set of more than four changes exists, which is not listed. */
  readonly complete: boolean;
}

type Clock = { readonly clock?: { now(): number } };

/**
 * Evaluates one stage of a policy and explains the decision: what was asked, what was skipped and why, which rule decided, and
 * what would have changed the decision.
 *
 * @example
 * ```ts
 * import { explain, printExplanation } from 'postern/explain';
 * import { relayControl } from 'postern/checks/relay-control';
 * import { spf } from 'postern/checks/spf';
 * import { on, reject } from 'postern/core';
 * import { smtpPolicy } from 'postern/smtp';
 * import { quietEnv, rcptFacts, zone } from 'postern/testing';
 *
 * const policy = smtpPolicy({
 *   relay: relayControl({ localDomains: ['example.com'] }),
 *   rcpt: [on(spf(), { fail: reject() })],
 * });
 * const env = quietEnv({ dns: zone({ 'example.org': { TXT: ['v=spf1 -all'] } }) });
 * const facts = rcptFacts({ client: '192.0.2.1', from: 'a@example.org', to: 'bob@example.com' });
 * const explanation = await explain(policy, 'rcpt', facts, env);
 * console.log(explanation.unless[0]?.findings); // { spf: [ 'pass', 'softfail', … ] }
 * console.log(printExplanation(explanation));
 * ```
 */
export async function explain<Facts extends object, Env extends object>(
  policy: AnyPolicy,
  stage: string,
  facts: Facts,
  env: Env,
  options: Pick<EvaluateOptions, 'signal' | 'known'> = {},
): Promise<Explanation> {
  const clock = (env as Clock).clock;
  const now = (): number => clock?.now() ?? 0;
  const start = now();
  const steps = new Map<string, EvaluationStep>();
  const questions = new Map<string, AskedQuestion[]>();
  const observer: EvaluateOptions['observer'] = {
    now,
    // A rule that a score did not wait for may answer later.
    onStep: (step) => void (steps.has(step.place) || steps.set(step.place, step)),
    envFor: (rule, given) => {
      const asked: AskedQuestion[] = [];
      questions.set(rule, asked);
      return withRecordedDns(given, asked, now, start);
    },
  };
  const decision = await evaluate(policy as Policy<{ [stage: string]: object }, object>, stage, facts, env, {
    ...options,
    observer,
  });
  return explanationOf(policy as Stages, stage, decision, [...steps.values()], { start, questions });
}

/**
 * Explains a recorded decision without asking anything. Rules that have no outcome in the record count as not evaluated, and
 * conditions as unknown.
 */
export function explainRecorded(policy: AnyPolicy, stage: string, decision: Decision): Explanation {
  const outcomes = new Map(decision.outcomes.map((outcome) => [outcome.rule, outcome]));
  const steps = placed((policy as Stages)[stage] ?? [], stage).flatMap(({ node, place }): EvaluationStep[] => {
    if (!('id' in node) || node.kind === 'when') return [];
    const step = { kind: node.kind === 'score' ? ('score' as const) : ('check' as const), place, rule: node.id };
    const outcome = outcomes.get(node.id);
    return [outcome === undefined ? { ...step, skipped: 'decided-before' } : { ...step, outcome }];
  });
  return explanationOf(policy as Stages, stage, decision, steps, { start: 0, questions: new Map() });
}

function explanationOf(
  policy: Stages,
  stage: string,
  decision: Decision,
  steps: readonly EvaluationStep[],
  seen: { readonly start: number; readonly questions: ReadonlyMap<string, readonly AskedQuestion[]> },
): Explanation {
  const deciding = 'rule' in decision ? decision.rule : undefined;
  const shadowed = new Set(decision.outcomes.filter(({ shadow }) => shadow).map(({ rule }) => rule));
  const { changes, complete } = smallestChanges(policy[stage] ?? [], decision, steps);
  return {
    stage,
    decision,
    steps: steps
      .map(
        ({ place, rule, kind, skipped, outcome, holds, began, tookMs }): ExplainedStep => ({
          place,
          rule,
          kind,
          skipped,
          result: outcome?.finding.result,
          verdict: outcome?.verdict,
          detail: outcome?.finding.detail,
          explanation: outcome?.finding.explanation,
          holds,
          at: began === undefined ? undefined : began - seen.start,
          tookMs,
          questions: seen.questions.get(rule),
          decided: rule === deciding && skipped === undefined ? true : undefined,
          shadow: shadowed.has(rule) ? true : undefined,
        }),
      )
      .sort((a, b) => inWrittenOrder(a.place, b.place)),
    unless: changes,
    complete,
  };
}

/** Places in written order: a score or condition before what is inside it. */
function inWrittenOrder(a: string, b: string): number {
  const [x, y] = [a, b].map((place) => place.match(/\d+/g)?.map(Number) ?? []) as [number[], number[]];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const difference = (x[i] ?? -1) - (y[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function withRecordedDns<E>(env: E, asked: AskedQuestion[], now: () => number, start: number): E {
  const dns = (env as { readonly dns?: DnsResolver }).dns;
  if (dns === undefined) return env;
  const recording: DnsResolver = {
    ...dns,
    resolve: (name, type, options) => {
      const at = now();
      const answered = dns.resolve(name, type, options);
      void answered.then(
        ({ status }) => void asked.push({ name, type, status, at: at - start, tookMs: now() - at }),
        () => undefined,
      );
      return answered;
    },
  };
  return { ...env, dns: recording };
}
