import type { AuditDiff } from './diff.ts';
import type { AnyReport } from './sheet.ts';
import { jsonText } from './shown.ts';

/** The report itself. */
export const jsonReport = (report: AnyReport | AuditDiff): string => jsonText(report);
