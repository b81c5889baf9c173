/**
 * The output options that all commands share: the format, the file, and the severity that makes a command fail.
 *
 * @module
 */
import type { AnyReport, Severity, TextOptions } from '../audit/index.ts';
import {
  htmlReport,
  jsonReport,
  junitReport,
  prometheusReport,
  rank,
  sarifReport,
  sheetOf,
  textReport,
} from '../audit/index.ts';
import { type CommandIo, exitCodes, UsageError, wordOf, writeText } from './io.ts';
import { textOf, type Values } from './options.ts';

/** Formats other than text; each is an option. */
export const formats = ['json', 'sarif', 'junit', 'prometheus', 'html'] as const;
/** A format other than text. */
export type Format = (typeof formats)[number];

const writers: { readonly [format in Format]: (report: AnyReport) => string } = {
  json: jsonReport,
  sarif: sarifReport,
  junit: junitReport,
  prometheus: prometheusReport,
  html: htmlReport,
};

const thresholds = ['critical', 'high', 'medium', 'low', 'info', 'never'] as const;
/** The lowest severity that makes a command fail. */
export type Threshold = (typeof thresholds)[number];

/** Output options with defaults. */
export interface Output {
  readonly format: Format | 'text';
  /** File to write. Default: standard output. */
  readonly path?: string;
  readonly text: TextOptions;
  readonly failOn: Threshold;
}

/** Reads the output options. @throws {UsageError} if they are wrong */
export function outputOf(values: Values, io: CommandIo): Output {
  const given = formats.filter((name) => values[name] === true);
  if (given.length > 1)
    throw new UsageError(
      `${given.map((name) => `--${name}`).join(' and ')} cannot be combined: run the command once for each format`,
    );
  const path = textOf(values, 'output');
  const plain = path !== undefined || values['no-color'] === true || (io.env.NO_COLOR ?? '') !== '';
  return {
    format: given[0] ?? 'text',
    path,
    text: { colour: !plain && io.isTerminal.stdout, width: Math.max(40, Math.min(io.columns ?? 80, 120)) },
    failOn: wordOf('--fail-on', textOf(values, 'fail-on') ?? 'medium', thresholds),
  };
}

/** Prints a report in the requested format. */
export const printed = (report: AnyReport, { format, text }: Output): string =>
  format === 'text' ? textReport(report, text) : writers[format](report);

/** Writes text to the requested file or to standard output. @throws {UsageError} if the file cannot be written */
export async function emit(text: string, { path }: Output, io: CommandIo): Promise<void> {
  if (path === undefined) io.stdout(text);
  else await writeText(path, text, io);
}

/** Returns the exit status for a report. Problems take precedence over checks without a result. */
export function exitCodeOf(report: AnyReport, failOn: Threshold): number {
  const findings = sheetOf(report).subjects.flatMap((subject) => subject.findings);
  const reaches = (severity: Severity): boolean => failOn !== 'never' && rank(severity) <= rank(failOn);
  if (findings.some(({ kind, severity }) => kind === 'problem' && reaches(severity))) return exitCodes.problems;
  if (findings.some(({ kind, severity }) => kind === 'could-not-check' && severity !== 'info'))
    return exitCodes.couldNotCheck;
  return exitCodes.clean;
}
