import type { AuditFinding, AuditReport, DomainAudit } from '../../audit/index.ts';
import { apart, bySeverity, joined, REPORT_VERSION, rank, stateOf, subjectsOf, worst } from '../../audit/index.ts';
import { placeOf } from '../dns.ts';
import { UsageError } from '../io.ts';

/** What has changed from one audit to the next. Plain JSON. */
export interface AuditDiff {
  readonly schema: 'postern-audit-diff';
  readonly version: typeof REPORT_VERSION;
  /** When the two audits were finished. */
  readonly from: string;
  readonly to: string;
  readonly domains: readonly DomainDiff[];
}

/** What has changed of one domain. */
export interface DomainDiff {
  readonly domain: string;
  /** Not in the report before. */
  readonly appeared: readonly AuditFinding[];
  /** Looked at again, and not there any more. */
  readonly gone: readonly AuditFinding[];
  /** There before, with another severity. */
  readonly changed: readonly { readonly was: AuditFinding['severity']; readonly finding: AuditFinding }[];
  /** There before, and now its probe did not run, or could not find out. */
  readonly unknown: readonly AuditFinding[];
  /** In which of the two the domain was looked at. */
  readonly audited: 'both' | 'now' | 'before';
}

/**
 * Compares by what was found and about whom: words and evidence may differ from day to day. Where one subject has several
 * findings of one kind, those of the same words are the same; the rest are paired as they come.
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
      // Findings about several subjects are compared subject by subject.
      const old = apart(was?.findings ?? []);
      const current = apart(is?.findings ?? []);
      const wholes = new Map([...old, ...current].map(({ part, whole }) => [part, whole]));
      const together = (parts: readonly AuditFinding[]): readonly AuditFinding[] =>
        bySeverity(joined(parts.map((part) => ({ part, whole: wholes.get(part) ?? part }))));
      const { pairs, appeared, left } = matched(
        old.map(({ part }) => part),
        current.map(({ part }) => part),
      );
      const gone = left.filter((finding) => is !== undefined && wasLookedAt(finding, now, is));
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

/** What was not looked at, or could not be found out, is not gone because it is not in the report. */
function wasLookedAt(finding: AuditFinding, now: AuditReport, { findings, services }: DomainAudit): boolean {
  const { id, probe, subject } = finding;
  if (!now.probes.includes(probe)) return false;
  if (
    findings.some((one) => one.kind === 'could-not-check' && one.probe === probe && subjectsOf(one).includes(subject))
  )
    return false;
  if (ofReach.has(id)) return true;
  // Of a server that cannot be talked to any more nothing is known.
  const own = services.filter(({ host, port }) => `${host}:${port}` === withoutAddress(subject));
  return own.length === 0 || own.some(({ reach }) => reach === 'open');
}

/** Findings that say that, and how, a server cannot be talked to. */
const ofReach: ReadonlySet<string> = new Set([
  'smtp-unreachable',
  'smtp-mute',
  'smtp-no-service',
  'smtp-not-smtp',
  'login-unreachable',
  'login-mute',
  'login-wrong-protocol',
  'login-not-tls',
]);

/** `mx.example.org:25` of `mx.example.org[192.0.2.1]:25`. */
const withoutAddress = (subject: string): string => subject.replace(/\[[^\]]*\]/, '');

/** The report with nothing in it but what is new or worse than before: what the exit status is judged by. */
export function onlyNew(now: AuditReport, { domains }: AuditDiff): AuditReport {
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

/** Reads a report that was written before. @throws UsageError where it is none */
export function parseReport(text: string, path: string): AuditReport {
  const wrong = (why: string): never => {
    throw new UsageError(`${path} is no report of postern audit --json: ${why}`);
  };
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    return wrong(`it is not JSON${placeOf(error)}`);
  }
  if (!isObject(value)) return wrong('it is not an object');
  if (value.schema === 'postern-audit-diff') return wrong('it is what --diff printed; give a whole report');
  if (value.schema !== 'postern-audit-report') return wrong(`its schema is ${JSON.stringify(value.schema)}`);
  if (value.version !== REPORT_VERSION)
    return wrong(`its version is ${JSON.stringify(value.version)}, and ${REPORT_VERSION} is read`);
  if (typeof value.finished !== 'string') return wrong('finished is not a time');
  if (!isTexts(value.probes)) return wrong('probes is not a list of names');
  if (!Array.isArray(value.domains)) return wrong('domains is not a list');
  for (const domain of value.domains as readonly unknown[]) {
    if (!isObject(domain) || typeof domain.domain !== 'string') return wrong('one of its domains has no name');
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
        return wrong(`one of the findings of ${domain.domain} is incomplete`);
  }
  return value as unknown as AuditReport;
}

const isObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((text: unknown) => typeof text === 'string');
