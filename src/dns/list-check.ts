/**
 * What the checks of DNS lists have in common: options, weights, and the result of several answers.
 *
 * **Answers**: what follows from these answers of one list?
 * **Knows**: the list, its weight and its answers. **Asks**: nothing.
 *
 * @module
 */
import type { Verdict } from '../core/index.ts';
import {
  addWeights,
  assertKnownOptions,
  flag,
  isWeight,
  reject,
  weigh,
  weightForm,
  wrongOption,
} from '../core/index.ts';
import type { ListZone, ListZoneOptions } from './dns-list.ts';
import { listZoneOptionNames, readListZone } from './dns-list.ts';
import type { ListWatch } from './list-health.ts';
import { listWatch } from './list-health.ts';
import type { ListAnswer } from './list-query.ts';

/** Options of every check that queries a DNS list. */
export interface ListCheckOptions extends Omit<ListZoneOptions, 'holds'> {
  /**
   * Weight of a listing in a `score`: positive for a block list, negative for an allow list. Codes may have weights of their
   * own. Default: a block list without any weight refuses, and an allow list without any weight adds -1.
   */
  readonly weight?: number;
  /** Web page about a listing, quoted in the reply: `https://lookup.example/?q={subject}`. Default: none. */
  readonly url?: string;
  /** Health of the list. Share one watch between checks to receive its events. Default: a watch of its own. */
  readonly watch?: ListWatch;
}

/** Whether a listing counts against the client (`block`) or in its favour (`allow`). */
export type ListKind = 'block' | 'allow';

/** Throws if a weight has the wrong sign, or if only some codes have one. */
function assertListWeights(owner: string, kind: ListKind, weight: number | undefined, list: ListZone): void {
  const form = kind === 'block' ? 'more than 0 in a block list' : 'less than 0 in an allow list';
  if (weight !== undefined && !isWeight(weight)) throw wrongOption(owner, 'weight', weightForm, weight);
  if (weight !== undefined && !(kind === 'block' ? weight > 0 : weight < 0))
    throw wrongOption(owner, 'weight', form, weight);
  const odd = list.codes?.find(({ weight: own }) => own !== undefined && (kind === 'block' ? own < 0 : own > 0));
  if (odd !== undefined)
    throw wrongOption(owner, `codes[${JSON.stringify(odd.pattern)}].weight`, `${form}, or 0`, odd.weight);
  const unweighed = list.codes?.find(({ weight: own }) => own === undefined);
  if (unweighed !== undefined && weight === undefined && list.heaviest !== undefined)
    throw new TypeError(
      `${owner}: codes[${JSON.stringify(unweighed.pattern)}] has no weight, but other codes have; set its weight, or the weight of the list`,
    );
}

/**
 * Returns the verdict for a listing: the weight of the list or of its codes. A block list without any weight refuses.
 */
function listingVerdict(kind: ListKind, weight: number | undefined, list: ListZone): Verdict {
  if (list.heaviest === undefined || list.lightest === undefined)
    return weight !== undefined ? flag(weight) : kind === 'block' ? reject() : flag(-1);
  const own = weight ?? 0;
  const bounds = {
    least: addWeights(list.lightest, Math.min(0, own)),
    most: addWeights(list.heaviest, Math.max(0, own)),
  };
  return weigh(weight ?? (kind === 'block' ? bounds.most : bounds.least), bounds);
}

/** Returns the weight of one listing, or `undefined` if the codes of the list have no weights. @internal */
export const listingWeight = (
  list: ListZone,
  weight: number | undefined,
  answer: { readonly weight: number | undefined; readonly plain: boolean },
): number | undefined =>
  list.heaviest === undefined ? undefined : addWeights(answer.weight ?? 0, answer.plain ? (weight ?? 0) : 0);

/** A DNS list with everything that a check needs to query it. @internal */
export interface CheckedList {
  readonly list: ListZone;
  readonly weight: number | undefined;
  readonly watch: ListWatch;
  /** The name of the list for findings. */
  readonly name: string;
  /** Returns "; see <url>" for a reply, or an empty string. */
  readonly see: (subject: string) => string;
  /** The recommended verdict for a listing. */
  readonly verdict: Verdict;
  /** Whether the list or one of its codes has a weight. */
  readonly weightChosen: boolean;
}

/**
 * Validates the options of a check.
 *
 * @internal
 * @param more names of the options that only this check has
 * @throws {TypeError} if an option is wrong
 */
export function readListCheck(
  owner: string,
  kind: ListKind,
  holds: NonNullable<ListZoneOptions['holds']>,
  options: ListCheckOptions,
  more: readonly string[],
): CheckedList {
  const { weight, url, watch = listWatch() } = options;
  const known = [...listZoneOptionNames.filter((name) => name !== 'holds'), 'weight', 'url', 'watch', ...more];
  assertKnownOptions(owner, options, known);
  if (url !== undefined && (typeof url !== 'string' || !/^https?:\/\/[\x21-\x7e]+$/.test(url)))
    throw wrongOption(owner, 'url', 'printable and begin with http:// or https://', url);
  const list = readListZone(owner, { ...options, holds });
  assertListWeights(owner, kind, weight, list);
  return {
    list,
    weight,
    watch,
    name: list.label ?? 'a DNS list',
    see: (subject) => (url === undefined ? '' : `; see ${url.replaceAll('{subject}', encodeURIComponent(subject))}`),
    verdict: listingVerdict(kind, weight, list),
    weightChosen: weight !== undefined || list.heaviest !== undefined,
  };
}

/** Why a list gave no usable answer. */
export interface ListTrouble {
  readonly trouble?: Exclude<ListAnswer['status'], 'listed' | 'notListed'>;
  readonly reason?: string;
  /** When the suspension of the list ends, in milliseconds since the epoch. */
  readonly until?: number;
}

/** The result of several answers of one list. @internal */
export interface ListConclusion<Subject> {
  readonly listed: readonly {
    readonly subject: Subject;
    readonly answer: Extract<ListAnswer, { status: 'listed' }>;
  }[];
  /** The largest weight of a listing: of several listings, one counts. */
  readonly weight: number | undefined;
  /** Answers that match no code of the list. */
  readonly unknown: readonly string[];
  /** The first failure. */
  readonly trouble: ListTrouble | undefined;
  /** Whether a later query may succeed. */
  readonly temporary: boolean;
}

/** Combines the answers for several subjects. An answer is `undefined` if its query was aborted. @internal */
export function concludeAnswers<Subject>(
  { list, weight }: CheckedList,
  subjects: readonly Subject[],
  answers: readonly (ListAnswer | undefined)[],
): ListConclusion<Subject> {
  const listed = answers.flatMap((answer, i) =>
    answer?.status === 'listed' ? [{ subject: subjects[i] as Subject, answer }] : [],
  );
  const weights = listed.flatMap(({ answer }) => listingWeight(list, weight, answer) ?? []);
  const failed = answers.find((answer) => answer !== undefined && 'reason' in answer);
  return {
    listed,
    weight: weights.sort((a, b) => Math.abs(b) - Math.abs(a))[0],
    unknown: answers.flatMap((answer) => (answer?.status === 'notListed' ? answer.unknown : [])),
    trouble:
      failed === undefined || !('reason' in failed)
        ? undefined
        : {
            trouble: failed.status,
            reason: failed.reason,
            ...(failed.status === 'suspended' ? { until: failed.until } : {}),
          },
    temporary: failed?.status === 'timeout' || failed?.status === 'error',
  };
}
