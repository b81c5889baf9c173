import type { AuditFinding } from '../finding.ts';
import { bySeverity, rank } from '../finding.ts';
import { apart, joined, subjectsOf } from '../group.ts';
import type { AuditReport, DomainAudit } from '../report.ts';
import { REPORT_VERSION } from '../report.ts';
import { stateOf, worst } from '../verdict.ts';

/** The changes between two audits, as plain JSON. */
export interface AuditDiff {
  readonly schema: 'postern-audit-diff';
  readonly version: typeof REPORT_VERSION;
  /** When the earlier audit finished. */
  readonly from: string;
  /** When the later audit finished. */
  readonly to: string;
  readonly domains: readonly DomainDiff[];
}

/** The changes of one domain. */
export interface DomainDiff {
  readonly domain: string;
  /** Findings that are new. */
  readonly appeared: readonly AuditFinding[];
  /** Findings that a new check did not confirm. */
  readonly gone: readonly AuditFinding[];
  /** Findings whose severity has changed. */
  readonly changed: readonly { readonly was: AuditFinding['severity']; readonly finding: AuditFinding }[];
  /** Earlier findings whose probe did not run this time or reached no result. */
  readonly unknown: readonly AuditFinding[];
  /** Which of the two audits covered the domain. */
  readonly audited: 'both' | 'now' | 'before';
}

/**
 * Compares two audits. Findings match if their `id` and subject match, because wording and evidence vary between runs. If
 * a subject has several findings with one `id`, those with the same text are paired first and the rest in order.
 */
export function diffReports(before: AuditReport, now: AuditReport): AuditDiff {
  const names = [...new Set([...now.domains, ...before.domains].map(({ domain }) => domain))];
  return {
    schema: 'postern-audit-diff',
    version: REPORT_VERSION,
    from: before.finished,
    to: now.finished,
    domains: names.map((domain) => {
      const was = before.domains.find((one) => one.domain === domain);
      const is = now.domains.find((one) => one.domain === domain);
      // A finding about several subjects is compared subject by subject.
      const old = apart(was?.findings ?? []);
      const current = apart(is?.findings ?? []);
      const wholes = new Map([...old, ...current].map(({ part, whole }) => [part, whole]));
      const together = (parts: readonly AuditFinding[]): readonly AuditFinding[] =>
        bySeverity(joined(parts.map((part) => ({ part, whole: wholes.get(part) ?? part }))));
      const { pairs, appeared, left } = matched(
        old.map(({ part }) => part),
        current.map(({ part }) => part),
      );
      const gone = left.filter((finding) => is !== undefined && wasExamined(finding, now, is));
      return {
        domain,
        audited: is === undefined ? 'before' : was === undefined ? 'now' : 'both',
        appeared: together(appeared),
        gone: together(gone),
        changed: severities.flatMap((severity) =>
          together(
            pairs.flatMap(([before, finding]) =>
              before.severity === severity && finding.severity !== severity ? [finding] : [],
            ),
          ).map((finding) => ({ was: severity, finding })),
        ),
        unknown: together(left.filter((finding) => !gone.includes(finding))),
      };
    }),
  };
}

const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;

const kindAndSubject = ({ id, subject }: AuditFinding): string => JSON.stringify([id, subject]);

function matched(
  was: readonly AuditFinding[],
  is: readonly AuditFinding[],
): {
  readonly pairs: readonly (readonly [AuditFinding, AuditFinding])[];
  readonly appeared: readonly AuditFinding[];
  readonly left: readonly AuditFinding[];
} {
  const left = new Map<string, AuditFinding[]>();
  for (const finding of was) {
    const key = kindAndSubject(finding);
    left.set(key, [...(left.get(key) ?? []), finding]);
  }
  const partners = new Map<AuditFinding, AuditFinding>();
  const pair = (finding: AuditFinding, same: (old: AuditFinding) => boolean): void => {
    const candidates = left.get(kindAndSubject(finding)) ?? [];
    const at = candidates.findIndex(same);
    const old = candidates[at];
    if (old === undefined || partners.has(finding)) return;
    candidates.splice(at, 1);
    partners.set(finding, old);
  };
  for (const finding of is) pair(finding, ({ what }) => what === finding.what);
  for (const finding of is) pair(finding, () => true);
  return {
    pairs: is.flatMap((finding) => {
      const old = partners.get(finding);
      return old === undefined ? [] : [[old, finding] as const];
    }),
    appeared: is.filter((finding) => !partners.has(finding)),
    left: [...left.values()].flat(),
  };
}

/** Whether the new audit examined what the finding is about. If not, its absence proves nothing. */
function wasExamined(finding: AuditFinding, now: AuditReport, { findings, services }: DomainAudit): boolean {
  const { id, probe, subject } = finding;
  if (!now.probes.includes(probe)) return false;
  if (
    findings.some((one) => one.kind === 'could-not-check' && one.probe === probe && subjectsOf(one).includes(subject))
  )
    return false;
  if (reachability.has(id)) return true;
  // An unreachable server says nothing about its other findings.
  const own = services.filter(({ host, port }) => `${host}:${port}` === withoutAddress(subject));
  return own.length === 0 || own.some(({ reach }) => reach === 'open');
}

/** Findings about a server that cannot be reached or does not speak its protocol. */
const reachability: ReadonlySet<string> = new Set([
  'smtp-unreachable',
  'smtp-mute',
  'smtp-no-service',
  'smtp-not-smtp',
  'login-unreachable',
  'login-mute',
  'login-wrong-protocol',
  'login-not-tls',
]);

/** Returns `mx.example.org:25` for `mx.example.org[192.0.2.1]:25`. */
export const withoutAddress = (subject: string): string => subject.replace(/\[[^\]]*\]/, '');

/** Reduces the later report to findings that are new or worse than before. */
export function newFindings(now: AuditReport, { domains }: AuditDiff): AuditReport {
  const audits = now.domains.map((audit) => {
    const own = domains.find(({ domain }) => domain === audit.domain);
    const findings = bySeverity([
      ...(own?.appeared ?? []),
      ...(own?.changed ?? []).flatMap(({ was, finding }) => (rank(finding.severity) < rank(was) ? [finding] : [])),
    ]);
    return { ...audit, findings, state: stateOf(findings) };
  });
  return { ...now, state: worst(audits.map(({ state }) => state)), domains: audits };
}

/**
 * Returns parsed JSON as an audit report after checking the fields that a diff needs.
 *
 * @throws {TypeError} if `value` is not an audit report of this version
 */
export function readReport(value: unknown): AuditReport {
  const wrong = (why: string): never => {
    throw new TypeError(`readReport: value must be a report of postern audit --json: ${why}`);
  };
  if (!isObject(value)) return wrong('not an object');
  if (value.schema === 'postern-audit-diff') return wrong('it is the output of --diff; pass a whole report');
  if (value.schema !== 'postern-audit-report') return wrong(`its schema is ${JSON.stringify(value.schema)}`);
  if (value.version !== REPORT_VERSION)
    return wrong(`its version is ${JSON.stringify(value.version)}, expected ${REPORT_VERSION}`);
  if (typeof value.finished !== 'string') return wrong('finished is not a time');
  if (!isTexts(value.probes)) return wrong('probes is not a list of names');
  if (!Array.isArray(value.domains)) return wrong('domains is not a list');
  for (const domain of value.domains as readonly unknown[]) {
    if (!isObject(domain) || typeof domain.domain !== 'string') return wrong('a domain has no name');
    if (!Array.isArray(domain.findings)) return wrong(`${domain.domain} has no list of findings`);
    for (const finding of domain.findings as readonly unknown[])
      if (
        !isObject(finding) ||
        ['id', 'probe', 'severity', 'kind', 'subject', 'what', 'source', 'fix'].some(
          (field) => typeof finding[field] !== 'string',
        ) ||
        !isTexts(finding.evidence) ||
        (finding.subjects !== undefined && !isTexts(finding.subjects)) ||
        rank(finding.severity as AuditFinding['severity']) < 0
      )
        return wrong(`a finding of ${domain.domain} is incomplete`);
  }
  return value as unknown as AuditReport;
}

const isObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((text: unknown) => typeof text === 'string');
