import { auditCatalogue } from '../catalogue.ts';
import type { AuditFinding } from '../finding.ts';
import type { AuditReport, AuditState } from '../report.ts';
import type { CheckReport } from './check-report.ts';

/** A report of `audit()` or of `postern check`. Every writer accepts both. */
export type AnyReport = AuditReport | CheckReport;

/** A finding of either report, with its title. */
export interface SheetFinding extends Omit<AuditFinding, 'id' | 'probe'> {
  readonly id: string;
  readonly probe: string;
  readonly title: string;
}

/** What every format prints: subjects and their findings. */
export interface Sheet {
  readonly kind: 'audit' | 'check';
  readonly subjects: readonly {
    readonly subject: string;
    readonly state: AuditState;
    readonly durationMs: number;
    readonly findings: readonly SheetFinding[];
  }[];
}

/** Returns the title of a kind of audit finding. */
export const titleOf = (id: string): string | undefined =>
  Object.hasOwn(auditCatalogue, id) ? auditCatalogue[id as keyof typeof auditCatalogue].title : undefined;

/** Adds the title to a finding. Falls back to its text, since a report from a file may hold unknown kinds. */
export const titled = (finding: Omit<SheetFinding, 'title'> & { readonly title?: string }): SheetFinding => ({
  ...finding,
  title: finding.title ?? titleOf(finding.id) ?? finding.what,
});

/**
 * Reads the subjects and findings from either report.
 *
 * @internal
 */
export function sheetOf(report: AnyReport): Sheet {
  if (report.schema === 'postern-check-report') return { kind: 'check', subjects: report.subjects };
  return {
    kind: 'audit',
    subjects: report.domains.map(({ domain, state, durationMs, findings }) => ({
      subject: domain,
      state,
      durationMs,
      findings: findings.map(titled),
    })),
  };
}
