import type { Severity } from '../audit/index.ts';
import { rank } from '../audit/index.ts';
import { didYouMean } from '../core/index.ts';
import { exitCodes, UsageError } from './io.ts';
import type { AnyReport } from './report/sheet.ts';
import { sheetOf } from './report/sheet.ts';

const thresholds = ['critical', 'high', 'medium', 'low', 'info', 'never'] as const;
export type Threshold = (typeof thresholds)[number];

/** The severity from which on a finding makes the command fail. @throws UsageError */
export function thresholdOf(text: string | undefined): Threshold {
  if (text === undefined) return 'medium';
  const found = thresholds.find((one) => one === text);
  if (found === undefined)
    throw new UsageError(
      `--fail-on ${JSON.stringify(text)} must be one of ${thresholds.join(', ')}${didYouMean(text, thresholds)}`,
    );
  return found;
}

/** The exit status of a report: what is wrong counts before what could not be checked. */
export function exitCodeOf(report: AnyReport, failOn: Threshold): number {
  const findings = sheetOf(report).subjects.flatMap((subject) => subject.findings);
  const reaches = (severity: Severity): boolean => failOn !== 'never' && rank(severity) <= rank(failOn);
  if (findings.some(({ kind, severity }) => kind === 'problem' && reaches(severity))) return exitCodes.problems;
  if (findings.some(({ kind, severity }) => kind === 'could-not-check' && severity !== 'info'))
    return exitCodes.couldNotCheck;
  return exitCodes.clean;
}
