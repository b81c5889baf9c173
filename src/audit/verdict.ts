import { probeNames } from './catalogue.ts';
import type { AuditFinding } from './finding.ts';
import { bySeverity, rank } from './finding.ts';
import type { AuditState } from './report.ts';

/**
 * What a report tells of everything that was found: each thing once, the worst first, in an order that does not depend on
 * what was answered first.
 */
export const inOrder = (findings: readonly AuditFinding[]): readonly AuditFinding[] =>
  bySeverity(unique(findings).sort(byName));

/** What is so of a domain, by its findings. */
export function stateOf(findings: readonly Pick<AuditFinding, 'severity' | 'kind'>[]): AuditState {
  const matters = findings.filter(({ severity }) => rank(severity) < rank('info'));
  if (matters.some(({ kind }) => kind === 'problem')) return 'problems';
  return matters.length > 0 ? 'could-not-check' : 'clean';
}

const states: readonly AuditState[] = ['problems', 'could-not-check', 'clean'];

/** The worst of several states. */
export const worst = (all: readonly AuditState[]): AuditState => states.find((state) => all.includes(state)) ?? 'clean';

/** Less than 0, 0, or more than 0, as code units are ordered: in every locale alike. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Two addresses of one host show the same certificate. */
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
