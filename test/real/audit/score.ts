import type { AuditFinding, FindingId, Severity } from 'postern/audit';
import { auditCatalogue } from 'postern/audit';
import type { Truth } from './truth.ts';

/** A case, and what was found of it. */
export interface Judged {
  readonly truth: Truth;
  readonly findings: readonly AuditFinding[];
}

/** One kind of finding over all cases. */
export interface Line {
  readonly id: FindingId;
  readonly severity: Severity;
  /** Cases in which it was there and is true; was missed; was there and is false. */
  readonly right: number;
  readonly missed: number;
  readonly wrong: number;
}

export interface Score {
  readonly cases: number;
  readonly lines: readonly Line[];
  /** Every wrong answer, as a sentence. */
  readonly faults: readonly Fault[];
}

export interface Fault {
  readonly kind: 'missed' | 'false';
  readonly id: FindingId;
  readonly severity: Severity;
  readonly text: string;
}

const order: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];

/**
 * Compares. A finding counts once per case. What is true but was not asked for (`may`) counts neither way; nor does what is
 * of no consequence (`info`), unless it was asked for.
 */
export function score(judged: readonly Judged[]): Score {
  const lines = new Map<FindingId, { severity: Severity; right: number; missed: number; wrong: number }>();
  const faults: Fault[] = [];
  const line = (id: FindingId, severity: Severity) => {
    const own = lines.get(id) ?? { severity, right: 0, missed: 0, wrong: 0 };
    lines.set(id, own);
    if (order.indexOf(severity) < order.indexOf(own.severity)) own.severity = severity;
    return own;
  };
  for (const { truth, findings } of judged) {
    const { domain, what, must, may = [], oneOf = [] } = truth;
    const there = new Map<FindingId, AuditFinding>();
    for (const finding of findings) if (!there.has(finding.id)) there.set(finding.id, finding);
    const miss = (id: FindingId): void => {
      const { severity } = auditCatalogue[id];
      line(id, severity).missed++;
      faults.push({
        kind: 'missed',
        id,
        severity,
        text: `${domain} (${what}): ${id} is missing; found: ${[...there.keys()].join(', ') || 'nothing'}`,
      });
    };
    for (const id of must) {
      const finding = there.get(id);
      if (finding === undefined) miss(id);
      else line(id, finding.severity).right++;
    }
    for (const group of oneOf) {
      const found = group.flatMap((id) => there.get(id) ?? []);
      const [first] = group;
      if (found.length === 0 && first !== undefined) miss(first);
      for (const { id, severity } of found) line(id, severity).right++;
    }
    const known = new Set([...must, ...may, ...oneOf.flat()]);
    for (const [id, { severity, subject, what: said, evidence }] of there) {
      if (known.has(id) || severity === 'info') continue;
      line(id, severity).wrong++;
      faults.push({
        kind: 'false',
        id,
        severity,
        text: `${domain} (${what}): ${id} of ${subject} is false: ${said} [${evidence.slice(0, 4).join(' | ')}]`,
      });
    }
  }
  const all = [...lines].map(([id, counts]) => ({ id, ...counts }));
  return {
    cases: judged.length,
    lines: all.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity) || a.id.localeCompare(b.id)),
    faults,
  };
}

const share = (part: number, whole: number): string => (whole === 0 ? '    –' : (part / whole).toFixed(3));

/** Precision and recall of each finding, and of all, as a table. */
export function scoreTable(title: string, { cases, lines, faults }: Score): string {
  const rows = [
    ['finding', 'severity', 'right', 'missed', 'false', 'precision', 'recall'],
    ...[...lines, total(lines)].map(({ id, severity, right, missed, wrong }) => [
      id,
      severity,
      String(right),
      String(missed),
      String(wrong),
      share(right, right + wrong),
      share(right, right + missed),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const text = rows.map((row) =>
    row
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return [
    `${title}: ${cases} cases`,
    ...text,
    ...faults.map(({ kind, severity, text }) => `${kind} ${severity}: ${text}`),
  ].join('\n');
}

const total = (lines: readonly Line[]) => {
  const sum = (of: (line: Line) => number): number => lines.reduce((all, line) => all + of(line), 0);
  return {
    id: 'all',
    severity: '',
    right: sum((l) => l.right),
    missed: sum((l) => l.missed),
    wrong: sum((l) => l.wrong),
  };
};
