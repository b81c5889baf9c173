import type { Verdict } from '../../core/index.ts';
import type { ExplainedStep, Explanation } from './explain.ts';
import type { Change } from './unless.ts';

/**
 * Prints an explanation as plain text, for a log or a postmaster.
 *
 * Control characters in values that a client sent are escaped.
 */
export function printExplanation({ stage, decision, steps, unless, complete }: Explanation): string {
  const by = 'rule' in decision ? ` by ${decision.rule} (${decision.because.result})` : '';
  const score = decision.score === 0 ? '' : `, score ${decision.score}`;
  const width = Math.max(0, ...steps.map(({ rule, place }) => rule.length + indentOf(place).length));
  const refused = decision.action === 'defer' || decision.action === 'reject';
  const lines = [
    `${stage}: ${decision.action}${by}${score}`,
    '',
    ...steps.map((step) => `  ${`${indentOf(step.place)}${step.rule}`.padEnd(width)}  ${described(step)}`),
    '',
    unless.length > 0 ? `It would have been ${refused ? 'accepted' : 'refused'} with any of these:` : undefined,
    unless.length === 0 ? `Nothing else would have ${refused ? 'let it in' : 'refused it'}.` : undefined,
    ...unless.map((change) => `  - ${changeInWords(change)}`),
    complete ? undefined : '  (there are also sets of more than four changes)',
  ];
  return lines.filter((line) => line !== undefined).join('\n');
}

/** Rules inside a score or a condition are indented. */
const indentOf = (place: string): string => '  '.repeat(place.split('.').length - 1);

const skips = {
  'condition-false': 'not evaluated: its condition does not apply',
  'decided-before': 'not evaluated: refused before',
  'permitted-before': 'not evaluated: permitted before',
  'score-decided': 'abandoned: the score was certain without it',
} as const;

function described({
  skipped,
  kind,
  holds,
  result,
  verdict,
  decided,
  shadow,
  tookMs,
  questions,
}: ExplainedStep): string {
  if (skipped !== undefined) return skips[skipped];
  if (kind === 'condition' && result === undefined) return holds === true ? 'true' : 'false';
  const parts = [`${result} → ${verdict === undefined ? 'nothing' : inWords(verdict)}`];
  if (decided) parts.push('decided');
  if (shadow) parts.push('in shadow');
  if (tookMs !== undefined && tookMs > 0) parts.push(`${tookMs} ms`);
  if (questions !== undefined && questions.length > 0)
    parts.push(`asked ${questions.map(({ name, type }) => `${printable(name)} ${type}`).join(', ')}`);
  return parts.join('; ');
}

function inWords(verdict: Verdict): string {
  if (verdict.action === 'flag') return `flag(${verdict.weight})`;
  if (verdict.action === 'tag') return `tag(${printable(verdict.header.name)})`;
  return verdict.action;
}

function changeInWords({ findings, conditions, provided }: Change): string {
  const changes = [
    ...Object.entries(findings).map(([rule, words]) => `${rule}: ${words.join(' or ')}`),
    ...Object.entries(conditions).map(([condition, value]) => `${condition}: ${value}`),
  ];
  const also =
    provided.length === 0
      ? ''
      : ` (provided that ${provided.map((name) => (name.includes(': ') ? name : `${name}: content`)).join(', ')})`;
  return `${changes.join(', and ')}${also}`;
}

const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
  text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
