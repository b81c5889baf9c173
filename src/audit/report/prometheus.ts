import { wellFormed } from './characters.ts';
import type { AnyReport } from './sheet.ts';
import { sheetOf } from './sheet.ts';

interface Sample {
  readonly labels: { readonly [name: string]: string | number };
  readonly value: number;
}

/**
 * Prints a report in the Prometheus text format (version 0.0.4), for the textfile collector. Every metric is a gauge.
 * Metrics without a sample are left out.
 */
export function prometheusReport(report: AnyReport): string {
  const { kind, subjects } = sheetOf(report);
  const label = kind === 'audit' ? 'domain' : 'checked';
  const blocks = [
    metric(`postern_${kind}_timestamp_seconds`, 'Completion time in seconds since 1970.', [
      { labels: {}, value: Date.parse(report.finished) / 1_000 },
    ]),
    metric(
      `postern_${kind}_state`,
      'State: 1 for the current one of clean, problems and could-not-check.',
      subjects.flatMap(({ subject, state }) =>
        ['clean', 'problems', 'could-not-check'].map((one) => ({
          labels: { [label]: subject, state: one },
          value: one === state ? 1 : 0,
        })),
      ),
    ),
    metric(
      `postern_${kind}_finding`,
      'Findings.',
      subjects.flatMap(({ subject, findings }) =>
        findings.map((finding) => ({
          labels: {
            [label]: subject,
            id: finding.id,
            severity: finding.severity,
            kind: finding.kind,
            subject: finding.subject,
          },
          value: 1,
        })),
      ),
    ),
    metric(
      `postern_${kind}_duration_seconds`,
      'Duration in seconds.',
      subjects.map(({ subject, durationMs }) => ({ labels: { [label]: subject }, value: durationMs / 1_000 })),
    ),
  ];
  if (report.schema === 'postern-audit-report') {
    const services = report.domains.flatMap(({ domain, services: own }) => own.map((service) => ({ domain, service })));
    const labels = ({ domain, service }: (typeof services)[number]): Sample['labels'] => ({
      domain,
      service: service.service,
      host: service.host,
      address: service.address,
      port: service.port,
    });
    blocks.push(
      metric(
        'postern_audit_service_open',
        'Whether the service sends a valid greeting.',
        services.map((one) => ({ labels: labels(one), value: one.service.reach === 'open' ? 1 : 0 })),
      ),
      metric(
        'postern_audit_greeting_seconds',
        'Time until the greeting in seconds.',
        services.flatMap((one) =>
          one.service.greetingMs === undefined ? [] : [{ labels: labels(one), value: one.service.greetingMs / 1_000 }],
        ),
      ),
      metric(
        'postern_audit_starttls',
        'Whether a service without implicit TLS offers STARTTLS.',
        services.flatMap((one) =>
          one.service.starttls === undefined || one.service.tls === 'implicit'
            ? []
            : [{ labels: labels(one), value: one.service.starttls === 'offered' ? 1 : 0 }],
        ),
      ),
      metric(
        'postern_audit_certificate_expiry_timestamp_seconds',
        'Certificate expiry time in seconds since 1970.',
        services.flatMap((one) => {
          const end = Date.parse(one.service.session?.certificate?.notAfter ?? '');
          return Number.isNaN(end) ? [] : [{ labels: labels(one), value: end / 1_000 }];
        }),
      ),
      metric(
        'postern_audit_mx_hosts',
        'Counts of MX records, hosts, resolvable hosts, public hosts, addresses and networks.',
        report.domains.flatMap(({ domain, redundancy }) =>
          Object.entries(redundancy.counts).flatMap(([what, value]) =>
            typeof value === 'number' ? [{ labels: { domain, what }, value }] : [],
          ),
        ),
      ),
    );
  }
  return blocks.join('');
}

function metric(name: string, help: string, samples: readonly Sample[]): string {
  // Prometheus rejects the whole file if a series appears twice.
  const lines = new Map(
    samples.map(({ labels, value }) => {
      const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(String(text))}"`);
      return [`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`}`, value] as const;
    }),
  );
  for (const [line, value] of lines) if (!Number.isFinite(value)) lines.delete(line);
  if (lines.size === 0) return '';
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${[...lines].map(([line, value]) => `${line} ${value}\n`).join('')}`;
}

/** Escapes a label value. */
const escaped = (text: string): string =>
  wellFormed(text).replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n').replace(/\r/g, '\\\\r');
