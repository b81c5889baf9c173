import type { DnsAnswer, RecordOf } from '../../env/index.ts';
import { parseDomain, parseIp } from '../../net/index.ts';
import { type AuditFinding, found } from '../finding.ts';
import type { RecordsAudit, ServiceName } from '../report.ts';
import { failedOf, lookupFailed, type ProbeResolver, probeResolver, type RecordsContext } from './probe-resolver.ts';

type SrvAudit = NonNullable<RecordsAudit['srv']>;

/** RFC 6186 §3, RFC 8314 §5.1, RFC 5804 §1.8. */
const labels: readonly (readonly [ServiceName, string])[] = [
  ['submission', '_submission._tcp'],
  ['submissions', '_submissions._tcp'],
  ['imap', '_imap._tcp'],
  ['imaps', '_imaps._tcp'],
  ['pop3', '_pop3._tcp'],
  ['pop3s', '_pop3s._tcp'],
  ['managesieve', '_sieve._tcp'],
];
/** Each service with implicit TLS and its counterpart with STARTTLS. */
const pairs: readonly (readonly [ServiceName, ServiceName])[] = [
  ['submissions', 'submission'],
  ['imaps', 'imap'],
  ['pop3s', 'pop3'],
];
/** Maximum number of records per service, and of hosts in total. */
const MAX_RECORDS = 20;
const MAX_HOSTS = 40;

/**
 * Checks the SRV records of the login services. A target `.` means that the service does not exist (RFC 2782).
 *
 * @returns `audit` contains the records that name a host, whether or not it has an address
 */
export async function auditSrv(
  domain: string,
  context: RecordsContext,
): Promise<{ readonly audit: SrvAudit; readonly findings: readonly AuditFinding[] }> {
  const dns = probeResolver(context);
  const answers = await Promise.all(
    labels.map(async ([service, label]) => {
      const name = `${label}.${domain}`;
      return { service, name, type: 'SRV' as const, answer: await dns.resolve(name, 'SRV') };
    }),
  );
  const records = new Map(answers.map(({ service, answer }) => [service, recordsOf(answer)]));
  const offered = [...records].flatMap(([service, all]) =>
    all.flatMap(({ target, port, priority, weight }) =>
      target === '' ? [] : [{ service, target, port, priority, weight }],
    ),
  );
  const hosts = [...new Set(offered.map(({ target }) => target))].slice(0, MAX_HOSTS);
  const looked = await Promise.all(hosts.map((host) => checkTarget(host, dns)));
  const failed = [...failedOf(answers), ...looked.flatMap((host) => host.failed)];

  const findings: AuditFinding[] = [];
  for (const { host, fault } of looked) {
    if (fault === undefined) continue;
    const naming = offered.filter(({ target }) => target === host);
    findings.push(
      found(
        'srv-target',
        domain,
        `The SRV record for ${[...new Set(naming.map(({ service }) => service))].join(' and ')} names ${host}, ${fault.what}.`,
        [
          ...naming.map(
            (one) => `${nameOf(one.service, domain)} SRV ${one.priority} ${one.weight} ${one.port} ${host}`,
          ),
          ...fault.evidence,
        ],
      ),
    );
  }
  for (const [tls, clear] of pairs) {
    const inClear = best(records.get(clear));
    const inTls = best(records.get(tls));
    const refused = (records.get(tls) ?? []).length > 0 && inTls === undefined;
    if (inClear === undefined || !(refused || (inTls !== undefined && inClear.priority < inTls.priority))) continue;
    findings.push(
      found(
        'srv-clear-preferred',
        domain,
        refused
          ? `${domain} announces ${clear}, but declares that it has no ${tls}.`
          : `${domain} announces ${clear} with a better priority (${inClear.priority}) than ${tls} (${inTls?.priority}).`,
        [inClear, inTls].flatMap((one) =>
          one === undefined
            ? []
            : [
                `${one === inClear ? nameOf(clear, domain) : nameOf(tls, domain)} SRV ${one.priority} ${one.weight} ${one.port} ${one.target}`,
              ],
        ),
      ),
    );
  }
  findings.push(...lookupFailed('srv', domain, failed));
  if (
    answers.every(({ answer }) => answer.status !== 'temperror') &&
    [...records.values()].every(({ length }) => length === 0)
  )
    findings.push(found('srv-missing', domain, `${domain} publishes no SRV records for its login services.`));
  return { audit: offered.filter(({ target }) => isHost(target)), findings };
}

const isHost = (target: string): boolean => parseIp(target) === undefined && parseDomain(target) !== undefined;

const nameOf = (service: ServiceName, domain: string): string =>
  `${labels.find(([known]) => known === service)?.[1]}.${domain}`;

const recordsOf = (answer: DnsAnswer<'SRV'>): readonly RecordOf<'SRV'>[] =>
  answer.status === 'found'
    ? answer.records
        .slice(0, MAX_RECORDS)
        .map((record) => ({ ...record, target: record.target.toLowerCase().replace(/\.$/, '') }))
    : [];

/** Returns the record that clients try first. */
const best = (records: readonly RecordOf<'SRV'>[] = []): RecordOf<'SRV'> | undefined =>
  records.filter(({ target }) => target !== '').sort((a, b) => a.priority - b.priority)[0];

interface Host {
  readonly host: string;
  readonly fault?: { readonly what: string; readonly evidence: readonly string[] };
  readonly failed: ReturnType<typeof failedOf>;
}

/** Checks that a target has an address and is not an alias (RFC 2782). */
async function checkTarget(host: string, dns: ProbeResolver): Promise<Host> {
  const fault = (what: string, evidence: readonly string[] = []): Host => ({
    host,
    fault: { what, evidence },
    failed: [],
  });
  if (parseIp(host) !== undefined) return fault('which is an IP address');
  if (parseDomain(host) === undefined) return fault('which is not a host name');
  const [v4, v6, alias] = await Promise.all([
    dns.resolve(host, 'A'),
    dns.resolve(host, 'AAAA'),
    dns.resolve(host, 'CNAME'),
  ]);
  const [target] = alias.status === 'found' ? alias.records : [];
  const failed = failedOf([
    { name: host, type: 'A', answer: v4 },
    { name: host, type: 'AAAA', answer: v6 },
  ]);
  if (target !== undefined) return fault('which is an alias', [`${host} CNAME ${target.name}`]);
  if (v4.status === 'found' || v6.status === 'found') return { host, failed: [] };
  if (failed.length > 0) return { host, failed };
  return fault('which has no address', [`${host} A: ${v4.status}`, `${host} AAAA: ${v6.status}`]);
}
