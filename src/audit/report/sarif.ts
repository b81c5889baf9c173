import { createHash } from 'node:crypto';
import { auditCatalogue } from '../catalogue.ts';
import type { Severity } from '../finding.ts';
import { wellFormed } from './characters.ts';
import { jsonText } from './json.ts';
import type { AnyReport, Sheet, SheetFinding } from './sheet.ts';
import { sheetOf } from './sheet.ts';

type Level = 'error' | 'warning' | 'note' | 'none';

const levels: { readonly [severity in Severity]: Level } = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
  info: 'note',
};

/** Scores from 0 to 10 by which code scanning sorts. */
const scores: { readonly [severity in Severity]: string } = {
  critical: '9.5',
  high: '8.0',
  medium: '5.0',
  low: '2.0',
  info: '0.0',
};

/** Prints a report as SARIF 2.1.0 (OASIS), for code scanning and SARIF viewers. Rules are the kinds of findings. */
export function sarifReport(report: AnyReport): string {
  const { kind, subjects } = sheetOf(report);
  const all = subjects.flatMap(({ subject, findings }) => findings.map((finding) => ({ about: subject, finding })));
  const rules = new Map<string, SheetFinding[]>();
  for (const { finding } of all) {
    const same = rules.get(finding.id);
    if (same === undefined) rules.set(finding.id, [finding]);
    else same.push(finding);
  }
  const sorted = [...rules].sort(([a], [b]) => (a < b ? -1 : 1));
  const seen = new Map<string, number>();
  const log = {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'postern',
            semanticVersion: report.postern,
            rules: sorted.map(([id, findings]) => ruleOf(id, findings, kind)),
          },
        },
        automationDetails: {
          id: report.schema === 'postern-audit-report' ? 'postern/audit/' : `postern/check-${report.kind}/`,
        },
        invocations: [
          {
            executionSuccessful: true,
            startTimeUtc: report.started,
            endTimeUtc: report.finished,
            toolExecutionNotifications: report.notes.map((note) => ({
              level: 'note',
              message: { text: literal(note) },
            })),
          },
        ],
        results: all.map(({ about, finding }) => ({
          ruleId: finding.id,
          ruleIndex: sorted.findIndex(([id]) => id === finding.id),
          ...kindOf(finding),
          message: { text: literal([finding.what, ...finding.evidence, `Fix: ${finding.fix}`].join('\n')) },
          locations: [
            {
              // Code scanning requires a file for each result, so the domain stands in for one.
              physicalLocation: {
                artifactLocation: { uri: encodeURIComponent(wellFormed(about)) },
                region: { startLine: 1 },
              },
              logicalLocations: [
                { name: finding.subject, fullyQualifiedName: `${about}/${finding.subject}`, kind: 'resource' },
              ],
            },
          ],
          partialFingerprints: { 'posternFinding/v1': fingerprint(about, finding, seen) },
          properties: { severity: finding.severity, probe: finding.probe },
        })),
      },
    ],
  };
  return jsonText(log);
}

/** Results other than failures have the level "none" (§3.27.9, §3.27.10). */
function kindOf({ kind, severity }: SheetFinding): { readonly kind: string; readonly level: Level } {
  if (kind === 'could-not-check') return { kind: 'open', level: 'none' };
  return severity === 'info' ? { kind: 'informational', level: 'none' } : { kind: 'fail', level: levels[severity] };
}

function ruleOf(id: string, findings: readonly SheetFinding[], kind: Sheet['kind']): object {
  // A rule has the severity of the catalogue; a finding may differ.
  const entry = kind === 'audit' ? auditCatalogue[id as keyof typeof auditCatalogue] : findings[0];
  if (entry === undefined) return { id };
  const { title, source, fix, severity } = entry;
  const probes = [...new Set(findings.map(({ probe }) => probe))].sort();
  const rfc = /RFC (\d+)(?: §([\d.]*\d))?/.exec(source);
  return {
    id,
    shortDescription: { text: literal(`${title}.`) },
    fullDescription: { text: literal(`${title} (${source}).`) },
    help: { text: literal(`${fix} Source: ${source}.`) },
    ...(rfc === null
      ? {}
      : { helpUri: `https://www.rfc-editor.org/rfc/rfc${rfc[1]}${rfc[2] === undefined ? '' : `#section-${rfc[2]}`}` }),
    defaultConfiguration: { level: levels[severity] },
    properties: { tags: ['security', 'mail', ...probes], 'security-severity': scores[severity] },
  };
}

/** Escapes message text: single braces are placeholders (§3.11.5), and `[text](target)` is a link (§3.11.6). */
const literal = (text: string): string => text.replace(/[{}]/g, '$&$&').replace(/\](?=\()/g, '] ');

/** Identifies a finding by kind and subject, so that a change in wording keeps it. Repeated findings are numbered. */
function fingerprint(about: string, { id, subject }: SheetFinding, seen: Map<string, number>): string {
  const key = JSON.stringify([about, id, subject]);
  const count = seen.get(key) ?? 0;
  seen.set(key, count + 1);
  return createHash('sha256')
    .update(`${key}${count === 0 ? '' : count}`)
    .digest('hex')
    .slice(0, 32);
}
