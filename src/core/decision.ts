import type { Finding, StatusDetail } from './finding.ts';
import type { HeaderField, Verdict } from './verdict.ts';
import { addWeights } from './weight.ts';

/** A finding, and the verdict of its rule. */
export interface Outcome {
  /** The rule's id, unique in its policy. */
  readonly rule: string;
  readonly finding: Finding;
  readonly verdict: Verdict;
  /** Recorded but not enforced: the rule is inside `shadow()`. */
  readonly shadow?: true;
}

interface Judged {
  /** The exact sum of the weights of all flags. Rules that a score stopped early add nothing. */
  readonly score: number;
  /** The header fields to add. */
  readonly tags: readonly HeaderField[];
  /** How long to delay the reply, in milliseconds: the longest delay of all verdicts. */
  readonly delayMs: number;
  /** Every outcome, in the order in which the rules are written. */
  readonly outcomes: readonly Outcome[];
}

/** A decision that accepts: no rule refuses the mail or takes it away. */
export interface Accepted extends Judged {
  readonly action: 'accept';
}
/** A decision that accepts the message and keeps it from the inbox. */
export interface Quarantined extends Judged {
  readonly action: 'quarantine' | 'discard';
  /** The rule that decided. */
  readonly rule: string;
  readonly because: Finding;
}
/** A decision that refuses, temporarily (4xx) or permanently (5xx). */
export interface Refused extends Judged {
  readonly action: 'defer' | 'reject';
  /** The rule that decided. */
  readonly rule: string;
  readonly because: Finding;
  readonly status?: StatusDetail;
  readonly text?: string;
  readonly close: boolean;
}

/** The decision for a stage, and the outcomes that led to it. Plain JSON. */
export type Decision = Accepted | Quarantined | Refused;

const strength = { quarantine: 1, discard: 2, defer: 3, reject: 4 } as const;

/**
 * Folds outcomes into a decision. The strongest verdict wins; of equal ones, the first in written order. Outcomes after a
 * `permit` and outcomes in shadow do not count. Pure and synchronous.
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

/** Returns the strength of an action; 0 if it neither refuses the message nor takes it away. */
export const strengthOf = ({ action }: Verdict): number => strength[action as 'defer'] ?? 0;

/** Whether the outcome ends its list: no later rule can change the decision. */
export const ends = ({ shadow, verdict: { action } }: Outcome): boolean =>
  !shadow && (action === 'permit' || action === 'defer' || action === 'reject');
