import type { Entry } from '../../core/index.ts';
import { canLeadTo } from '../../core/index.ts';

/** Reports whether any rule of the policy can quarantine a message. */
export const mayQuarantine = (policy: object): boolean =>
  Object.entries(policy as Record<string, readonly Entry<never, never>[] | undefined>).some(
    ([stage, entries]) => stage !== 'warnings' && canLeadTo('quarantine', entries ?? []),
  );
