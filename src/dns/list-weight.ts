/**
 * What a listing adds to a score, for every check that asks DNS lists.
 *
 * **Answers**: what follows from a listing, where the list or its codes have weights?
 * **Knows**: the list and its weight. **Asks**: nothing. **Limits**: the sum is the policy's to judge.
 *
 * @module
 */
import type { Verdict } from '../core/index.ts';
import { addWeights, flag, isWeight, reject, weigh, weightForm } from '../core/index.ts';
import type { ListZone } from './list-zone.ts';

/** Whether to be listed speaks against (`block`) or for (`allow`). */
export type ListKind = 'block' | 'allow';

/** @throws TypeError for a weight of the wrong sign, and for codes of which only some have one */
export function assertListWeights(
  kind: ListKind,
  weight: number | undefined,
  list: ListZone,
  wrong: (what: string) => TypeError,
): void {
  const sign = kind === 'block' ? 'more than 0 in a block list' : 'less than 0 in an allow list';
  if (weight !== undefined && !isWeight(weight)) throw wrong(`weight must be ${weightForm}, got ${String(weight)}`);
  if (weight !== undefined && !(kind === 'block' ? weight > 0 : weight < 0))
    throw wrong(`weight must be ${sign}, got ${weight}`);
  const odd = list.codes?.find(({ weight: own }) => own !== undefined && (kind === 'block' ? own < 0 : own > 0));
  if (odd !== undefined)
    throw wrong(`codes ${JSON.stringify(odd.pattern)} weight must be ${sign}, or 0, got ${odd.weight}`);
  const unweighed = list.codes?.find(({ weight: own }) => own === undefined);
  if (unweighed !== undefined && weight === undefined && list.heaviest !== undefined)
    throw wrong(
      `codes ${JSON.stringify(unweighed.pattern)} has no weight, though others have; give it one, or the list a weight for all the rest`,
    );
}

/** Whether the list or its codes were given weights. */
export const isWeighed = (weight: number | undefined, list: ListZone): boolean =>
  weight !== undefined || list.heaviest !== undefined;

/** What a listing adds: the list's weight, or what its codes come to; a block list without any weight refuses. */
export function listingVerdict(kind: ListKind, weight: number | undefined, list: ListZone): Verdict {
  if (list.heaviest === undefined || list.lightest === undefined)
    return weight !== undefined ? flag(weight) : kind === 'block' ? reject() : flag(-1);
  const own = weight ?? 0;
  const bounds = {
    least: addWeights(list.lightest, Math.min(0, own)),
    most: addWeights(list.heaviest, Math.max(0, own)),
  };
  return weigh(weight ?? (kind === 'block' ? bounds.most : bounds.least), bounds);
}

/** What one listing weighs, where codes have weights of their own; undefined where they have none. */
export const listingWeight = (
  list: ListZone,
  weight: number | undefined,
  answer: { readonly weight: number | undefined; readonly plain: boolean },
): number | undefined =>
  list.heaviest === undefined ? undefined : addWeights(answer.weight ?? 0, answer.plain ? (weight ?? 0) : 0);
