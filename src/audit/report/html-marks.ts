import type { Severity } from '../finding.ts';
import type { AuditState } from '../report.ts';
import { html, type Markup } from './html-markup.ts';

/** How a host or finding is marked. Each has its own sign and word, so that colour is not needed. */
export type Standing = 'fails' | 'weak' | 'unknown' | 'good' | 'remark' | 'plain';

/** The worst first. */
export const standings: readonly Standing[] = ['fails', 'weak', 'unknown', 'good', 'remark', 'plain'];

export const worstStanding = (all: readonly Standing[]): Standing =>
  standings.find((standing) => all.includes(standing)) ?? 'plain';

/** Returns the mark for a finding. */
export const standingOf = (finding: { readonly severity: Severity; readonly kind: string }): Standing => {
  if (finding.severity === 'info') return 'remark';
  if (finding.kind === 'could-not-check') return 'unknown';
  return finding.severity === 'critical' || finding.severity === 'high' ? 'fails' : 'weak';
};

export const standingWord: { readonly [standing in Standing]: string } = {
  fails: 'fails',
  weak: 'needs a fix',
  unknown: 'unknown',
  good: 'OK',
  remark: 'note',
  plain: '',
};

export const stateStanding: { readonly [state in AuditState]: Standing } = {
  problems: 'fails',
  'could-not-check': 'unknown',
  clean: 'good',
};

export const stateWord: { readonly [state in AuditState]: string } = {
  problems: 'Problems found',
  'could-not-check': 'Checks incomplete',
  clean: 'No problems found',
};

/** Returns the table's entry for a word, or `otherwise`: a report from a file may hold unknown words. */
export const entryOf = <T>(table: { readonly [word: string]: T | undefined }, word: string, otherwise: T): T =>
  Object.hasOwn(table, word) ? (table[word] ?? otherwise) : otherwise;

export const severities: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];

/** Counts findings by severity. */
export const countsOf = (findings: readonly { readonly severity: Severity }[]): { [severity in Severity]: number } => {
  const counts = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
  for (const { severity } of findings) counts[severity]++;
  return counts;
};

export const plural = (count: number, one: string, more: string = `${one}s`): string =>
  `${count} ${count === 1 ? one : more}`;

/** The sign drawings. They appear once in a page, and {@link sign} refers to them. */
export const signs: Markup = html`<svg class="signs" aria-hidden="true" focusable="false"><defs>
<symbol id="sign-fails" viewBox="0 0 16 16"><path class="shape" d="M5 .6h6L15.4 5v6L11 15.4H5L.6 11V5z"/><path class="stroke" d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"/></symbol>
<symbol id="sign-weak" viewBox="0 0 16 16"><path class="shape" d="M8 1c.5 0 .9.2 1.1.6l6.3 11.3c.5.9-.1 2-1.1 2H1.7c-1 0-1.6-1.1-1.1-2L6.9 1.6C7.1 1.2 7.5 1 8 1z"/><path class="stroke" d="M8 5.4v4.2M8 12.2v.1"/></symbol>
<symbol id="sign-unknown" viewBox="0 0 16 16"><circle class="shape" cx="8" cy="8" r="7.4"/><path class="stroke" d="M5.8 6.2a2.2 2.2 0 1 1 3.3 1.9c-.8.5-1.1.9-1.1 1.7M8 12.1v.1"/></symbol>
<symbol id="sign-good" viewBox="0 0 16 16"><circle class="shape" cx="8" cy="8" r="7.4"/><path class="stroke" d="M4.8 8.3l2.3 2.3 4.2-4.8"/></symbol>
<symbol id="sign-remark" viewBox="0 0 16 16"><rect class="shape" x=".8" y=".8" width="14.4" height="14.4" rx="3"/><path class="stroke" d="M8 7.4v4.4M8 4.4v.1"/></symbol>
<symbol id="sign-plain" viewBox="0 0 16 16"><circle class="stroke" cx="8" cy="8" r="5"/></symbol>
</defs></svg>`;

/** Draws the sign of a standing. A word must accompany it. */
export const sign = (standing: Standing): Markup =>
  html`<svg class="sign ${standing}" aria-hidden="true" focusable="false" viewBox="0 0 16 16"><use href="#sign-${standing}"/></svg>`;

/** A sign and a word on a background of their colour. */
export const badge = (standing: Standing, word: string, tone: string = standing): Markup =>
  html`<span class="badge tone-${tone}">${sign(standing)}${word}</span>`;

/** A badge for a severity. */
export const severityBadge = (severity: Severity, kind: string = 'problem'): Markup =>
  badge(
    standingOf({ severity, kind }),
    kind === 'could-not-check' && severity !== 'info' ? `${severity}, unknown` : severity,
    severity,
  );
