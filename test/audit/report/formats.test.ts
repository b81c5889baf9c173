import type { AuditFinding, AuditReport, DomainAudit } from 'postern/audit';
import {
  diffReports,
  jsonReport,
  junitReport,
  newFindings,
  prometheusReport,
  readReport,
  sarifReport,
  textDiff,
  textReport,
} from 'postern/audit';
import { describe, expect, test } from 'vitest';
import { reportOf, tidy, troubled } from './html-sample.ts';

const finding = (over: Partial<AuditFinding> = {}): AuditFinding => ({
  id: 'mx-single',
  probe: 'mx',
  severity: 'high',
  kind: 'problem',
  subject: 'a.example',
  what: 'There is one.',
  source: 'RFC 5321 §5.1',
  fix: 'Add one.',
  evidence: ['a.example MX 10 mx'],
  ...over,
});
const about = (domain: string, ...findings: readonly AuditFinding[]): DomainAudit => ({
  ...tidy,
  domain,
  services: [],
  findings,
  state: findings.length === 0 ? 'clean' : 'problems',
});

/** Texts with syntax of the formats. */
const hostile = [
  '"/><failure message="x">',
  ']]> <!-- & &amp; --> <![CDATA[',
  '\'"\\ \\n \\',
  'two\nlines\r\nand\ttabs',
  'nul \u0000 bell \u0007 escape \u001b[2J',
  'half \ud800 of a character, \ufffe, \uffff',
  '{0} [a](https://attacker.example) %s',
  '\u202eturned round',
];
const attacked = (text: string): AuditReport =>
  reportOf(about('a.example', finding({ subject: text, what: text, fix: text, source: text, evidence: [text] })));

interface Result {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: string;
  readonly kind: string;
  readonly message: { readonly text: string };
  readonly locations: readonly { readonly physicalLocation: { readonly artifactLocation: { readonly uri: string } } }[];
  readonly partialFingerprints: { readonly [name: string]: string };
}
interface Run {
  readonly tool: { readonly driver: { readonly name: string; readonly rules: readonly { readonly id: string }[] } };
  readonly results: readonly Result[];
}
function sarifRun(report: AuditReport): Run {
  const log = JSON.parse(sarifReport(report)) as { readonly version: string; readonly runs: readonly [Run] };
  expect(log.version).toBe('2.1.0');
  return log.runs[0];
}
const fingerprints = (report: AuditReport): readonly (string | undefined)[] =>
  sarifRun(report).results.map((result) => result.partialFingerprints['posternFinding/v1']);

describe('SARIF', () => {
  test('sarif/each finding → a result; each rule appears once', () => {
    const { tool, results } = sarifRun(reportOf(troubled, { ...troubled, domain: 'example.net' }, tidy));
    const { rules } = tool.driver;
    expect(results).toHaveLength(2 * troubled.findings.length);
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
    for (const { ruleId, ruleIndex } of results) expect(rules[ruleIndex]?.id).toBe(ruleId);
    expect(new Set(results.map(({ locations }) => locations[0]?.physicalLocation.artifactLocation.uri))).toEqual(
      new Set(['example.org', 'example.net']),
    );
  });

  test.each([
    ['critical', 'problem', 'fail', 'error'],
    ['high', 'problem', 'fail', 'error'],
    ['medium', 'problem', 'fail', 'warning'],
    ['low', 'problem', 'fail', 'note'],
    ['info', 'problem', 'informational', 'none'],
    ['medium', 'could-not-check', 'open', 'none'],
  ] as const)('sarif/%s, %s → kind %s, level %s', (severity, kind, said, level) => {
    const { results } = sarifRun(reportOf(about('a.example', finding({ severity, kind }))));
    expect(results).toMatchObject([{ kind: said, level }]);
  });

  test('sarif/fingerprints → independent of the wording, different for other subjects and domains', () => {
    const base = fingerprints(reportOf(about('a.example', finding())));
    // A literal: changing it would make every known alert a new one.
    expect(base).toEqual(['8c7f5f1b8ced74cdb061c4ce604387bf']);
    expect(
      fingerprints(reportOf(about('a.example', finding({ what: 'x', severity: 'low', evidence: [], fix: 'y' })))),
    ).toEqual(base);
    const others = [
      about('b.example', finding()),
      about('a.example', finding({ subject: 'b.example' })),
      about('a.example', finding({ id: 'mx-none' })),
      about('a.example', finding(), finding({ what: 'again' })),
    ].flatMap((domain) => fingerprints(reportOf(domain)));
    expect(new Set([...base, ...others]).size).toBe(5);
  });

  test.each(hostile)('sarif/%j in every text → no placeholder, no link', (text) => {
    const { results } = sarifRun(attacked(text));
    const [result] = results;
    const said = result?.message.text.replaceAll(/\{\{|\}\}/g, '') ?? '';
    expect(said).not.toMatch(/[{}]|\]\(/);
  });
});

/** Parses the XML subset that junitReport may write. Throws if it is not well-formed. */
function elements(
  text: string,
): readonly { readonly name: string; readonly attributes: { readonly [name: string]: string } }[] {
  const found: { name: string; attributes: { [name: string]: string } }[] = [];
  const open: string[] = [];
  const tag = /<(?:\?xml [^<>]*\?|\/([a-z-]+)|([a-z-]+)((?: [a-z]+="[^"<>]*")*)(\/?))>/y;
  let at = 0;
  while (at < text.length) {
    const next = text.indexOf('<', at);
    const between = text.slice(at, next < 0 ? text.length : next);
    if (between.includes('>') || /&(?!(amp|lt|gt|quot|#\d+);)/.test(between)) throw new Error(`not text: ${between}`);
    if (open.length === 0 && between.trim() !== '') throw new Error(`outside of the root: ${between}`);
    if (next < 0) break;
    tag.lastIndex = next;
    const match = tag.exec(text);
    if (match === null) throw new Error(`no tag: ${text.slice(next, next + 80)}`);
    const [whole, end, name, attributes = '', empty] = match;
    if (end !== undefined && open.pop() !== end) throw new Error(`${end} closes another`);
    if (name !== undefined) {
      if (/&(?!(amp|lt|gt|quot|#\d+);)/.test(attributes)) throw new Error(`not an attribute: ${attributes}`);
      found.push({
        name,
        attributes: Object.fromEntries(
          [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
        ),
      });
      if (empty === '') open.push(name);
    }
    at = next + whole.length;
  }
  if (open.length > 0) throw new Error(`${open.join()} is not closed`);
  return found;
}

describe('JUnit', () => {
  test.each(hostile)('junit/%j in every text → well-formed, one failed case', (text) => {
    const xml = junitReport(attacked(text));
    // XML 1.0 §2.2.
    expect(xml).toMatch(/^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
    expect(elements(xml).filter(({ name }) => name === 'failure')).toHaveLength(1);
  });

  test('junit/counts → match the cases; totals match the suites', () => {
    const all = elements(
      junitReport(
        reportOf(
          troubled,
          tidy,
          about('a.example', finding({ severity: 'info' }), finding({ probe: 'spf', kind: 'could-not-check' })),
        ),
      ),
    );
    const count = (name: string): number => all.filter((one) => one.name === name).length;
    const sum = (field: string): number =>
      all
        .filter(({ name }) => name === 'testsuite')
        .reduce((total, { attributes }) => total + Number(attributes[field]), 0);
    expect(all[0]?.attributes).toMatchObject({
      tests: String(count('testcase')),
      failures: String(count('failure')),
      skipped: String(count('skipped')),
    });
    expect([sum('tests'), sum('failures'), sum('skipped')]).toEqual([
      count('testcase'),
      count('failure'),
      count('skipped'),
    ]);
    expect(count('skipped')).toBeGreaterThan(0);
    expect(count('testsuite')).toBe(3);
  });

  test('junit/no findings → a passed case for each probe', () => {
    const report: AuditReport = { ...reportOf(about('a.example')), probes: ['mx', 'spf', 'dmarc'] };
    const all = elements(junitReport(report));
    expect(all.filter(({ name }) => name === 'testcase')).toHaveLength(report.probes.length);
    expect(all.some(({ name }) => name === 'failure' || name === 'skipped')).toBe(false);
  });
});

/** Parses the Prometheus text format. Throws if a line is invalid. */
function series(text: string): readonly { readonly series: string; readonly value: number }[] {
  expect(text.endsWith('\n')).toBe(true);
  return text
    .slice(0, -1)
    .split('\n')
    .filter((line) => !/^# (HELP|TYPE) [a-z_]+ /.test(line))
    .map((line) => {
      const match =
        /^([a-z_]+(?:\{[a-z]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\"n])*")*\})?) (-?[\d.]+(?:e[+-]?\d+)?)$/.exec(
          line,
        );
      if (match === null) throw new Error(`no sample: ${line}`);
      return { series: match[1] ?? '', value: Number(match[2]) };
    });
}

describe('Prometheus', () => {
  test.each(hostile)('prometheus/%j in every text → stays inside its label', (text) => {
    const found = series(prometheusReport(attacked(text)));
    expect(found.filter((one) => one.series.startsWith('postern_audit_finding{'))).toHaveLength(1);
  });

  test('prometheus/duplicate findings and services → no duplicate series or descriptions', () => {
    const [service] = troubled.services;
    if (service === undefined) throw new Error('the sample has no service');
    const text = prometheusReport(
      reportOf({
        ...troubled,
        findings: [...troubled.findings, ...troubled.findings],
        services: [...troubled.services, service],
      }),
    );
    const names = series(text).map((one) => one.series);
    expect(new Set(names).size).toBe(names.length);
    const types = text.split('\n').filter((line) => line.startsWith('# TYPE'));
    expect(new Set(types).size).toBe(types.length);
  });

  test('prometheus/states, expiry times → numbers', () => {
    const found = series(prometheusReport(reportOf(troubled, tidy)));
    const of = (start: string): readonly number[] =>
      found.filter((one) => one.series.startsWith(start)).map(({ value }) => value);
    expect(of('postern_audit_state{domain="example.org",state="problems"}')).toEqual([1]);
    expect(of('postern_audit_state{domain="example.org",state="clean"}')).toEqual([0]);
    expect(of('postern_audit_timestamp_seconds')).toEqual([Date.parse('2026-03-02T08:30:04.310Z') / 1_000]);
    expect(
      of(
        'postern_audit_certificate_expiry_timestamp_seconds{domain="example.org",service="smtp",host="mx2.example.org"',
      ),
    ).toEqual([Date.parse('2026-02-18T12:00:00Z') / 1_000]);
    expect(of('postern_audit_service_open{domain="example.org",service="smtp",host="mx3.example.net"')).toEqual([0]);
  });
});

describe('text', () => {
  test.each(hostile)('text/%j in every text → no controls except line ends', (text) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain these.
    expect(textReport(attacked(text))).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  test('text/wrong and unknown options → TypeError', () => {
    expect(() => textReport(reportOf(tidy), { widht: 60 } as never)).toThrow(
      'textReport: unknown option widht (known: colour, width); did you mean width?',
    );
    expect(() => textDiff(diffReports(reportOf(tidy), reportOf(tidy)), { width: 0 })).toThrow(
      'textDiff: width must be a whole number, 1 or more, got 0',
    );
  });

  test('text/narrow terminal → wrapped', () => {
    const what = 'one two three four five six seven eight nine ten eleven twelve';
    const lines = textReport(reportOf(about('a.example', finding({ what, fix: what }))), { width: 40 }).split('\n');
    expect(lines.filter((line) => /(one|two|twelve)/.test(line)).every((line) => line.length <= 40)).toBe(true);
  });
});

describe('diff', () => {
  const before = reportOf(
    about(
      'a.example',
      finding({ id: 'mx-cname', severity: 'medium' }),
      finding({ id: 'mx-single', severity: 'low' }),
      finding({ id: 'spf-missing', probe: 'spf', severity: 'medium' }),
      finding({ id: 'tls-old', probe: 'tls', severity: 'medium' }),
    ),
    about('b.example', finding()),
  );
  const now: AuditReport = {
    ...reportOf(
      about('a.example', finding({ id: 'mx-none', severity: 'critical' }), finding({ severity: 'high' })),
      about('c.example', finding()),
    ),
    probes: ['mx', 'spf'],
  };
  const diff = diffReports(before, now);
  const ids = (findings: readonly AuditFinding[] | undefined): readonly string[] =>
    (findings ?? []).map(({ id }) => id);

  test('diff/one domain → new, resolved, changed and unchecked findings', () => {
    const [a] = diff.domains;
    expect(a?.audited).toBe('both');
    expect(ids(a?.appeared)).toEqual(['mx-none']);
    expect([...ids(a?.gone)].sort()).toEqual(['mx-cname', 'spf-missing']);
    expect(a?.changed.map(({ was, finding: { id, severity } }) => [id, was, severity])).toEqual([
      ['mx-single', 'low', 'high'],
    ]);
    expect(ids(a?.unknown)).toEqual(['tls-old']);
  });

  test('diff/domain in one report only → all new, none resolved', () => {
    const of = (name: string) => diff.domains.find(({ domain }) => domain === name);
    expect([of('c.example')?.audited, ids(of('c.example')?.appeared)]).toEqual(['now', ['mx-single']]);
    expect([of('b.example')?.audited, of('b.example')?.gone]).toEqual(['before', []]);
  });

  test('diff/readReport → the report from its JSON; TypeError for anything else', () => {
    expect(readReport(JSON.parse(jsonReport(now)))).toEqual(now);
    expect(() => readReport(diff)).toThrow(
      new TypeError(
        'readReport: value must be a report of postern audit --json: it is the output of --diff; pass a whole report',
      ),
    );
  });

  test('diff/newFindings → new and worse findings, not milder ones', () => {
    expect(newFindings(now, diff).domains.map(({ findings }) => ids(findings))).toEqual([
      ['mx-none', 'mx-single'],
      ['mx-single'],
    ]);
    expect(
      newFindings(before, diffReports(now, { ...before, probes: ['mx'] })).domains[0]?.findings.map(({ id }) => id),
    ).not.toContain('mx-single');
  });

  test('diff/other wording and evidence → no changes', () => {
    const reworded = reportOf(about('a.example', finding({ what: 'x', evidence: [] })));
    expect(diffReports(reportOf(about('a.example', finding())), reworded).domains).toMatchObject([
      { appeared: [], gone: [], changed: [], unknown: [] },
    ]);
  });

  test('diff/a finding about several subjects → compared subject by subject', () => {
    const of = (...names: readonly string[]): AuditReport =>
      reportOf(about('a.example', finding({ subject: 'a.example', subjects: names, what: `${names.length} alike` })));
    const changes = (was: AuditReport, is: AuditReport) =>
      diffReports(was, is).domains.map(({ appeared, gone }) =>
        [appeared, gone].map((all) => all.map(({ subject, subjects }) => subjects ?? subject)),
      );
    expect(changes(of('a', 'b', 'c'), of('c', 'b', 'a'))).toEqual([[[], []]]);
    expect(changes(of('a', 'b', 'c'), of('a', 'b', 'c', 'd'))).toEqual([[['d'], []]]);
    expect(changes(of('a', 'b', 'c', 'd'), of('b', 'c', 'd'))).toEqual([[[], ['a']]]);
    const single = reportOf(about('a.example', finding({ subject: 'a' }), finding({ subject: 'b' })));
    expect(changes(of('a', 'b', 'c'), single)).toEqual([[[], ['c']]]);
    expect(changes(single, of('a', 'b', 'c'))).toEqual([[['c'], []]]);
  });

  test('junit/a finding about several subjects → a failed case for each', () => {
    const subjects = ['a.example:25', 'b.example:25', 'c.example:25'];
    const text = junitReport(reportOf(about('a.example', finding({ probe: 'smtp', subject: 'a.example', subjects }))));
    for (const subject of subjects) expect(text).toMatch(new RegExp(`name="smtp: ${subject}">\\s*<failure`));
  });

  test('diff/text → each finding with its change', () => {
    const text = textDiff(diff);
    expect(text).toContain('new: critical mx-none (a.example)');
    expect(text).toContain('was low: high mx-single (a.example)');
    expect(text).toMatch(/resolved: medium mx-cname/);
    expect(text).toContain('b.example: not audited this time');
  });
});
