import type { Finding, Result, StatusDetail } from './finding.ts';
import { results } from './finding.ts';
import { assertKnownOptions, numberFromZero, wrongOption } from './option.ts';
import { assertWeight, rounded } from './weight.ts';

/** A header field that a decision adds to the message. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

interface Slow {
  /** Delays the reply (tarpit), in milliseconds. Default: 0. */
  readonly delayMs?: number;
}

/** The words of a refusal, if they should differ from the finding's. */
export interface Refusal extends Slow {
  /** The enhanced status code without its class: `7.1`. Default: the finding's. */
  readonly status?: StatusDetail;
  /** The sentence for the client, without CR, LF and NUL. Default: the finding's explanation. */
  readonly text?: string;
  /** Closes the connection after the reply. Default: false. */
  readonly close?: boolean;
}

/**
 * The consequence of a finding.
 *
 * - `proceed`: no effect
 * - `permit`: ends this list of rules in favour of the client; does not allow relaying
 * - `flag`: adds `weight` to the score; a negative weight counts in favour of the client
 * - `tag`: adds a header field
 * - `quarantine`: accepts the message and keeps it from the inbox
 * - `discard`: accepts the message and deletes it; cannot follow from an error
 * - `defer`: refuses temporarily (4xx)
 * - `reject`: refuses permanently (5xx)
 */
export type Verdict =
  | ({ readonly action: 'proceed' } & Slow)
  | { readonly action: 'permit' }
  | ({
      readonly action: 'flag';
      readonly weight: number;
      /** The bounds within which the finding's own weight counts instead. Only in tables, never in an outcome. */
      readonly within?: { readonly least: number; readonly most: number };
    } & Slow)
  | ({ readonly action: 'tag'; readonly header: HeaderField } & Slow)
  | ({ readonly action: 'quarantine' } & Slow)
  | ({ readonly action: 'discard' } & Slow)
  | ({ readonly action: 'defer' | 'reject' } & Refusal);

/** The action of a verdict. */
export type Action = Verdict['action'];

/** A key of a table: a result, or `permerror:sender` for a `permerror` that the sender caused. */
export type ConsequenceKey = Result | BySender<Result>;
type BySender<R extends Result> = `${Extract<R, 'permerror'>}:sender`;

/** Every key of a table. */
export const consequenceKeys: readonly ConsequenceKey[] = [...results, 'permerror:sender'];

/** A table of consequences: the verdict for each result. */
export type Consequences = { readonly [K in ConsequenceKey]?: Verdict | undefined };

/** Returns a table's verdict for a finding. A `permerror` that the sender caused falls back to `permerror`. */
export const consequenceOf = (
  table: Consequences,
  { result, fault }: Pick<Finding, 'result' | 'fault'>,
): Verdict | undefined =>
  (result === 'permerror' && fault === 'sender' ? table['permerror:sender'] : undefined) ?? table[result];

type Adverse = 'softfail' | 'fail' | 'temperror' | 'permerror';
/** Discarding mail because of an error does not compile. */
type AfterError = Exclude<Verdict, { action: 'discard' }>;

/** A table that must have a verdict for every adverse result that the check can return; the others are optional. */
export type RequiredConsequences<R extends Result> = {
  readonly [K in Extract<R, 'softfail' | 'fail'>]: Verdict;
} & { readonly [K in Extract<R, 'temperror' | 'permerror'>]: AfterError } & {
  readonly [K in BySender<R>]?: AfterError | undefined;
} & { readonly [K in Exclude<R, Adverse>]?: Verdict | undefined };

/** Changes to a table. Only results that the check can return may be named. */
export type ChangedConsequences<R extends Result> = {
  readonly [K in Exclude<R, 'temperror' | 'permerror'>]?: Verdict | undefined;
} & { readonly [K in Extract<R, 'temperror' | 'permerror'> | BySender<R>]?: AfterError | undefined };

/** Has no effect on the decision. */
export const proceed: Verdict & { readonly action: 'proceed' } = { action: 'proceed' };
/** Ends this list of rules in favour of the client. Does not allow relaying. */
export const permit: Verdict & { readonly action: 'permit' } = { action: 'permit' };
/** Accepts the message and keeps it from the inbox. */
export const quarantine: Verdict & { readonly action: 'quarantine' } = { action: 'quarantine' };
/** Accepts the message and deletes it. Cannot follow from an error. */
export const discard: Verdict & { readonly action: 'discard' } = { action: 'discard' };

/**
 * Adds `weight` to the score around the rule.
 *
 * @param weight Default: 1.
 * @throws {TypeError} if `weight` is not a number with at most three decimals
 */
export function flag(weight = 1): Verdict & { readonly action: 'flag' } {
  assertWeight('flag', 'weight', weight);
  return { action: 'flag', weight: rounded(weight) };
}

/**
 * Adds the finding's own weight to the score around the rule, rounded to three decimals and limited to `least` and `most`.
 *
 * @param weight the weight if the finding has none; not limited by `least` and `most`
 * @throws {TypeError} if a number has more than three decimals, or `least` is greater than `most`
 */
export function weigh(
  weight: number,
  { least, most }: { readonly least: number; readonly most: number },
): Verdict & { readonly action: 'flag' } {
  assertWeight('weigh', 'least', least);
  assertWeight('weigh', 'most', most);
  if (least > most) throw wrongOption('weigh', 'least', `at most ${most} (most)`, least);
  return { ...flag(weight), within: { least, most } };
}

/** Returns the verdict for a finding: `weigh()` takes the finding's weight. */
export function weighed(verdict: Verdict, finding: { readonly weight?: number }): Verdict {
  if (verdict.action !== 'flag' || verdict.within === undefined) return verdict;
  const { within, ...flagged } = verdict;
  const { weight } = finding;
  if (weight === undefined || !Number.isFinite(weight)) return flagged;
  return { ...flagged, weight: rounded(Math.min(within.most, Math.max(within.least, weight))) };
}

/**
 * Adds a header field to the message.
 *
 * @throws {TypeError} if `name` is not a header field name, or `value` contains CR, LF or NUL
 */
export function tag(name: string, value: string): Verdict & { readonly action: 'tag' } {
  if (!/^[!-9;-~]+$/.test(name)) throw wrongOption('tag', 'name', 'a header field name', name);
  if (/[\r\n\0]/.test(value)) throw wrongOption('tag', 'value', 'a text without CR, LF and NUL', value);
  return { action: 'tag', header: { name, value } };
}

/**
 * Delays the reply by `delayMs` milliseconds, to slow down a flood.
 *
 * @throws {TypeError} if `delayMs` is negative or not finite
 */
export function slow(delayMs: number): Verdict & { readonly action: 'proceed' } {
  numberFromZero('slow', 'delayMs', delayMs);
  return { action: 'proceed', delayMs };
}

/** Refuses temporarily (4xx). */
export const defer = (how: Refusal = {}): Verdict & { readonly action: 'defer' } => ({
  action: 'defer',
  ...checked('defer', how),
});
/** Refuses permanently (5xx). */
export const reject = (how: Refusal = {}): Verdict & { readonly action: 'reject' } => ({
  action: 'reject',
  ...checked('reject', how),
});

function checked(verb: string, how: Refusal): Refusal {
  assertKnownOptions(verb, how, ['status', 'text', 'close', 'delayMs']);
  if (how.text !== undefined && /[\r\n\0]/.test(how.text))
    throw wrongOption(verb, 'text', 'a text without CR, LF and NUL', how.text);
  if (how.status !== undefined && !/^\d{1,3}\.\d{1,3}$/.test(how.status))
    throw wrongOption(verb, 'status', 'subject and detail, like "7.1"', how.status);
  if (how.delayMs !== undefined) numberFromZero(verb, 'delayMs', how.delayMs);
  return how;
}
