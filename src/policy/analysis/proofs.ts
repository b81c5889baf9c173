import type { Entry } from '../../core/index.ts';
import { cheapest, type Diagram } from './diagram.ts';
import {
  actionOf,
  type DecisionAction,
  type Effect,
  isContent,
  isOutage,
  Model,
  type PolicyCounterexample,
  type Stages,
} from './model.ts';

/** A policy: rules by stage, as `smtpPolicy()` or `accessPolicy()` makes it. */
export type AnyPolicy = { readonly [stage: string]: readonly Entry<never, never>[] | undefined } | object;

/** A claim holds for all findings, or a counterexample disproves it. */
export type PolicyProof<More = object> =
  | { readonly holds: true }
  | ({ readonly holds: false } & PolicyCounterexample & More);

/** Stages of a session that are judged one after the other. `auth` judges a login, not a message. */
const sequences = (policy: Stages): readonly (readonly string[])[] => {
  const names = Object.keys(policy).sort((a, b) => order(a) - order(b));
  const message = names.filter((name) => name !== 'auth');
  return [message, names.filter((name) => name === 'auth')].filter((sequence) => sequence.length > 0);
};
const smtpOrder = ['connect', 'helo', 'mail', 'rcpt', 'data'];
const order = (stage: string): number => (smtpOrder.includes(stage) ? smtpOrder.indexOf(stage) : smtpOrder.length);

/**
 * Proves that no outage refuses mail: whatever set of checks returns `temperror`, or a `permerror` that a third party caused,
 * while the other checks are content, the action is never `reject`.
 *
 * Findings and conditions are taken to be independent. So "holds" is certain, and a counterexample may be a combination that
 * never occurs. Relay control, which refuses by permission and not by outage, is part of the policy.
 *
 * @param options.neverDefers also prove that no such set defers mail. Default: false.
 * @throws {RangeError} if the policy is too large to be analysed exactly
 *
 * @example
 * ```ts
 * import { on, reject } from 'postern/core';
 * import { provesNoOutageRefuses } from 'postern/analysis';
 * import { relayControl } from 'postern/checks/relay-control';
 * import { spf } from 'postern/checks/spf';
 * import { smtpPolicy } from 'postern/smtp';
 *
 * const policy = smtpPolicy({
 *   relay: relayControl({ localDomains: ['example.com'] }),
 *   rcpt: [on(spf(), { temperror: reject() })],
 * });
 * const proof = provesNoOutageRefuses(policy);
 * if (!proof.holds) console.log(proof.stage, proof.findings); // rcpt { spf: 'temperror' }
 * ```
 */
export function provesNoOutageRefuses(
  policy: AnyPolicy,
  options: { readonly neverDefers?: boolean } = {},
): PolicyProof<{ readonly stage: string; readonly action: DecisionAction }> {
  const stages = policy as Stages;
  const unwanted: readonly DecisionAction[] = options.neverDefers === true ? ['defer', 'reject'] : ['reject'];
  for (const names of sequences(stages)) {
    const model = new Model(stages);
    const found = cheapest(
      model.stages(stages, names),
      (effect) => unwanted.includes(actionOf(effect)),
      (variable, value) => {
        const chosen = model.valueOf(variable, value);
        if (typeof chosen === 'boolean' || isContent(chosen)) return 0;
        return isOutage(chosen) ? 1 : Number.POSITIVE_INFINITY;
      },
    );
    if (found === undefined) continue;
    const stage = names.find((name) =>
      unwanted.includes(actionOf(model.follow(model.list(stages[name] ?? []), found))),
    );
    return {
      holds: false,
      stage: stage as string,
      action: actionOf(model.follow(model.stages(stages, names), found)),
      ...model.described(found, (value) => !isContent(value)),
    };
  }
  return { holds: true };
}

/** The actions of two policies on the same findings. */
export interface Difference {
  readonly first: DecisionAction;
  readonly second: DecisionAction;
}

/**
 * Proves that `second` is at least as strict as `first`: whatever `first` refuses, `second` refuses as strongly (`defer`, or
 * `reject`). Rules with the same id are taken to be the same check.
 *
 * @throws {RangeError} if the policies are too large to be analysed exactly
 *
 * @example
 * ```ts
 * import { defineCheck, fail, defer, on, reject } from 'postern/core';
 * import { provesImplies } from 'postern/analysis';
 *
 * const check = defineCheck('odd', (facts: { n: number }) => fail(), { fail: defer() });
 * provesImplies({ only: [check] }, { only: [on(check, { fail: reject() })] }); // { holds: true }
 * ```
 */
export const provesImplies = (first: AnyPolicy, second: AnyPolicy): PolicyProof<Difference> =>
  compare(first, second, (a, b) => a.strength >= REFUSES && b.strength < a.strength);

/**
 * Proves that two policies take the same action on the same findings. Header fields, delays and reply texts are not compared.
 *
 * @throws {RangeError} if the policies are too large to be analysed exactly
 */
export const provesEquivalent = (first: AnyPolicy, second: AnyPolicy): PolicyProof<Difference> =>
  compare(first, second, (a, b) => a.strength !== b.strength);

/** The strength from which an action refuses: that of `defer`. */
const REFUSES = 3;

function compare(
  first: AnyPolicy,
  second: AnyPolicy,
  differ: (a: Effect, b: Effect) => boolean,
): PolicyProof<Difference> {
  const [a, b] = [first as Stages, second as Stages];
  for (const names of sequences({ ...a, ...b })) {
    const model = new Model(a, b);
    const pair: Diagram<readonly [Effect, Effect]> = model.diagrams.combine(
      model.stages(a, names),
      model.stages(b, names),
      (x, y) => model.diagrams.constant([x, y] as const, `pair ${x.strength} ${y.strength}`),
    );
    const found = cheapest(
      pair,
      ([x, y]) => differ(x, y),
      (variable, value) => {
        const chosen = model.valueOf(variable, value);
        return typeof chosen === 'boolean' || isContent(chosen) ? 0 : 1;
      },
    );
    if (found === undefined) continue;
    const [x, y] = model.follow(pair, found);
    return { holds: false, first: actionOf(x), second: actionOf(y), ...model.described(found, () => true) };
  }
  return { holds: true };
}
