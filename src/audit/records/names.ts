import type { DnsAnswer, RecordType } from '../../env/index.ts';
import { type DomainName, organizationalDomain } from '../../net/index.ts';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { RecordsAudit } from '../report.ts';
import { failedOf, lookupFailed, type ProbeResolver, probeResolver, type RecordsContext } from './probe-resolver.ts';

/** Maximum number of hosts checked. */
const MAX_HOSTS = 50;

/**
 * Checks for a wildcard MX record (RFC 4592). A wildcard null MX is fine.
 *
 * @param label a random label that cannot exist
 */
export async function auditWildcard(
  domain: string,
  label: string,
  context: RecordsContext,
): Promise<{ readonly findings: readonly AuditFinding[] }> {
  const name = `${label}.${domain}`;
  const answer = await probeResolver(context).resolve(name, 'MX');
  const records = answer.status === 'found' ? answer.records.filter(({ exchange }) => exchange !== '') : [];
  if (records.length === 0) return { findings: [] };
  return {
    findings: [
      found(
        'mx-wildcard',
        domain,
        `A wildcard MX record accepts mail for every name below ${domain}.`,
        records.map(({ preference, exchange }) => `${name} MX ${preference} ${exchange}`),
      ),
    ],
  };
}

type DnssecAudit = NonNullable<RecordsAudit['dnssec']>;

/**
 * Checks which of the names that mail depends on are signed, by the AD bit of the resolver (RFC 4035 §3.2.3). If the
 * resolver sets it neither for one of them nor for the top-level domain, it may not validate: the state is unknown then.
 */
export async function auditDnssec(
  domain: string,
  hosts: readonly string[],
  context: RecordsContext,
): Promise<{ readonly audit: DnssecAudit; readonly findings: readonly AuditFinding[] }> {
  const dns = probeResolver(context);
  const signed = async (name: string, types: readonly RecordType[]): Promise<boolean | undefined> => {
    const answers = await Promise.all(types.map((type) => dns.resolve(name, type)));
    const existing = answers.filter((answer) => answer.status === 'found');
    return existing.length === 0
      ? undefined
      : existing.every((answer) => answer.status === 'found' && answer.authentic);
  };
  const top = domain.slice(domain.lastIndexOf('.') + 1);
  const [own, validates, ...states] = await Promise.all([
    signed(domain, ['MX', 'SOA']),
    signed(top, ['NS', 'SOA']),
    ...hosts.slice(0, MAX_HOSTS).map((host) => signed(host, ['A', 'AAAA'])),
  ]);
  const names = [
    { name: domain, signed: own },
    ...hosts.slice(0, MAX_HOSTS).map((name, at) => ({ name, signed: states[at] })),
  ];
  const distinct = names.filter(({ name }, at) => names.findIndex((other) => other.name === name) === at);
  const known = validates === true || distinct.some((one) => one.signed === true);
  const audit = distinct.map((one) => ({
    name: printable(one.name),
    state:
      !known || one.signed === undefined
        ? ('unknown' as const)
        : one.signed
          ? ('signed' as const)
          : ('unsigned' as const),
  }));
  const unsigned = audit.filter(({ state }) => state === 'unsigned').map(({ name }) => name);
  if (unsigned.length === 0) return { audit, findings: [] };
  return {
    audit,
    findings: [
      found(
        'dnssec-unsigned',
        domain,
        `The DNS records of ${unsigned.slice(0, 5).join(', ')}${unsigned.length > 5 ? ` and ${unsigned.length - 5} more` : ''} are not signed.`,
        audit.map(({ name, state }) => `${name}: ${state}`),
      ),
    ],
  };
}

type CaaAudit = NonNullable<RecordsAudit['caa']>;

/** RFC 8659 §4, RFC 9495, and the IANA registry. */
const properties: ReadonlySet<string> = new Set([
  'issue',
  'issuewild',
  'issuemail',
  'issuevmc',
  'iodef',
  'contactemail',
  'contactphone',
]);
/** RFC 8659 §4.2: an optional domain, then parameters. */
const ISSUER = /^[ \t]*(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)?[ \t]*(?:;.*)?$/i;

/** Checks which authorities may issue certificates for the MX hosts, by their own CAA records or those of a parent (RFC 8659 §3). */
export async function auditCaa(
  domain: string,
  hosts: readonly string[],
  context: RecordsContext,
): Promise<{ readonly audit: CaaAudit; readonly findings: readonly AuditFinding[] }> {
  const dns = probeResolver(context);
  // The domain cannot publish records for hosts of a provider.
  const organisation = organizationalDomain(domain as DomainName) ?? domain;
  const own = hosts.filter((host) => host === organisation || host.endsWith(`.${organisation}`)).slice(0, MAX_HOSTS);
  const looked = await Promise.all(own.map(async (host) => ({ host, ...(await relevantCaa(host, dns)) })));
  const audit = looked.map(({ host, name, answer }) => ({
    host: printable(host),
    name: name && printable(name),
    records:
      answer.status === 'found'
        ? answer.records.map(({ critical, tag, value }) => printable(`${critical ? 128 : 0} ${tag} "${value}"`))
        : [],
  }));
  const bare = looked.filter(({ answer }) => answer.status === 'nodata' || answer.status === 'nxdomain');
  const findings: AuditFinding[] = [];
  if (bare.length > 0)
    findings.push(
      found(
        'caa-missing',
        domain,
        `No CAA record restricts who may issue certificates for ${bare
          .slice(0, 5)
          .map(({ host }) => host)
          .join(', ')}${bare.length > 5 ? ` and ${bare.length - 5} more` : ''}.`,
        bare.map(({ host }) => `${host} CAA: none, also for its parent domains`),
      ),
    );
  const wrong = new Map<string, readonly string[]>();
  for (const { name, answer } of looked) {
    if (name === undefined || answer.status !== 'found' || wrong.has(name)) continue;
    const faults = answer.records.flatMap(({ critical, tag, value }) =>
      critical && !properties.has(tag)
        ? [`${tag} is critical and unknown`]
        : /^issue(?:wild|mail|vmc)?$/.test(tag) && !ISSUER.test(value)
          ? [`${tag} "${printable(value, 60)}" does not name an authority`]
          : [],
    );
    if (faults.length > 0) wrong.set(name, faults);
  }
  for (const [name, faults] of wrong)
    findings.push(
      found('caa-record', name, `A CAA record of ${name} is invalid: ${faults.join('; ')}.`, [
        ...audit.filter((one) => one.name === name).flatMap(({ records }) => records),
      ]),
    );
  const unanswered = failedOf(looked.map(({ host, answer }) => ({ name: host, type: 'CAA', answer })));
  return { audit, findings: [...findings, ...lookupFailed('caa', domain, unanswered)] };
}

/** Returns the records of the name, or of its nearest parent that has some. */
async function relevantCaa(
  host: string,
  dns: ProbeResolver,
): Promise<{ readonly name?: string; readonly answer: DnsAnswer<'CAA'> }> {
  const labels = host.split('.');
  let answer: DnsAnswer<'CAA'> = { status: 'nodata', ttl: 0 };
  for (let at = 0; at < labels.length; at++) {
    const name = labels.slice(at).join('.');
    answer = await dns.resolve(name, 'CAA');
    if (answer.status === 'found' && answer.records.length > 0) return { name, answer };
    if (answer.status === 'temperror') return { answer };
  }
  return { answer };
}
