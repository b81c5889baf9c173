import { fc, test as property } from '@fast-check/vitest';
import type { AuditReport } from 'postern/audit';
import {
  diffReports,
  jsonReport,
  junitReport,
  prometheusReport,
  sarifReport,
  textDiff,
  textReport,
} from 'postern/audit';
import { expect, test } from 'vitest';

/** A report with a problem, an unknown result, a reachable and an unreachable server, and a note. */
const report: AuditReport = {
  schema: 'postern-audit-report',
  version: 2,
  postern: '0.1.0',
  started: '2026-03-02T08:30:00.000Z',
  finished: '2026-03-02T08:30:02.500Z',
  state: 'problems',
  probes: ['mx', 'smtp', 'relay', 'tls', 'spf'],
  notes: ['This machine has no IPv6: IPv6 addresses were not checked.'],
  domains: [
    {
      domain: 'example.org',
      state: 'problems',
      durationMs: 2_500,
      findings: [
        {
          id: 'relay-open',
          probe: 'relay',
          severity: 'critical',
          kind: 'problem',
          subject: 'mx1.example.org:25',
          what: 'It takes <a@example.com>.',
          source: 'RFC 5321 §7.9',
          fix: 'Accept recipients of your own domains only.',
          evidence: ['RCPT TO:<a@example.com>: 250 2.1.5 "Ok" {1}'],
        },
        {
          id: 'lookup-failed',
          probe: 'spf',
          severity: 'medium',
          kind: 'could-not-check',
          subject: 'example.org',
          what: 'The DNS did not answer.',
          source: 'RFC 1035 §7',
          fix: 'Ask again.',
          evidence: [],
        },
      ],
      redundancy: {
        domain: 'example.org',
        state: 'pass',
        summary: 'Mail survives the loss of one server.',
        counts: { records: 2, hosts: 2, resolvable: 2, public: 2, addresses: 2, networks: 2 },
        hosts: [
          {
            host: 'mx1.example.org',
            preference: 10,
            state: 'usable',
            addresses: [{ address: '192.0.2.1' as never, scope: 'public' }],
            networks: ['192.0.2.0/24'],
          },
          {
            host: 'mx2.example.org',
            preference: 20,
            state: 'usable',
            addresses: [{ address: '198.51.100.1' as never, scope: 'public' }],
            networks: ['198.51.100.0/24'],
            provider: 'Example',
          },
        ],
        findings: [],
      },
      services: [
        {
          service: 'smtp',
          host: 'mx1.example.org',
          address: '192.0.2.1',
          port: 25,
          tls: 'starttls',
          because: 'mx',
          preference: 10,
          reach: 'open',
          greetingMs: 42,
          starttls: 'offered',
          session: {
            versions: { 'TLSv1.2': true, 'TLSv1.3': true },
            negotiated: 'TLSv1.3',
            certificate: {
              subject: 'CN=mx1.example.org',
              issuer: 'CN=Authority',
              names: ['mx1.example.org'],
              notBefore: '2026-01-05T00:00:00.000Z',
              notAfter: '2026-04-05T00:00:00.000Z',
              chain: 'valid',
              selfSigned: false,
              nameMatches: true,
              key: 'EC P-256',
              signature: 'ECDSA SHA-256',
              fingerprint: '3f'.repeat(32),
            },
          },
        },
        {
          service: 'smtp',
          host: 'mx2.example.org',
          address: '198.51.100.1',
          port: 25,
          tls: 'starttls',
          because: 'mx',
          preference: 20,
          reach: 'refused',
        },
      ],
      records: { spf: { state: 'could-not-check' } },
    },
  ],
};

test('golden/text → state, MX hosts, services, findings by severity', () => {
  expect(`\n${textReport(report)}`).toBe(`
Note: This machine has no IPv6: IPv6 addresses were not checked.

example.org: problems (1 critical, 1 not checked)

  Mail survives the loss of one server.

  MX  host             address       state
  10  mx1.example.org  192.0.2.1     usable
  20  mx2.example.org  198.51.100.1  usable (Example)

  service  host                address       state    TLS  certificate
  smtp     mx1.example.org:25  192.0.2.1     open     1.3  until 2026-04-05
  smtp     mx2.example.org:25  198.51.100.1  refused  -    -

  critical relay-open (mx1.example.org:25)
    Open relay
    It takes <a@example.com>.
    | RCPT TO:<a@example.com>: 250 2.1.5 "Ok" {1}
    Fix: Accept recipients of your own domains only.
    Source: RFC 5321 §7.9

  not checked (medium) lookup-failed (example.org)
    DNS lookup failed
    The DNS did not answer.
    Fix: Ask again.
    Source: RFC 1035 §7

Audited on 2026-03-02 08:30 UTC by postern 0.1.0 in 2.5 s; skipped: failover,
login, mta-sts, dane, tls-rpt, dkim, dmarc, srv, ptr, lists, dnssec, caa.
`);
});

test('golden/coloured text → bold state, coloured severities', () => {
  const lines = textReport(report, { colour: true }).split('\n');
  expect(lines).toContain('\u001b[1mexample.org: problems (1 critical, 1 not checked)\u001b[0m');
  expect(lines).toContain('  \u001b[1;31mcritical\u001b[0m relay-open (mx1.example.org:25)');
  expect(lines).toContain('  \u001b[33mnot checked (medium)\u001b[0m lookup-failed (example.org)');
});

test('golden/JSON → indented, parses to the same report', () => {
  expect(jsonReport(report)).toBe(`${JSON.stringify(report, undefined, 2)}\n`);
  expect(JSON.parse(jsonReport(report))).toEqual(report);
});

property.prop([fc.string({ unit: 'binary' })])(
  'golden/JSON with any text → parses to the same report, without controls',
  (text) => {
    const noted = { ...report, notes: [text] };
    const printed = jsonReport(noted);
    expect(JSON.parse(printed)).toEqual(noted);
    expect(printed).not.toMatch(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
  },
);

test('golden/SARIF → one run with rules and results', () => {
  expect(JSON.parse(sarifReport(report))).toEqual({
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'postern',
            semanticVersion: '0.1.0',
            rules: [
              {
                id: 'lookup-failed',
                shortDescription: {
                  text: 'DNS lookup failed.',
                },
                fullDescription: {
                  text: 'DNS lookup failed (RFC 1035 §7).',
                },
                help: {
                  text: 'Check the name servers of the domain, then run the audit again. Source: RFC 1035 §7.',
                },
                helpUri: 'https://www.rfc-editor.org/rfc/rfc1035#section-7',
                defaultConfiguration: {
                  level: 'warning',
                },
                properties: {
                  tags: ['security', 'mail', 'spf'],
                  'security-severity': '5.0',
                },
              },
              {
                id: 'relay-open',
                shortDescription: {
                  text: 'Open relay.',
                },
                fullDescription: {
                  text: 'Open relay (RFC 5321 §7.9, RFC 2505 §2.1).',
                },
                help: {
                  text: 'Accept recipients in your own domains only, unless the client has logged in or is in a network that you trust. Source: RFC 5321 §7.9, RFC 2505 §2.1.',
                },
                helpUri: 'https://www.rfc-editor.org/rfc/rfc5321#section-7.9',
                defaultConfiguration: {
                  level: 'error',
                },
                properties: {
                  tags: ['security', 'mail', 'relay'],
                  'security-severity': '9.5',
                },
              },
            ],
          },
        },
        automationDetails: {
          id: 'postern/audit/',
        },
        invocations: [
          {
            executionSuccessful: true,
            startTimeUtc: '2026-03-02T08:30:00.000Z',
            endTimeUtc: '2026-03-02T08:30:02.500Z',
            toolExecutionNotifications: [
              {
                level: 'note',
                message: {
                  text: 'This machine has no IPv6: IPv6 addresses were not checked.',
                },
              },
            ],
          },
        ],
        results: [
          {
            ruleId: 'relay-open',
            ruleIndex: 1,
            kind: 'fail',
            level: 'error',
            message: {
              text: 'It takes <a@example.com>.\nRCPT TO:<a@example.com>: 250 2.1.5 "Ok" {{1}}\nFix: Accept recipients of your own domains only.',
            },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: {
                    uri: 'example.org',
                  },
                  region: {
                    startLine: 1,
                  },
                },
                logicalLocations: [
                  {
                    name: 'mx1.example.org:25',
                    fullyQualifiedName: 'example.org/mx1.example.org:25',
                    kind: 'resource',
                  },
                ],
              },
            ],
            partialFingerprints: {
              'posternFinding/v1': 'c5def5ceef4652f955ffc64c8459e615',
            },
            properties: {
              severity: 'critical',
              probe: 'relay',
            },
          },
          {
            ruleId: 'lookup-failed',
            ruleIndex: 0,
            kind: 'open',
            level: 'none',
            message: {
              text: 'The DNS did not answer.\nFix: Ask again.',
            },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: {
                    uri: 'example.org',
                  },
                  region: {
                    startLine: 1,
                  },
                },
                logicalLocations: [
                  {
                    name: 'example.org',
                    fullyQualifiedName: 'example.org/example.org',
                    kind: 'resource',
                  },
                ],
              },
            ],
            partialFingerprints: {
              'posternFinding/v1': '515c134db4f06f53d75a1698d13a1cbd',
            },
            properties: {
              severity: 'medium',
              probe: 'spf',
            },
          },
        ],
      },
    ],
  });
});

test('golden/JUnit → a case for each probe and subject; none passes for an unreachable server', () => {
  expect(`\n${junitReport(report)}`).toBe(`
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="postern" tests="7" failures="1" errors="0" skipped="3" time="2.500">
  <testsuite name="example.org" tests="7" failures="1" errors="0" skipped="3" time="2.500" timestamp="2026-03-02T08:30:00">
    <testcase classname="example.org" name="mx: example.org"/>
    <testcase classname="example.org" name="smtp: mx1.example.org:25"/>
    <testcase classname="example.org" name="smtp: mx2.example.org:25">
      <skipped message="Could not connect: 198.51.100.1 refused."/>
    </testcase>
    <testcase classname="example.org" name="relay: mx1.example.org:25">
      <failure type="critical relay-open" message="It takes &lt;a@example.com&gt;.">critical relay-open: It takes &lt;a@example.com&gt;.&#10;RCPT TO:&lt;a@example.com&gt;: 250 2.1.5 &quot;Ok&quot; {1}&#10;Fix: Accept recipients of your own domains only.&#10;Source: RFC 5321 §7.9</failure>
    </testcase>
    <testcase classname="example.org" name="relay: mx2.example.org:25">
      <skipped message="Could not connect: 198.51.100.1 refused."/>
    </testcase>
    <testcase classname="example.org" name="tls: mx1.example.org:25"/>
    <testcase classname="example.org" name="spf: example.org">
      <skipped message="The DNS did not answer."/>
    </testcase>
  </testsuite>
</testsuites>
`);
});

test('golden/Prometheus → gauges', () => {
  expect(`\n${prometheusReport(report)}`).toBe(`
# HELP postern_audit_timestamp_seconds Completion time in seconds since 1970.
# TYPE postern_audit_timestamp_seconds gauge
postern_audit_timestamp_seconds 1772440202.5
# HELP postern_audit_state State: 1 for the current one of clean, problems and could-not-check.
# TYPE postern_audit_state gauge
postern_audit_state{domain="example.org",state="clean"} 0
postern_audit_state{domain="example.org",state="problems"} 1
postern_audit_state{domain="example.org",state="could-not-check"} 0
# HELP postern_audit_finding Findings.
# TYPE postern_audit_finding gauge
postern_audit_finding{domain="example.org",id="relay-open",severity="critical",kind="problem",subject="mx1.example.org:25"} 1
postern_audit_finding{domain="example.org",id="lookup-failed",severity="medium",kind="could-not-check",subject="example.org"} 1
# HELP postern_audit_duration_seconds Duration in seconds.
# TYPE postern_audit_duration_seconds gauge
postern_audit_duration_seconds{domain="example.org"} 2.5
# HELP postern_audit_service_open Whether the service sends a valid greeting.
# TYPE postern_audit_service_open gauge
postern_audit_service_open{domain="example.org",service="smtp",host="mx1.example.org",address="192.0.2.1",port="25"} 1
postern_audit_service_open{domain="example.org",service="smtp",host="mx2.example.org",address="198.51.100.1",port="25"} 0
# HELP postern_audit_greeting_seconds Time until the greeting in seconds.
# TYPE postern_audit_greeting_seconds gauge
postern_audit_greeting_seconds{domain="example.org",service="smtp",host="mx1.example.org",address="192.0.2.1",port="25"} 0.042
# HELP postern_audit_starttls Whether a service without implicit TLS offers STARTTLS.
# TYPE postern_audit_starttls gauge
postern_audit_starttls{domain="example.org",service="smtp",host="mx1.example.org",address="192.0.2.1",port="25"} 1
# HELP postern_audit_certificate_expiry_timestamp_seconds Certificate expiry time in seconds since 1970.
# TYPE postern_audit_certificate_expiry_timestamp_seconds gauge
postern_audit_certificate_expiry_timestamp_seconds{domain="example.org",service="smtp",host="mx1.example.org",address="192.0.2.1",port="25"} 1775347200
# HELP postern_audit_mx_hosts Counts of MX records, hosts, resolvable hosts, public hosts, addresses and networks.
# TYPE postern_audit_mx_hosts gauge
postern_audit_mx_hosts{domain="example.org",what="records"} 2
postern_audit_mx_hosts{domain="example.org",what="hosts"} 2
postern_audit_mx_hosts{domain="example.org",what="resolvable"} 2
postern_audit_mx_hosts{domain="example.org",what="public"} 2
postern_audit_mx_hosts{domain="example.org",what="addresses"} 2
postern_audit_mx_hosts{domain="example.org",what="networks"} 2
`);
});

test('golden/diff → new, changed, resolved and unchecked findings', () => {
  const [domain] = report.domains;
  const [relay, lookup] = domain?.findings ?? [];
  if (domain === undefined || relay === undefined || lookup === undefined) throw new Error('the report is empty');
  const of = (findings: typeof domain.findings): AuditReport => ({ ...report, domains: [{ ...domain, findings }] });
  const spf = { ...lookup, id: 'spf-missing', kind: 'problem', what: 'There is no SPF record.' } as const;
  const old = { ...relay, id: 'tls-old', probe: 'tls', severity: 'medium', what: 'TLS 1.0 is spoken.' } as const;
  const before = of([{ ...relay, severity: 'high' }, old, spf]);
  expect(`\n${textDiff(diffReports(before, report))}`).toBe(`
Changes from 2026-03-02T08:30:02.500Z to 2026-03-02T08:30:02.500Z

example.org: 1 new, 1 changed, 1 resolved, 1 not checked again

  new: not checked (medium) lookup-failed (example.org)
    DNS lookup failed
    The DNS did not answer.
    Fix: Ask again.
    Source: RFC 1035 §7

  was high: critical relay-open (mx1.example.org:25)
    Open relay
    It takes <a@example.com>.
    | RCPT TO:<a@example.com>: 250 2.1.5 "Ok" {1}
    Fix: Accept recipients of your own domains only.
    Source: RFC 5321 §7.9

  resolved: medium tls-old (mx1.example.org:25)

  not checked again: medium spf-missing (example.org)
`);
});
