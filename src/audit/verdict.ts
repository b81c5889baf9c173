import { probeNames } from './catalogue.ts';
import type { AuditFinding } from './finding.ts';
import { bySeverity, rank } from './finding.ts';
import type { AuditState } from './report.ts';

/** Removes duplicates and sorts findings, the worst first. The order does not depend on which answers arrived first. */
export const inOrder = (findings: readonly AuditFinding[]): readonly AuditFinding[] =>
  bySeverity(unique(findings).sort(byName));

/**
 * Returns the state of a domain with these findings.
 *
 * @internal
 */
export function stateOf(findings: readonly Pick<AuditFinding, 'severity' | 'kind'>[]): AuditState {
  const matters = findings.filter(({ severity }) => rank(severity) < rank('info'));
  if (matters.some(({ kind }) => kind === 'problem')) return 'problems';
  return matters.length > 0 ? 'could-not-check' : 'clean';
}

const states: readonly AuditState[] = ['problems', 'could-not-check', 'clean'];

/**
 * Returns the worst of several states.
 *
 * @internal
 */
export const worst = (all: readonly AuditState[]): AuditState => states.find((state) => all.includes(state)) ?? 'clean';

/** Compares two texts by code units, independent of the locale. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Removes duplicates: two addresses of one host usually have the same certificate. */
function unique(findings: readonly AuditFinding[]): AuditFinding[] {
  const seen = new Set<string>();
  return findings.filter(({ id, subject, what }) => {
    const key = JSON.stringify([id, subject, what]);
    return !seen.has(key) && seen.add(key);
  });
}

const byName = (a: AuditFinding, b: AuditFinding): number =>
  probeNames.indexOf(a.probe) - probeNames.indexOf(b.probe) ||
  compare(a.id, b.id) ||
  compare(a.subject, b.subject) ||
  compare(a.what, b.what);
