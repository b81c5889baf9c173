import { apart } from '../group.ts';
import type { AuditReport, ServiceAudit } from '../report.ts';
import type { CheckReport } from './check-report.ts';
import { withoutAddress } from './diff.ts';
import type { AnyReport, SheetFinding } from './sheet.ts';
import { sheetOf } from './sheet.ts';

/** A probe of one subject. */
interface Examined {
  readonly probe: string;
  readonly subject: string;
  /** Why the probe could not run. */
  readonly skipReason?: string;
}

/** A test case: a probe of one subject, and its findings. */
interface Case extends Examined {
  readonly findings: readonly SheetFinding[];
}

/**
 * Prints a report as JUnit XML: a suite for each domain, and a case for each probe and subject, with stable names. A case
 * fails if there is a problem, is skipped if the probe could not find out, and passes otherwise. Informational findings
 * appear in its output. No case passes for a server that could not be reached.
 */
export function junitReport(report: AnyReport): string {
  const suites = sheetOf(report).subjects.map(({ subject, findings, durationMs }) => {
    const cases = casesOf(
      report,
      subject,
      apart(findings).map(({ part }) => part),
    );
    return {
      subject,
      durationMs,
      cases,
      tests: cases.length,
      failures: cases.filter((one) => problems(one).length > 0).length,
      skipped: cases.filter(isSkipped).length,
    };
  });
  const sum = (of: 'tests' | 'failures' | 'skipped' | 'durationMs'): number =>
    suites.reduce((total, suite) => total + suite[of], 0);
  const counts = (of: { readonly tests: number; readonly failures: number; readonly skipped: number }): string =>
    `tests="${of.tests}" failures="${of.failures}" errors="0" skipped="${of.skipped}"`;
  const all = { tests: sum('tests'), failures: sum('failures'), skipped: sum('skipped') };
  const when = xml(report.started.replace(/(\.\d+)?Z$/, ''));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="postern" ${counts(all)} time="${seconds(sum('durationMs'))}">`,
    ...suites.flatMap((suite) => [
      `  <testsuite name="${xml(suite.subject)}" ${counts(suite)} time="${seconds(suite.durationMs)}" timestamp="${when}">`,
      ...suite.cases.map((one) => testCase(suite.subject, one)),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

/** Returns all cases, including those without findings. */
function casesOf(report: AnyReport, about: string, findings: readonly SheetFinding[]): readonly Case[] {
  const examined = report.schema === 'postern-audit-report' ? ofAudit(report, about) : ofCheck(report, about);
  const found = findings.map(({ probe, subject }) => ({ probe, subject }));
  // A service does not pass if one of its addresses has a finding.
  const failing = new Set(
    found
      .filter(({ subject }) => subject !== withoutAddress(subject))
      .map(({ probe, subject }) => keyOf({ probe, subject: withoutAddress(subject) })),
  );
  const all = [...examined.filter((one) => !failing.has(keyOf(one))), ...found];
  return [...new Map(all.map((one) => [keyOf(one), one])).values()].map((one) => ({
    ...one,
    findings: findings.filter((finding) => keyOf(finding) === keyOf(one)),
  }));
}

const keyOf = ({ probe, subject }: Examined): string => JSON.stringify([probe, subject]);

function ofAudit({ probes, domains }: AuditReport, about: string): readonly Examined[] {
  const audit = domains.find(({ domain }) => domain === about);
  return probes.flatMap((probe) => {
    const selects = connectingProbes[probe];
    if (audit === undefined || selects === undefined) return [{ probe, subject: about }];
    const services = audit.services.filter(selects);
    if (services.length === 0) return [{ probe, subject: about, skipReason: 'There is no server to examine.' }];
    return [...new Set(services.map(nameOf))].map((subject) => {
      const own = services.filter((service) => nameOf(service) === subject);
      const skipReason = own.some(({ reach }) => reach === 'open')
        ? undefined
        : `Could not connect: ${own.map(({ address, reach }) => `${address} ${reach}`).join(', ')}.`;
      return { probe, subject, skipReason };
    });
  });
}

/** The services that each connecting probe examines. */
const connectingProbes: { readonly [probe: string]: ((service: ServiceAudit) => boolean) | undefined } = {
  smtp: ({ service }) => service === 'smtp',
  relay: ({ service }) => service === 'smtp',
  login: ({ service }) => service !== 'smtp',
  tls: ({ session }) => session !== undefined,
};

/** Returns the subject of findings about a service. */
const nameOf = ({ host, port }: ServiceAudit): string => `${host}:${port}`;

const ofCheck = ({ subjects }: CheckReport, about: string): readonly Examined[] =>
  subjects
    .filter(({ subject }) => subject === about)
    .flatMap(({ answers }) => answers.map(({ check, subject }) => ({ probe: check, subject })));

const problems = ({ findings }: Case): readonly SheetFinding[] =>
  findings.filter(({ kind, severity }) => kind === 'problem' && severity !== 'info');

const isSkipped = (one: Case): boolean =>
  problems(one).length === 0 &&
  (one.skipReason !== undefined || one.findings.some(({ kind }) => kind === 'could-not-check'));

function testCase(about: string, one: Case): string {
  const head = `    <testcase classname="${xml(about)}" name="${xml(`${one.probe}: ${one.subject}`)}"`;
  if (one.findings.length === 0 && one.skipReason === undefined) return `${head}/>`;
  const failures = problems(one);
  const skipped = isSkipped(one) ? one.findings.filter(({ kind }) => kind === 'could-not-check') : [];
  const rest = one.findings.filter((finding) => !failures.includes(finding) && !skipped.includes(finding));
  // JUnit schemas allow one failure or one skip reason for each case.
  const [worst] = failures;
  return [
    `${head}>`,
    ...(worst === undefined
      ? []
      : [
          `      <failure type="${xml(`${worst.severity} ${worst.id}`)}" message="${xml(messages(failures))}">${xml(texts(failures))}</failure>`,
        ]),
    ...(isSkipped(one) ? [`      <skipped message="${xml(one.skipReason ?? messages(skipped))}"/>`] : []),
    ...(rest.length === 0 ? [] : [`      <system-out>${xml(texts(rest))}</system-out>`]),
    '    </testcase>',
  ].join('\n');
}

const messages = (findings: readonly SheetFinding[]): string => findings.map(({ what }) => what).join(' ');

const texts = (findings: readonly SheetFinding[]): string =>
  findings
    .map(({ id, severity, what, evidence, source, fix }) =>
      [`${severity} ${id}: ${what}`, ...evidence, `Fix: ${fix}`, `Source: ${source}`].join('\n'),
    )
    .join('\n\n');

const seconds = (ms: number): string => (ms / 1_000).toFixed(3);

/** Escapes text for XML 1.0. Forbidden characters (§2.2) become U+FFFD; line ends are escaped so that attributes keep them (§3.3.3). */
const xml = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML forbids.
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
