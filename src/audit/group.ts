import { type AuditFinding, evidenceOf, printable } from './finding.ts';

/** Fewer findings are not grouped. */
const LEAST = 3;
/** Subjects listed in the text of a group. */
const NAMED = 3;

/**
 * Groups findings with the same cause: same id, and same text apart from the subject. `subjects` of the result lists all of
 * them. The order is kept.
 *
 * @param domain the subject of a group with several hosts
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

/** Returns a key for the cause: the finding without the names and addresses of its subject. */
function causeOf({ id, probe, severity, kind, fix, subject, what, evidence }: AuditFinding): string {
  const own = [subject, hostOf(subject), ...evidence.flatMap((line) => /^address: (\S+)$/.exec(line)?.[1] ?? [])];
  const general = own.reduce((text, name) => text.replaceAll(name, '*'), what);
  return JSON.stringify([id, probe, severity, kind, fix, general]);
}

/** Returns all subjects of a finding. */
export const subjectsOf = ({ subject, subjects }: Pick<AuditFinding, 'subject' | 'subjects'>): readonly string[] =>
  subjects ?? [subject];

/** A finding about one subject, and the group that it belongs to. */
export interface Part<F> {
  readonly part: F;
  readonly whole: F;
}

/**
 * Splits groups into one finding per subject.
 *
 * @internal
 */
export const apart = <F extends Pick<AuditFinding, 'subject' | 'subjects'>>(
  findings: readonly F[],
): readonly Part<F>[] =>
  findings.flatMap((whole) =>
    whole.subjects === undefined
      ? [{ part: whole, whole }]
      : whole.subjects.map((subject) => ({ part: { ...whole, subject, subjects: undefined }, whole })),
  );

/**
 * Reverses {@link apart}: restores the groups, with the remaining subjects only.
 *
 * @internal
 */
export function joined<F extends Pick<AuditFinding, 'subject' | 'subjects'>>(parts: readonly Part<F>[]): readonly F[] {
  const wholes = new Map<F, F[]>();
  for (const { part, whole } of parts) wholes.set(whole, [...(wholes.get(whole) ?? []), part]);
  return [...wholes].flatMap(([whole, own]) => {
    const left = own.map(({ subject }) => subject);
    if (left.length === subjectsOf(whole).length) return [whole];
    return left.length < LEAST ? own : [{ ...whole, subjects: left }];
  });
}
