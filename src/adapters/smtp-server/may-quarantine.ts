import type { Consequences, Entry } from '../../core/index.ts';

/** Whether any rule of the policy can quarantine a message. What follows from a finding always stands in a table. */
export const mayQuarantine = (policy: object): boolean =>
  Object.entries(policy as Record<string, readonly Entry<never, never>[] | undefined>).some(
    ([stage, entries]) => stage !== 'warnings' && (entries ?? []).some(canDecideIt),
  );

function canDecideIt(entry: Entry<never, never>): boolean {
  if (!('kind' in entry)) return holdsIt(entry.recommended);
  switch (entry.kind) {
    case 'one':
      return holdsIt(entry.consequences);
    case 'together':
      return entry.rules.some(canDecideIt);
    case 'score':
      return entry.steps.some(({ verdict }) => verdict.action === 'quarantine') || entry.rules.some(canDecideIt);
    case 'shadow':
      return false;
    default:
      return canDecideIt(entry.rule);
  }
}

const holdsIt = (table: Consequences): boolean =>
  Object.values(table).some((verdict) => verdict?.action === 'quarantine');
