import { codeUnits } from './characters.ts';
import type { AuditDiff } from './diff.ts';
import type { AnyReport } from './sheet.ts';

/** Prints a report or a diff as JSON. */
export const jsonReport = (report: AnyReport | AuditDiff): string => jsonText(report);

/**
 * Prints indented JSON. Controls and other invisible characters are escaped even where JSON does not require it, so that
 * the text is safe on a terminal.
 */
export const jsonText = (value: unknown): string =>
  `${JSON.stringify(value, undefined, 2)}\n`.replace(/[^\n -~]/gu, (character) =>
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character) ? codeUnits(character) : character,
  );
