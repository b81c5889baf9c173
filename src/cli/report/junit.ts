import type { AuditReport, ServiceAudit } from '../../audit/index.ts';
import { apart } from '../../audit/index.ts';
import type { CheckReport } from '../check/report.ts';
import type { AnyReport, SheetFinding } from './sheet.ts';
import { sheetOf } from './sheet.ts';

/** One thing that was to be looked at. */
interface Looked {
  readonly probe: string;
  readonly subject: string;
  /** Why it was not. */
  readonly without?: string;
}

/** The same, and what was found. */
interface Case extends Looked {
  readonly findings: readonly SheetFinding[];
}

/**
 * JUnit's XML: a suite for each domain, and a case for each probe and subject, whose names stay the same from run to run. A
 * case fails where something is wrong, is skipped where that could not be found out, and passes otherwise: what is only
 * worth knowing stands in its output. Of a server that could not be talked to, nothing passes.
 */
export function junitReport(report: AnyReport): string {
  const suites = sheetOf(report).subjects.map(({ subject, findings, durationMs }) => {
    // A case is about one subject.
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

/** Everything that was to be looked at: what was found to be well is a case too. */
function casesOf(report: AnyReport, about: string, findings: readonly SheetFinding[]): readonly Case[] {
  const looked = report.schema === 'postern-audit-report' ? ofAudit(report, about) : ofCheck(report, about);
  const found = findings.map(({ probe, subject }) => ({ probe, subject }));
  // What was found of one address of a service is not well of the service.
  const marred = new Set(
    found
      .filter(({ subject }) => subject !== withoutAddress(subject))
      .map(({ probe, subject }) => keyOf({ probe, subject: withoutAddress(subject) })),
  );
  const all = [...looked.filter((one) => !marred.has(keyOf(one))), ...found];
  return [...new Map(all.map((one) => [keyOf(one), one])).values()].map((one) => ({
    ...one,
    findings: findings.filter((finding) => keyOf(finding) === keyOf(one)),
  }));
}

const keyOf = ({ probe, subject }: Looked): string => JSON.stringify([probe, subject]);

/** `mx.example.org:25` of `mx.example.org[192.0.2.1]:25`. */
const withoutAddress = (subject: string): string => subject.replace(/\[[^\]]*\]/, '');

function ofAudit({ probes, domains }: AuditReport, about: string): readonly Looked[] {
  const audit = domains.find(({ domain }) => domain === about);
  return probes.flatMap((probe) => {
    const part = talkingProbes[probe];
    if (audit === undefined || part === undefined) return [{ probe, subject: about }];
    const services = audit.services.filter(part);
    if (services.length === 0) return [{ probe, subject: about, without: 'There is no server to look at.' }];
    return [...new Set(services.map(nameOf))].map((subject) => {
      const own = services.filter((service) => nameOf(service) === subject);
      const without = own.some(({ reach }) => reach === 'open')
        ? undefined
        : `It could not be talked to: ${own.map(({ address, reach }) => `${address} ${reach}`).join(', ')}.`;
      return { probe, subject, without };
    });
  });
}

/** Probes that talk to servers, and to which of them. */
const talkingProbes: { readonly [probe: string]: ((service: ServiceAudit) => boolean) | undefined } = {
  smtp: ({ service }) => service === 'smtp',
  relay: ({ service }) => service === 'smtp',
  login: ({ service }) => service !== 'smtp',
  tls: ({ session }) => session !== undefined,
};

/** As findings name it. */
const nameOf = ({ host, port }: ServiceAudit): string => `${host}:${port}`;

const ofCheck = ({ subjects }: CheckReport, about: string): readonly Looked[] =>
  subjects
    .filter(({ subject }) => subject === about)
    .flatMap(({ answers }) => answers.map(({ check, subject }) => ({ probe: check, subject })));

const problems = ({ findings }: Case): readonly SheetFinding[] =>
  findings.filter(({ kind, severity }) => kind === 'problem' && severity !== 'info');

const isSkipped = (one: Case): boolean =>
  problems(one).length === 0 &&
  (one.without !== undefined || one.findings.some(({ kind }) => kind === 'could-not-check'));

function testCase(about: string, one: Case): string {
  const head = `    <testcase classname="${xml(about)}" name="${xml(`${one.probe}: ${one.subject}`)}"`;
  if (one.findings.length === 0 && one.without === undefined) return `${head}/>`;
  const failures = problems(one);
  const skipped = isSkipped(one) ? one.findings.filter(({ kind }) => kind === 'could-not-check') : [];
  const rest = one.findings.filter((finding) => !failures.includes(finding) && !skipped.includes(finding));
  // One failure, or one reason, for a case: the schemas that readers go by know no more.
  const [worst] = failures;
  return [
    `${head}>`,
    ...(worst === undefined
      ? []
      : [
          `      <failure type="${xml(`${worst.severity} ${worst.id}`)}" message="${xml(messages(failures))}">${xml(texts(failures))}</failure>`,
        ]),
    ...(isSkipped(one) ? [`      <skipped message="${xml(one.without ?? messages(skipped))}"/>`] : []),
    ...(rest.length === 0 ? [] : [`      <system-out>${xml(texts(rest))}</system-out>`]),
    '    </testcase>',
  ].join('\n');
}

const messages = (findings: readonly SheetFinding[]): string => findings.map(({ what }) => what).join(' ');

const texts = (findings: readonly SheetFinding[]): string =>
  findings
    .map(({ id, severity, what, evidence, source, fix }) =>
      [`${severity} ${id}: ${what}`, ...evidence, `Mend: ${fix}`, `Source: ${source}`].join('\n'),
    )
    .join('\n\n');

const seconds = (ms: number): string => (ms / 1_000).toFixed(3);

/** Text for XML 1.0: what it cannot bear, escaped or not (§2.2), is shown as U+FFFD; ends of lines outlast attributes (§3.3.3). */
const xml = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML cannot bear.
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
