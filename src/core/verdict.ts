import type { Finding, Result, StatusDetail } from './finding.ts';
import { results } from './finding.ts';
import { assertWeight, rounded } from './weight.ts';

/** A header field that a decision adds to the message. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

interface Slow {
  /** Hold the reply back this long, in milliseconds (tarpit). */
  readonly delayMs?: number;
}

/** How a refusal is said, where the rule wants to say more than the finding does. */
export interface Refusal extends Slow {
  readonly status?: StatusDetail;
  /** The sentence for the client; no CR or LF. */
  readonly text?: string;
  /** Close the connection after the reply. */
  readonly close?: boolean;
}

/**
 * What a rule asks for because of a finding.
 *
 * - `proceed`: indifferent; never changes a decision
 * - `permit`: ends this list of rules; it grants no relaying
 * - `flag`: adds `weight` to the score (negative: speaks for the client)
 * - `tag`: adds a header field
 * - `quarantine`: the message is taken and set apart
 * - `discard`: the message is taken and thrown away; an author's explicit choice, never the consequence of an error
 * - `defer`: refused for now (4xx)
 * - `reject`: refused (5xx)
 */
export type Verdict =
  | ({ readonly action: 'proceed' } & Slow)
  | { readonly action: 'permit' }
  | ({
      readonly action: 'flag';
      readonly weight: number;
      /** The finding's own weight counts instead, within these bounds. In tables only; an outcome's flag has none. */
      readonly within?: { readonly least: number; readonly most: number };
    } & Slow)
  | ({ readonly action: 'tag'; readonly header: HeaderField } & Slow)
  | ({ readonly action: 'quarantine' } & Slow)
  | ({ readonly action: 'discard' } & Slow)
  | ({ readonly action: 'defer' | 'reject' } & Refusal);

export type Action = Verdict['action'];

/** The keys of a table: the results, and `permerror:sender` for a `permerror` that the sender caused. */
export type ConsequenceKey = Result | BySender<Result>;
type BySender<R extends Result> = `${Extract<R, 'permerror'>}:sender`;

/** Every key that a table can have. */
export const consequenceKeys: readonly ConsequenceKey[] = [...results, 'permerror:sender'];

/** What follows from each result. */
export type Consequences = { readonly [K in ConsequenceKey]?: Verdict | undefined };

/** The verdict that a table names for a finding. A `permerror` that the sender caused falls back to `permerror`. */
export const consequenceOf = (
  table: Consequences,
  { result, fault }: Pick<Finding, 'result' | 'fault'>,
): Verdict | undefined =>
  (result === 'permerror' && fault === 'sender' ? table['permerror:sender'] : undefined) ?? table[result];

type Adverse = 'softfail' | 'fail' | 'temperror' | 'permerror';
/** Throwing mail away because a check is broken does not compile. */
type AfterError = Exclude<Verdict, { action: 'discard' }>;

/** A table that must say what follows from every adverse result the check can give; the others may stay silent. */
export type RequiredConsequences<R extends Result> = {
  readonly [K in Extract<R, 'softfail' | 'fail'>]: Verdict;
} & { readonly [K in Extract<R, 'temperror' | 'permerror'>]: AfterError } & {
  readonly [K in BySender<R>]?: AfterError | undefined;
} & { readonly [K in Exclude<R, Adverse>]?: Verdict | undefined };

/** Changes to a table: only results that the check can give may be named. */
export type ChangedConsequences<R extends Result> = {
  readonly [K in Exclude<R, 'temperror' | 'permerror'>]?: Verdict | undefined;
} & { readonly [K in Extract<R, 'temperror' | 'permerror'> | BySender<R>]?: AfterError | undefined };

/** Indifferent: never changes a decision. */
export const proceed: Verdict & { readonly action: 'proceed' } = { action: 'proceed' };
/** Ends this list of rules; it grants no relaying. */
export const permit: Verdict & { readonly action: 'permit' } = { action: 'permit' };
/** The message is taken and set apart. */
export const quarantine: Verdict & { readonly action: 'quarantine' } = { action: 'quarantine' };
/** The message is taken and thrown away; never the consequence of an error. */
export const discard: Verdict & { readonly action: 'discard' } = { action: 'discard' };

/**
 * Adds `weight` to the score. Default: 1.
 *
 * @throws {TypeError} if `weight` is not a finite number, or has more than three decimals
 */
export function flag(weight = 1): Verdict & { readonly action: 'flag' } {
  assertWeight('flag: weight', weight);
  return { action: 'flag', weight: rounded(weight) };
}

/**
 * Adds the weight that the finding carries, rounded to three decimals and kept between `least` and `most`; `weight` if it
 * carries none.
 *
 * @throws {TypeError} if a number is not finite or has more than three decimals, or `least` is more than `most`
 */
export function weigh(
  weight: number,
  { least, most }: { readonly least: number; readonly most: number },
): Verdict & { readonly action: 'flag' } {
  assertWeight('weigh: least', least);
  assertWeight('weigh: most', most);
  if (least > most) throw new TypeError(`weigh: least must not be above most (${most}), got ${least}`);
  return { ...flag(weight), within: { least, most } };
}

/** What a table's verdict comes to for a finding: its own weight, where the table asks for that. */
export function weighed(verdict: Verdict, finding: { readonly weight?: number }): Verdict {
  if (verdict.action !== 'flag' || verdict.within === undefined) return verdict;
  const { within, ...flagged } = verdict;
  const { weight } = finding;
  if (weight === undefined || !Number.isFinite(weight)) return flagged;
  return { ...flagged, weight: rounded(Math.min(within.most, Math.max(within.least, weight))) };
}

/** Adds a header field. */
export function tag(name: string, value: string): Verdict & { readonly action: 'tag' } {
  if (!/^[!-9;-~]+$/.test(name)) throw new TypeError(`tag: name ${JSON.stringify(name)} is no header field name`);
  if (/[\r\n\0]/.test(value)) throw new TypeError(`tag: value ${JSON.stringify(value)} must not hold CR, LF or NUL`);
  return { action: 'tag', header: { name, value } };
}

/** Lets the message in so slowly that a flood starves: the reply waits `delayMs` milliseconds. */
export function slow(delayMs: number): Verdict & { readonly action: 'proceed' } {
  if (!(delayMs >= 0) || !Number.isFinite(delayMs)) throw new TypeError(`slow: delayMs ${delayMs} must be 0 or more`);
  return { action: 'proceed', delayMs };
}

/** Refuses for now. */
export const defer = (how: Refusal = {}): Verdict & { readonly action: 'defer' } => ({
  action: 'defer',
  ...checked('defer', how),
});
/** Refuses. */
export const reject = (how: Refusal = {}): Verdict & { readonly action: 'reject' } => ({
  action: 'reject',
  ...checked('reject', how),
});

function checked(verb: string, how: Refusal): Refusal {
  if (how.text !== undefined && /[\r\n\0]/.test(how.text))
    throw new TypeError(`${verb}: text ${JSON.stringify(how.text)} must not hold CR, LF or NUL`);
  if (how.status !== undefined && !/^\d{1,3}\.\d{1,3}$/.test(how.status))
    throw new TypeError(`${verb}: status ${JSON.stringify(how.status)} must be subject and detail, like "7.1"`);
  if (how.delayMs !== undefined && !(how.delayMs >= 0 && Number.isFinite(how.delayMs)))
    throw new TypeError(`${verb}: delayMs ${how.delayMs} must be 0 or more`);
  return how;
}
