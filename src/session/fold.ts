import type { Decision, HeaderField } from '../core/index.ts';
import { addWeights } from '../core/index.ts';

const strength = { accept: 0, quarantine: 1, discard: 2, defer: 3, reject: 4 } as const;

/** The decision of a stage without rules. */
export const noDecision: Decision = { action: 'accept', score: 0, tags: [], delayMs: 0, outcomes: [] };

/**
 * Folds the decisions of all stages into the decision about a message for one recipient: the strongest, and of equals the
 * earliest; with the tags, the outcomes and the scores of all of them.
 */
export function foldStages(stages: readonly Decision[]): Decision {
  return stages.reduce((folded, next) => {
    if (next === noDecision) return folded;
    if (folded === noDecision) return next;
    const winner = strength[next.action] > strength[folded.action] ? next : folded;
    return {
      ...winner,
      score: addWeights(folded.score, next.score),
      tags: [...folded.tags, ...next.tags],
      delayMs: Math.max(folded.delayMs, next.delayMs),
      outcomes: [...folded.outcomes, ...next.outcomes],
    };
  }, noDecision);
}

/**
 * The one action for a message with several recipients. A message that is accepted for any recipient is kept, and quarantined
 * if the decision for one of those recipients is to quarantine. It is discarded only if it is discarded for all of them.
 */
export function foldRecipients(actions: readonly Decision['action'][]): Decision['action'] {
  const taken = actions.filter((action) => action !== 'defer' && action !== 'reject');
  if (taken.length === 0) return actions[actions.length - 1] ?? 'accept';
  const kept = taken.filter((action) => action !== 'discard');
  if (kept.length === 0) return 'discard';
  return kept.includes('quarantine') ? 'quarantine' : 'accept';
}

/** The fields of all lists, each once. */
export function unitedTags(lists: readonly (readonly HeaderField[])[]): readonly HeaderField[] {
  const [first = [], ...others] = lists;
  const united = [...first];
  for (const field of others.flat())
    if (!united.some(({ name, value }) => name === field.name && value === field.value)) united.push(field);
  return united;
}
