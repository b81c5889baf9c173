/**
 * Prints reports of `audit()` and of `postern check`: as text, JSON, SARIF, JUnit, Prometheus and HTML.
 *
 * @module
 */
export type { CheckAnswer, CheckedMessage, CheckedSubject, CheckFinding, CheckReport } from './check-report.ts';
export { CHECK_REPORT_VERSION } from './check-report.ts';
export type { AuditDiff, DomainDiff } from './diff.ts';
export { diffReports, newFindings, readReport } from './diff.ts';
export { htmlReport } from './html.ts';
export { jsonReport } from './json.ts';
export { junitReport } from './junit.ts';
export { prometheusReport } from './prometheus.ts';
export { sarifReport } from './sarif.ts';
export type { AnyReport } from './sheet.ts';
export type { TextOptions } from './text.ts';
export { textDiff, textReport } from './text.ts';
