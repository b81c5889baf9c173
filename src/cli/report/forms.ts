import type { CommandIo } from '../io.ts';
import { UsageError } from '../io.ts';
import { htmlReport } from './html.ts';
import { jsonReport } from './json.ts';
import { junitReport } from './junit.ts';
import { prometheusReport } from './prometheus.ts';
import { sarifReport } from './sarif.ts';
import type { AnyReport } from './sheet.ts';
import { textReport } from './text.ts';

/** The forms that a report is printed in; `text` where none is asked for. */
export const formNames = ['json', 'sarif', 'junit', 'prometheus', 'html'] as const;
export type FormName = (typeof formNames)[number] | 'text';

/** The one form that was asked for. @throws UsageError for more than one */
export function formOf(flags: { readonly [form in (typeof formNames)[number]]?: boolean | undefined }): FormName {
  const asked = formNames.filter((name) => flags[name] === true);
  if (asked.length > 1)
    throw new UsageError(
      `${asked.map((name) => `--${name}`).join(' and ')} cannot be printed at once: ask for one form, and run again for the other`,
    );
  return asked[0] ?? 'text';
}

/** A report in a form. */
export function printed(report: AnyReport, form: FormName, io: CommandIo, plain: boolean): string {
  switch (form) {
    case 'json':
      return jsonReport(report);
    case 'sarif':
      return sarifReport(report);
    case 'junit':
      return junitReport(report);
    case 'prometheus':
      return prometheusReport(report);
    case 'html':
      return htmlReport(report);
    case 'text':
      return textReport(report, textOptionsOf(io, plain));
  }
}

/** How a text is to look where it is going. */
export const textOptionsOf = (io: CommandIo, plain: boolean): { colour: boolean; width: number } => ({
  colour: !plain && io.isTerminal.stdout && (io.env.NO_COLOR ?? '') === '',
  width: Math.max(40, Math.min(io.columns ?? 80, 120)),
});
