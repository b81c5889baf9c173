import { type AuditFinding, evidenceOf, printable } from './finding.ts';

/** Fewer findings are read as easily one by one. */
const LEAST = 3;
const NAMED = 3;

/**
 * Makes one finding of those that have one cause: of one kind, and saying the same of several subjects. `subjects` of the
 * result lists them all. The order is kept.
 *
 * @param domain what a finding about several hosts is about
 */
export function grouped(findings: readonly AuditFinding[], domain: string): readonly AuditFinding[] {
  const causes = new Map<string, AuditFinding[]>();
  for (const finding of findings) {
    const cause = causeOf(finding);
    causes.set(cause, [...(causes.get(cause) ?? []), finding]);
  }
  const done = new Set<string>();
  return findings.flatMap((finding) => {
    const cause = causeOf(finding);
    const all = causes.get(cause) ?? [];
    const subjects = [...new Set(all.map(({ subject }) => subject))];
    if (subjects.length < LEAST) return [finding];
    if (done.has(cause)) return [];
    done.add(cause);
    return [together(all, subjects, domain)];
  });
}

function together(all: readonly AuditFinding[], subjects: readonly string[], domain: string): AuditFinding {
  const [first] = all as readonly [AuditFinding, ...AuditFinding[]];
  const hosts = new Set(subjects.map(hostOf));
  const [host] = hosts;
  const named = `${subjects.slice(0, NAMED).join(', ')}${subjects.length > NAMED ? ', …' : ''}`.replace('…', '...');
  return {
    ...first,
    subject: hosts.size === 1 && host !== undefined ? host : domain,
    subjects,
    what: printable(
      `${subjects.length} hosts or services have this problem (${named}). For ${first.subject}: ${first.what}`,
      1_000,
    ),
    evidence: evidenceOf(all.map(({ subject, evidence }) => [subject, ...evidence].join('; '))),
  };
}

const hostOf = (subject: string): string => subject.replace(/\[[^\]]*\]/, '').replace(/:\d+$/, '');

/** What is said of the subject, without its name and addresses. */
function causeOf({ id, probe, severity, kind, mend, subject, what, evidence }: AuditFinding): string {
  const own = [subject, hostOf(subject), ...evidence.flatMap((line) => /^address: (\S+)$/.exec(line)?.[1] ?? [])];
  const general = own.reduce((text, name) => text.replaceAll(name, '*'), what);
  return JSON.stringify([id, probe, severity, kind, mend, general]);
}

/** Everything that a finding is about. */
export const subjectsOf = ({ subject, subjects }: Pick<AuditFinding, 'subject' | 'subjects'>): readonly string[] =>
  subjects ?? [subject];
