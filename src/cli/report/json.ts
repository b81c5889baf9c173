import type { AuditDiff } from './diff.ts';
import type { AnyReport } from './sheet.ts';

/** The report itself. */
export const jsonReport = (report: AnyReport | AuditDiff): string => `${JSON.stringify(report, undefined, 2)}\n`;
