import type { AuditFinding, AuditReport, AuditState } from '../../audit/index.ts';
import { auditCatalogue } from '../../audit/index.ts';
import type { CheckReport } from '../check/report.ts';

/** A report of either command. */
export type AnyReport = AuditReport | CheckReport;

/** A finding of either, with its title. */
export interface SheetFinding extends Omit<AuditFinding, 'id' | 'probe'> {
  readonly id: string;
  readonly probe: string;
  readonly title: string;
}

/** What all printed forms show: subjects, and what was found about each. */
export interface Sheet {
  readonly kind: 'audit' | 'check';
  readonly subjects: readonly {
    readonly subject: string;
    readonly state: AuditState;
    readonly durationMs: number;
    readonly findings: readonly SheetFinding[];
  }[];
}

/** What a finding of this kind is called. */
export const titleOf = (id: string): string | undefined =>
  Object.hasOwn(auditCatalogue, id) ? auditCatalogue[id as keyof typeof auditCatalogue].title : undefined;

export function sheetOf(report: AnyReport): Sheet {
  if (report.schema === 'postern-check-report') return { kind: 'check', subjects: report.subjects };
  return {
    kind: 'audit',
    subjects: report.domains.map(({ domain, state, durationMs, findings }) => ({
      subject: domain,
      state,
      durationMs,
      findings: findings.map((finding) => ({ ...finding, title: titleOf(finding.id) ?? finding.what })),
    })),
  };
}
