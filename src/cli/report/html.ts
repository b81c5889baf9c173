/**
 * A report as one page, to be shown, sent and printed.
 *
 * **Answers**: a whole HTML document that needs nothing else: no script, no font, no picture, no network. Its style sheet is
 * allowed by its hash; everything else is forbidden by the page itself.
 * **Knows**: the report alone; the same report is the same page, octet by octet.
 *
 * **Limits**: the map draws 10 MX hosts and addresses at most; its table has them all.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { AuditReport, AuditState, DomainAudit } from '../../audit/index.ts';
import type { CheckedSubject, CheckReport } from '../check/report.ts';
import { domainParts } from './html-audit.ts';
import { checkParts } from './html-check.ts';
import type { PlacedFinding, ShownFinding } from './html-findings.ts';
import { findingList, titleOf } from './html-findings.ts';
import {
  badge,
  countsOf,
  entryOf,
  plural,
  severities,
  severityBadge,
  signs,
  standingOf,
  stateStanding,
  stateWord,
} from './html-marks.ts';
import { anchor, html, Markup, nothing } from './html-markup.ts';
import { style } from './html-style.ts';
import { written } from './shown.ts';

/** One domain, address, sender or message of a report. */
interface Section {
  readonly subject: string;
  /** What stands above it where it is the only one, so that its name need not be said twice. */
  readonly alone: string;
  readonly place: string;
  readonly state: AuditState;
  readonly durationMs: number;
  readonly findings: readonly PlacedFinding[];
  readonly before: Markup;
  readonly after: Markup;
}

/** A page of an audit's or a check's report. */
export function htmlReport(report: AuditReport | CheckReport): string {
  const sections =
    report.schema === 'postern-audit-report'
      ? report.domains.map((audit, index) => auditSection(audit, index, report.finished))
      : report.subjects.map(checkSection);
  const asked = report.schema === 'postern-audit-report' ? report.probes.join(', ') : '';
  const kind =
    report.schema === 'postern-audit-report' ? 'Mail audit' : `Check of ${entryOf(kinds, report.kind, report.kind)}`;
  const all = sections.flatMap(({ findings }) => findings);
  const only = sections.length === 1 ? sections[0] : undefined;
  const name = only === undefined ? plural(sections.length, 'domain') : written(only.subject);
  const hash = createHash('sha256').update(style).digest('base64');
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${new Markup(hash)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="generator" content="postern ${report.postern}">
<title>${kind}: ${name}</title>
<style>${new Markup(style)}</style>
</head>
<body>
${signs}
<a class="skip" href="#content">To the content</a>
<header class="top"><div class="wrap">
<p class="brand">${gate}${kind}</p>
<h1>${name}</h1>
<div class="verdict">${stateBadge(
    report.state,
    all.map(({ finding }) => finding),
  )}${all.length === 0 && html`<span>Nothing was found.</span>`}</div>
${counts(all.map(({ finding }) => finding))}
<p class="facts"><span>Finished <time datetime="${report.finished}">${moment(report.finished)}</time></span><span>Took ${seconds(report.started, report.finished)}</span><span>postern ${report.postern}</span></p>
${report.notes.map((note) => html`<p class="note" role="note">${note}</p>`)}
</div></header>
<main id="content"><div class="wrap">
${urgent(all, sections.length > 1)}
${sections.length > 1 ? overview(sections) : nothing}
${sections.map((section, index) => sectionPanel(section, asked, sections.length > 1, index))}
</div></main>
<footer class="foot"><div class="wrap">
${legend}
<p>Made by postern ${report.postern} out of its report (${report.schema}, version ${report.version}).</p>
</div></footer>
</body>
</html>
`;
  return page.text;
}

/** The state, in the tone of the worst that was found. */
function stateBadge(state: AuditState, findings: readonly ShownFinding[]): Markup {
  const worst =
    state === 'problems' ? severities.find((each) => findings.some(({ severity }) => severity === each)) : undefined;
  const standing =
    worst === undefined ? entryOf(stateStanding, state, 'unknown') : standingOf({ severity: worst, kind: 'problem' });
  return badge(standing, entryOf(stateWord, state, state), worst ?? standing);
}

const kinds: { readonly [kind in CheckReport['kind']]: string } = {
  ip: 'an address',
  sender: 'a sender',
  message: 'a message',
};

function auditSection(audit: DomainAudit, index: number, finished: string): Section {
  const { map, rest } = domainParts(audit, finished);
  const { domain: subject, state, durationMs, findings } = audit;
  const place = anchor(subject, index + 1);
  return {
    subject,
    alone: 'The way of the mail',
    place,
    state,
    durationMs,
    findings: placed(findings, place),
    before: map,
    after: rest,
  };
}

function checkSection(checked: CheckedSubject, index: number): Section {
  const { subject, state, durationMs, findings } = checked;
  const place = anchor(subject, index + 1);
  return {
    subject,
    alone: 'What the checks say',
    place,
    state,
    durationMs,
    findings: placed(findings, place),
    before: nothing,
    after: checkParts(checked),
  };
}

/** Gives each finding a place of its own: the subject's, its kind, and its number among those of the kind. */
function placed(findings: readonly ShownFinding[], place: string): readonly PlacedFinding[] {
  const seen = new Map<string, number>();
  return findings.map((finding) => {
    const number = (seen.get(finding.id) ?? 0) + 1;
    seen.set(finding.id, number);
    return { finding, place: anchor(place, finding.id, number) };
  });
}

const gate: Markup = html`<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="M2.5 21.5h19M5 21.5v-10a7 7 0 0 1 14 0v10M8.8 21.5v-9.3a3.2 3.2 0 0 1 6.4 0v9.3M5 13.5h3.8M15.2 13.5H19M7 7.5l2.6 2.3M17 7.5l-2.6 2.3"/></svg>`;

function counts(findings: readonly ShownFinding[]): Markup {
  const of = countsOf(findings);
  const total = findings.length;
  let x = 0;
  const bars = severities.map((severity) => {
    const width = total === 0 ? 0 : Math.round((of[severity] / total) * 10_000) / 100;
    const bar =
      width === 0 ? nothing : html`<rect class="tone-${severity}" x="${x}" y="0" width="${width}" height="4"/>`;
    x = Math.round((x + width) * 100) / 100;
    return bar;
  });
  return html`<ul class="counts" aria-label="Findings by severity">${severities.map(
    (severity) =>
      html`<li class="tone-${severity}${of[severity] === 0 ? ' zero' : ''}"><strong>${of[severity]}</strong><span>${severity}</span></li>`,
  )}</ul>
${total === 0 ? nothing : html`<svg class="bar" aria-hidden="true" focusable="false" viewBox="0 0 100 4" preserveAspectRatio="none">${bars}</svg>`}`;
}

const MOST_URGENT = 5;

/** What to begin with: the worst of all, where there are many. */
function urgent(all: readonly PlacedFinding[], several: boolean): Markup {
  const bad = severities
    .slice(0, 2)
    .flatMap((severity) => all.filter(({ finding }) => finding.severity === severity && finding.kind === 'problem'));
  if (bad.length === 0 || all.length < 4) return nothing;
  return html`<section class="panel" aria-labelledby="urgent"><h2 id="urgent">Begin with these</h2>
<ol class="urgent">${bad
    .slice(0, MOST_URGENT)
    .map(
      ({ finding, place }) =>
        html`<li>${severityBadge(finding.severity)}<span><a href="#${place}">${titleOf(finding)}</a>${titleOf(finding).includes(finding.subject) ? nothing : html` <span class="muted name">${finding.subject}</span>`}</span></li>`,
    )}</ol>
${bad.length > MOST_URGENT ? html`<p class="muted">${plural(bad.length - MOST_URGENT, 'more finding')} of these severities ${several ? 'below, domain by domain' : 'below'}.</p>` : nothing}
</section>`;
}

function overview(sections: readonly Section[]): Markup {
  return html`<nav class="panel overview" id="overview" aria-labelledby="overview-title"><h2 id="overview-title">Overview</h2>
<table role="table" aria-labelledby="overview-title">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Domain</th><th role="columnheader" scope="col">State</th>${severities.map((severity) => html`<th role="columnheader" scope="col" class="number">${severity}</th>`)}</tr></thead>
<tbody role="rowgroup">${sections.map(({ subject, place, state, findings }) => {
    const of = countsOf(findings.map(({ finding }) => finding));
    return html`<tr role="row"><th role="rowheader" scope="row"><a href="#${place}" class="name">${written(subject)}</a></th><td role="cell" data-label="State"><div class="cell">${stateBadge(
      state,
      findings.map(({ finding }) => finding),
    )}</div></td>${severities.map((severity) => html`<td role="cell" class="number${of[severity] === 0 ? ' zero' : ''}" data-label="${severity}"><div class="cell" data-severity="${severity}">${of[severity]}</div></td>`)}</tr>
`;
  })}</tbody>
</table></nav>`;
}

function sectionPanel(section: Section, asked: string, several: boolean, index: number): Markup {
  const { subject, alone, place, state, durationMs, findings, before, after } = section;
  const shown = findings.map(({ finding }) => finding);
  return html`<section class="panel${index > 1 ? ' far' : ''}" id="${place}" aria-labelledby="${place}.title">
<div class="title"><h2 id="${place}.title">${several ? written(subject) : alone}</h2>${several && stateBadge(state, shown)}</div>
${several ? html`<p class="muted">Took ${duration(durationMs)}.</p>` : nothing}
${before}
<h3>Findings</h3>
${findingList(findings, asked)}
${after}
${several ? html`<p class="back"><a href="#overview" aria-label="From ${subject} back to the overview">Back to the overview</a></p>` : nothing}
</section>
`;
}

const legend: Markup = html`<section aria-labelledby="legend"><h2 id="legend">How to read this</h2>
<dl class="legend"><dt>${severityBadge('critical')}</dt><dd>Mail is lost, or strangers can use or read what they must not. Now.</dd>
<dt>${severityBadge('high')}</dt><dd>Mail is refused or can be overheard, or soon will be. This week.</dd>
<dt>${severityBadge('medium')}</dt><dd>Protection or reserve is missing. Plan it.</dd>
<dt>${severityBadge('low')}</dt><dd>Better otherwise.</dd>
<dt>${severityBadge('info')}</dt><dd>A remark; nothing is wrong.</dd>
<dt>${badge('unknown', 'not known')}</dt><dd>Something did not answer, so nothing can be said.</dd></dl></section>`;

/** `2026-03-01T08:30:00.000Z` as it is read: 2026-03-01 08:30 UTC. */
const moment = (iso: string): string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso) ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : iso;

function seconds(started: string, finished: string): string {
  const ms = Date.parse(finished) - Date.parse(started);
  return Number.isFinite(ms) ? duration(ms) : 'an unknown time';
}

const duration = (ms: number): string =>
  ms < 1_000 ? `${Math.max(0, Math.round(ms))} ms` : `${(ms / 1_000).toFixed(1)} s`;
