import type { Finding, StatusDetail } from './finding.ts';
import type { HeaderField, Verdict } from './verdict.ts';
import { addWeights } from './weight.ts';

/** A finding, and what its rule asked for because of it. */
export interface Outcome {
  /** The rule's id, unique in its policy. */
  readonly rule: string;
  readonly finding: Finding;
  readonly verdict: Verdict;
  /** Recorded, not enforced: the rule stands in `shadow()`. */
  readonly shadow?: true;
}

interface Judged {
  /** The exact sum of the weights of all flags. Rules that a score stopped early have added nothing. */
  readonly score: number;
  /** Header fields that rules ask for. */
  readonly tags: readonly HeaderField[];
  /** How long to hold the reply back, in milliseconds: the longest delay that a rule asks for. */
  readonly delayMs: number;
  /** Everything that led here, in written order. */
  readonly outcomes: readonly Outcome[];
}

export interface Accepted extends Judged {
  readonly action: 'accept';
}
export interface Quarantined extends Judged {
  readonly action: 'quarantine' | 'discard';
  readonly rule: string;
  readonly because: Finding;
}
export interface Refused extends Judged {
  readonly action: 'defer' | 'reject';
  /** The rule that decided. */
  readonly rule: string;
  readonly because: Finding;
  readonly status?: StatusDetail;
  readonly text?: string;
  readonly close: boolean;
}

/** What was decided, and why. Plain JSON. */
export type Decision = Accepted | Quarantined | Refused;

const strength = { quarantine: 1, discard: 2, defer: 3, reject: 4 } as const;

/**
 * Which of many verdicts wins: the strongest, and of equals the first written. Outcomes behind a `permit` do not count;
 * neither do those in shadow. Pure and synchronous.
 */
export function judge(outcomes: readonly Outcome[]): Decision {
  let score = 0;
  let delayMs = 0;
  const tags: HeaderField[] = [];
  let winner: Outcome | undefined;
  for (const outcome of outcomes) {
    if (outcome.shadow) continue;
    const { verdict } = outcome;
    if (verdict.action === 'permit') break;
    if (verdict.delayMs !== undefined && verdict.delayMs > delayMs) delayMs = verdict.delayMs;
    if (verdict.action === 'flag') score = addWeights(score, verdict.weight);
    else if (verdict.action === 'tag') tags.push(verdict.header);
    else if (strengthOf(verdict) > (winner === undefined ? 0 : strengthOf(winner.verdict))) winner = outcome;
  }
  const judged = { score, tags, delayMs, outcomes };
  if (winner === undefined) return { action: 'accept', ...judged };
  const { rule, finding, verdict } = winner;
  if (verdict.action === 'quarantine' || verdict.action === 'discard')
    return { action: verdict.action, rule, because: finding, ...judged };
  const {
    action,
    status = finding.status,
    text = finding.explanation,
    close = false,
  } = verdict as Verdict & {
    action: 'defer' | 'reject';
  };
  return {
    action,
    rule,
    because: finding,
    status,
    text,
    close,
    ...judged,
  };
}

/** How strong an action is; 0 for what neither refuses a message nor takes it out of the way. */
export const strengthOf = ({ action }: Verdict): number => strength[action as 'defer'] ?? 0;

/** Whether nothing that stands behind this outcome in a list can matter any more. */
export const ends = ({ shadow, verdict: { action } }: Outcome): boolean =>
  !shadow && (action === 'permit' || action === 'defer' || action === 'reject');
