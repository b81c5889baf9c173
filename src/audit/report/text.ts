import { assertKnownOptions, wholeNumber } from '../../core/index.ts';
import { probeNames } from '../catalogue.ts';
import type { Severity } from '../finding.ts';
import type { DomainAudit, ServiceAudit } from '../report.ts';
import { escapeUnprintable, truncate, unicodeName, wrapWords } from './characters.ts';
import type { CheckReport } from './check-report.ts';
import type { AuditDiff } from './diff.ts';
import type { AnyReport, Sheet, SheetFinding } from './sheet.ts';
import { sheetOf, titled } from './sheet.ts';

/** Options of {@link textReport} and {@link textDiff}. */
export interface TextOptions {
  /** Colours the text with ANSI escapes. Default: false. */
  readonly colour?: boolean;
  /** Line length in characters. Default: 80. */
  readonly width?: number;
}

function assertOptions(owner: string, options: TextOptions): void {
  assertKnownOptions(owner, options, ['colour', 'width']);
  if (options.width !== undefined) wholeNumber(owner, 'width', options.width);
}

const colours: { readonly [severity in Severity]: string } = {
  critical: '\u001b[1;31m',
  high: '\u001b[31m',
  medium: '\u001b[33m',
  low: '\u001b[36m',
  info: '\u001b[2m',
};
const bold = '\u001b[1m';
const plain = '\u001b[0m';

/** Prints a report for a terminal. @throws {TypeError} if an option is wrong or unknown */
export function textReport(report: AnyReport, options: TextOptions = {}): string {
  assertOptions('textReport', options);
  const { subjects } = sheetOf(report);
  const lines = report.notes.flatMap((note) => wrapped(`Note: ${note}`, 0, options));
  if (lines.length > 0) lines.push('');
  for (const { subject, state, findings } of subjects) {
    lines.push(headline(subject, stateWords(state, findings), options), '');
    if (report.schema === 'postern-audit-report') {
      const audit = report.domains.find(({ domain }) => domain === subject);
      if (audit !== undefined) lines.push(...mxHosts(audit, options), ...services(audit));
    } else {
      lines.push(...answers(report, subject, options));
    }
    for (const finding of findings) lines.push(...findingLines(finding, options), '');
  }
  lines.push(...wrapped(lastLine(report, subjects), 0, options));
  return `${lines.join('\n')}\n`;
}

/** Prints the changes between two audits for a terminal. @throws {TypeError} if an option is wrong or unknown */
export function textDiff(diff: AuditDiff, options: TextOptions = {}): string {
  assertOptions('textDiff', options);
  const lines: string[] = [`Changes from ${escapeUnprintable(diff.from)} to ${escapeUnprintable(diff.to)}`, ''];
  for (const { domain, appeared, gone, changed, unknown, audited } of diff.domains) {
    const counts = [
      ...(appeared.length > 0 ? [`${appeared.length} new`] : []),
      ...(changed.length > 0 ? [`${changed.length} changed`] : []),
      ...(gone.length > 0 ? [`${gone.length} resolved`] : []),
      ...(unknown.length > 0 ? [`${unknown.length} not checked again`] : []),
    ];
    const words =
      audited === 'before'
        ? 'not audited this time'
        : `${counts.length === 0 ? 'no changes' : counts.join(', ')}${audited === 'now' ? ' (first audit)' : ''}`;
    lines.push(headline(domain, words, options), '');
    if (audited === 'before') continue;
    const brief = (word: string, { id, subject, severity }: (typeof gone)[number]): void =>
      void lines.push(`  ${word}: ${severity} ${id} (${escapeUnprintable(subject)})`, '');
    for (const finding of appeared) lines.push(...findingLines(titled(finding), options, 'new: '), '');
    for (const { was, finding } of changed) lines.push(...findingLines(titled(finding), options, `was ${was}: `), '');
    for (const finding of gone) brief('resolved', finding);
    for (const finding of unknown) brief('not checked again', finding);
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function headline(subject: string, words: string, { colour }: TextOptions): string {
  const text = `${escapeUnprintable(unicodeName(subject))}: ${words}`;
  return colour === true ? `${bold}${text}${plain}` : text;
}

function stateWords(state: AnyReport['state'], findings: readonly SheetFinding[]): string {
  const counts = (['critical', 'high', 'medium', 'low', 'info'] as const).flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity && finding.kind === 'problem').length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const open = findings.filter(({ kind }) => kind === 'could-not-check').length;
  if (open > 0) counts.push(`${open} not checked`);
  const word = state === 'could-not-check' ? 'incomplete' : state;
  return counts.length === 0 ? word : `${word} (${counts.join(', ')})`;
}

/** A line for each address of each host. */
function mxHosts({ redundancy }: DomainAudit, options: TextOptions): string[] {
  const rows = redundancy.hosts.flatMap(({ host, preference, state, addresses, provider }) => {
    const words = `${state}${provider === undefined ? '' : ` (${provider})`}`;
    const each = addresses.map(({ address, scope }) => (scope === 'public' ? address : `${address} (${scope})`));
    return (each.length === 0 ? ['-'] : each).map((address, i) =>
      i === 0 ? [String(preference), host, address, words] : ['', '', address, ''],
    );
  });
  return [
    ...wrapped(redundancy.summary, 2, options),
    '',
    ...(rows.length === 0 ? [] : [...table(['MX', 'host', 'address', 'state'], rows), '']),
  ];
}

function services({ services: all }: DomainAudit): string[] {
  if (all.length === 0) return [];
  const rows = all.map((service) => [
    service.service,
    `${service.host}:${service.port}`,
    service.address,
    service.reach,
    tlsWords(service),
    certificateWords(service),
  ]);
  return [...table(['service', 'host', 'address', 'state', 'TLS', 'certificate'], rows), ''];
}

function tlsWords({ session, starttls }: ServiceAudit): string {
  if (session?.negotiated === undefined) return starttls ?? '-';
  const old = (['TLSv1', 'TLSv1.1'] as const).some((version) => session.versions[version] === true);
  return `${session.negotiated.replace(/^TLSv/, '')}${old ? ', accepts old' : ''}`;
}

function certificateWords({ session }: ServiceAudit): string {
  const certificate = session?.certificate;
  if (certificate === undefined) return '-';
  const until = `until ${certificate.notAfter.slice(0, 10)}`;
  if (certificate.chain !== 'valid') return `${until}, ${certificate.chain}`;
  return certificate.nameMatches ? until : `${until}, hostname mismatch`;
}

function answers(report: CheckReport, subject: string, options: TextOptions): string[] {
  const own = report.subjects.find((one) => one.subject === subject);
  if (own === undefined || own.answers.length === 0) return [];
  return [
    ...own.answers.flatMap(({ check, result, subject: about, reason, evidence }) => [
      `  ${check.padEnd(22)} ${result.padEnd(10)} ${escapeUnprintable(about)}`,
      ...wrapped(reason, 6, options),
      ...evidence.flatMap((line) => wrapped(line, 6, options, '| ')),
    ]),
    '',
  ];
}

function findingLines(finding: SheetFinding, options: TextOptions, before: string = ''): string[] {
  const { severity, id, subject, title, what, source, fix, evidence, kind } = finding;
  const mark = kind === 'could-not-check' ? `not checked (${severity})` : severity;
  const coloured = options.colour === true ? `${colours[severity]}${mark}${plain}` : mark;
  return [
    `  ${before}${coloured} ${escapeUnprintable(id)} (${escapeUnprintable(subject)})`,
    ...wrapped(title, 4, options),
    ...(what === title ? [] : wrapped(what, 4, options)),
    ...evidence.flatMap((line) => wrapped(line, 4, options, '| ')),
    ...wrapped(`Fix: ${fix}`, 4, options),
    ...wrapped(`Source: ${source}`, 4, options),
  ];
}

function lastLine(report: AnyReport, subjects: Sheet['subjects']): string {
  const [verb, probes] =
    report.schema === 'postern-audit-report'
      ? (['Audited', report.probes] as const)
      : (['Checked', probeNames] as const);
  const seconds = (Date.parse(report.finished) - Date.parse(report.started)) / 1_000;
  const took = Number.isFinite(seconds) ? ` in ${seconds.toFixed(1)} s` : '';
  const when = escapeUnprintable(report.started.slice(0, 16).replace('T', ' '));
  const skipped = probeNames.filter((name) => !probes.includes(name));
  const all =
    report.schema === 'postern-audit-report' && subjects.length > 1
      ? `${subjects.length} domains: ${stateCounts(subjects)}. `
      : '';
  return `${all}${verb} on ${when} UTC by postern ${escapeUnprintable(report.postern)}${took}${skipped.length === 0 ? '' : `; skipped: ${skipped.join(', ')}`}.`;
}

const stateAdjectives = { problems: 'with problems', 'could-not-check': 'incomplete', clean: 'clean' } as const;

const stateCounts = (subjects: Sheet['subjects']): string =>
  (['problems', 'could-not-check', 'clean'] as const)
    .flatMap((state) => {
      const count = subjects.filter((subject) => subject.state === state).length;
      return count === 0 ? [] : [`${count} ${stateAdjectives[state]}`];
    })
    .join(', ');

/** Escapes text and wraps it at spaces. Words longer than a line are split. */
function wrapped(text: string, indent: number, { width = 80 }: TextOptions, mark: string = ''): string[] {
  const room = Math.max(20, width - indent - mark.length);
  return wrapWords(escapeUnprintable(text), room).map((line) => `${' '.repeat(indent)}${mark}${line}`);
}

/** Longest cell of a table. Findings show the full names. */
const MAX_CELL = 48;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [head, ...rows].map((row) => row.map((cell) => truncate(escapeUnprintable(cell), MAX_CELL)));
  const widths = head.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)));
  return cells.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd());
}
