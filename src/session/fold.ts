import type { Decision, HeaderField } from '../core/index.ts';
import { addWeights } from '../core/index.ts';

const strength = { accept: 0, quarantine: 1, discard: 2, defer: 3, reject: 4 } as const;

/**
 * The decision about a message for one recipient: the strongest of the decisions of all stages, and of equals the earliest;
 * with the tags, the outcomes and the scores of all of them.
 */
export function foldStages(stages: readonly Decision[]): Decision {
  const [first, ...others] = stages as [Decision, ...Decision[]];
  return others.reduce((folded, next) => {
    const winner = strength[next.action] > strength[folded.action] ? next : folded;
    return {
      ...winner,
      score: addWeights(folded.score, next.score),
      tags: [...folded.tags, ...next.tags],
      delayMs: Math.max(folded.delayMs, next.delayMs),
      outcomes: [...folded.outcomes, ...next.outcomes],
    };
  }, first);
}

/**
 * The one action for a message with several recipients: what is kept for anybody is kept, and set apart if one of those
 * who get it asked for that. Only a message that is discarded for every recipient is discarded.
 */
export function foldRecipients(actions: readonly Decision['action'][]): Decision['action'] {
  const taken = actions.filter((action) => action !== 'defer' && action !== 'reject');
  if (taken.length === 0) return actions[actions.length - 1] ?? 'accept';
  const kept = taken.filter((action) => action !== 'discard');
  if (kept.length === 0) return 'discard';
  return kept.includes('quarantine') ? 'quarantine' : 'accept';
}

/** The fields of all lists; a field that several recipients' rules ask for stands once. */
export function unitedTags(lists: readonly (readonly HeaderField[])[]): readonly HeaderField[] {
  const [first = [], ...others] = lists;
  const united = [...first];
  for (const field of others.flat())
    if (!united.some(({ name, value }) => name === field.name && value === field.value)) united.push(field);
  return united;
}
