import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import type { AuditReport } from '../../../src/audit/index.ts';
import { audit, auditCatalogue, probeNames, systemEnv, usualPorts } from '../../../src/audit/index.ts';
import { zone } from '../../../src/testing/index.ts';
import { manyDomains, reportOf, silent, tidy, troubled } from './html-sample.ts';

interface Schema {
  readonly $ref?: string;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly properties?: { readonly [name: string]: Schema };
  readonly items?: Schema;
  readonly pattern?: string;
}
const schema = JSON.parse(
  readFileSync(new URL('../../../src/audit/report.schema.json', import.meta.url), 'utf8'),
) as Schema & {
  readonly $defs: { readonly [name: string]: Schema };
};
const validate = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

/** Returns the schema errors of a report with their paths. */
function faults(report: unknown): readonly string[] {
  validate(report);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}

/** Converts a report to plain JSON. */
const plain = (report: AuditReport): unknown => JSON.parse(JSON.stringify(report));

const full = reportOf(
  {
    ...troubled,
    redundancy: {
      ...troubled.redundancy,
      counts: { ...troubled.redundancy.counts, asns: 2 },
      hosts: troubled.redundancy.hosts.map((host, i) =>
        i === 0
          ? { ...host, asns: [64_500], provider: 'Example', alias: 'a.example.net', partial: true }
          : { ...host, nonexistent: true, reason: 'servfail' },
      ),
      findings: [
        {
          id: 'mx-single',
          severity: 'high',
          subject: 'example.org',
          what: 'One.',
          source: 'RFC 5321 §5',
          fix: 'Add one.',
          evidence: ['example.org MX 10 mx'],
        },
      ],
    },
  },
  tidy,
  silent,
);

describe('valid reports', () => {
  test.each<[string, AuditReport]>([
    ['a domain in each state, with every optional field', full],
    ['many domains', manyDomains(5, 3)],
  ])('schema/%s → valid', (_, report) => expect(faults(plain(report))).toEqual([]));

  test.each<[string, Parameters<typeof zone>[0]]>([
    ['no records', {}],
    ['DNS failure', { 'example.org': 'temperror' }],
    [
      'all records published',
      {
        'example.org': {
          MX: [
            [10, 'mx1.example.org'],
            [20, 'mx2.example.org'],
          ],
          TXT: ['v=spf1 mx -all'],
        },
        'mx1.example.org': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] },
        'mx2.example.org': { A: ['198.51.100.1'] },
        '1.2.0.192.in-addr.arpa': { PTR: ['mx1.example.org'] },
        '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject; rua=mailto:d@example.org'] },
        '_smtp._tls.example.org': { TXT: ['v=TLSRPTv1; rua=mailto:t@example.org'] },
        's._domainkey.example.org': { TXT: ['v=DKIM1; p='] },
        '_imaps._tcp.example.org': { SRV: [[0, 1, 993, 'imap.example.org']] },
        '1.2.0.192.bl.example': { A: ['127.0.0.2'] },
      },
    ],
    ['a null MX', { 'example.org': { MX: [[0, '']] } }],
    ['hostile records', { 'example.org': { TXT: ['v=spf1 \u0007\u001b[2J<script>"'], MX: [[10, '192.0.2.1']] } }],
  ])('schema/audit(), %s → valid', async (_, data) => {
    const report = await audit(
      ['example.org'],
      {
        dnsOnly: true,
        lists: ['bl.example'],
        dkimSelectors: ['s', 'absent'],
        publicNetworks: ['192.0.2.0/24'],
        only: probeNames.filter((name) => name !== 'mta-sts'),
      },
      systemEnv({ dns: zone(data) }),
    );
    expect(faults(plain(report))).toEqual([]);
    expect(report.domains[0]?.findings).not.toEqual([]);
  });

  test('schema/unknown fields at every level → valid', () => {
    const more = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(more)
        : typeof value === 'object' && value !== null
          ? { ...Object.fromEntries(Object.entries(value).map(([key, one]) => [key, more(one)])), later: [1] }
          : value;
    expect(faults(more(plain(full)))).toEqual([]);
  });
});

/** Returns the report with one field replaced, or removed if the value is undefined. */
function withField(path: string, value: unknown): unknown {
  const report = plain(full);
  const names = path.split('.');
  const last = names.pop() ?? '';
  let at = report as { [name: string]: unknown };
  for (const name of names) at = at[name] as typeof at;
  expect(at, path).toHaveProperty([last]);
  if (value === undefined) delete at[last];
  else at[last] = value;
  return report;
}

describe('invalid reports', () => {
  test.each<[string, unknown]>([
    ['schema', 'postern-check-report'],
    ['version', 1],
    ['version', '1'],
    ['postern', 'new'],
    ['started', 'yesterday'],
    ['finished', '2026-03-02T08:30:00+01:00'],
    ['state', 'fine'],
    ['probes', []],
    ['probes', ['mx', 'mx']],
    ['probes.0', 'mail'],
    ['notes', undefined],
    ['notes.0', 1],
    ['domains', {}],
    ['domains', []],
    ['domains.0.findings', undefined],
    ['domains.0.durationMs', -1],
    ['domains.0.findings.0.id', 'Relay Open'],
    ['domains.0.findings.0.severity', 'fatal'],
    ['domains.0.findings.0.kind', 'maybe'],
    ['domains.0.findings.0.probe', 'mail'],
    ['domains.0.findings.0.fix', undefined],
    ['domains.0.findings.0.what', ''],
    ['domains.0.findings.0.evidence.0', 'bell \u0007'],
    ['domains.0.findings.0.evidence.0', 'a'.repeat(201)],
    ['domains.0.redundancy.counts.hosts', 1.5],
    ['domains.0.redundancy.hosts.0.state', 'gone'],
    ['domains.0.redundancy.hosts.0.preference', 65_536],
    ['domains.0.services.0.port', 0],
    ['domains.0.services.0.reach', 'ok'],
    ['domains.0.services.0.session.certificate.fingerprint', 'AB:CD'],
    ['domains.0.services.0.session.versions.TLSv1', 'no'],
    ['domains.0.records.spf.state', 'pass'],
    ['domains.0.records.mtaSts.policy.mode', 'on'],
    ['domains.0.records.lists.0.result', 'bad'],
  ])('schema/%s is %j → invalid at that path', (path, value) => {
    // The sample has no notes.
    const found =
      path === 'notes.0' ? faults({ ...(plain(full) as object), notes: [value] }) : faults(withField(path, value));
    const at = `/${path.split('.').join('/')}`;
    expect(found.length).toBeGreaterThan(0);
    for (const fault of found) expect(at.startsWith(fault.split(' ')[0] ?? '?'), fault).toBe(true);
  });
});

describe('the schema and the types', () => {
  const sources = [
    'src/audit/report.ts',
    'src/audit/finding.ts',
    'src/checks/mx-redundancy/report.ts',
    'src/checks/mx-redundancy/findings.ts',
    'src/dns/mail-hosts.ts',
  ].map((path) =>
    ts.createSourceFile(
      path,
      readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8'),
      ts.ScriptTarget.Latest,
    ),
  );
  /** Returns the fields of an interface, and whether each is optional. */
  function fieldsOf(name: string): { readonly [field: string]: boolean } {
    for (const statement of sources.flatMap((source) => [...source.statements]))
      if (ts.isInterfaceDeclaration(statement) && statement.name.text === name)
        return Object.fromEntries(
          statement.members
            .filter(ts.isPropertySignature)
            .map((member) => [(member.name as ts.Identifier).text, member.questionToken !== undefined]),
        );
    throw new Error(`there is no interface ${name}`);
  }
  const { domain, finding, redundancy, host, serviceAudit, tls, certificate, records, record } = schema.$defs;

  test.each<[string, Schema | undefined, readonly string[]]>([
    ['AuditReport', schema, []],
    ['DomainAudit', domain, []],
    ['AuditFinding', finding, []],
    ['RedundancyReport', redundancy, []],
    ['RedundancyCounts', redundancy?.properties?.counts, []],
    ['RedundancyFinding', redundancy?.properties?.findings?.items, []],
    ['RedundancyHost', host, ['MxHost']],
    ['MxHostAddress', host?.properties?.addresses?.items, []],
    ['ServiceAudit', serviceAudit, []],
    ['TlsAudit', tls, []],
    ['CertificateAudit', certificate, []],
    ['RecordsAudit', records, []],
    ['PublishedRecord', record, []],
  ])('schema/%s → same fields and same required fields as the type', (name, described, parents) => {
    const fields = Object.assign({}, ...[...parents, name].map(fieldsOf)) as { [field: string]: boolean };
    expect(Object.keys(described?.properties ?? {}).sort()).toEqual(Object.keys(fields).sort());
    expect([...(described?.required ?? [])].sort()).toEqual(
      Object.keys(fields)
        .filter((field) => fields[field] === false)
        .sort(),
    );
  });

  test('schema/probes and services → complete', () => {
    expect(schema.$defs.probe?.enum).toEqual(probeNames);
    expect(schema.$defs.service?.enum).toEqual(Object.keys(usualPorts));
  });

  test('schema/ids of all findings → match the pattern', () => {
    const pattern = new RegExp(schema.$defs.name?.pattern ?? '(?!)');
    expect(Object.keys(auditCatalogue).filter((id) => !pattern.test(id))).toEqual([]);
  });
});
