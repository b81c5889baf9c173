import type { DnsAnswer, RecordType } from '../../env/index.ts';
import { type DomainName, organizationalDomain } from '../../net/index.ts';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { RecordsAudit } from '../report.ts';
import { lookupFailed, type Questions, questionsOf, type RecordsContext, unansweredOf } from './questions.ts';

/** Hosts whose names are looked at. */
const MAX_HOSTS = 50;

/**
 * Whether a name that nobody has published takes mail too: a wildcard MX record (RFC 4592). A null MX says that it does not.
 *
 * @param label a label that does not exist
 */
export async function auditWildcard(
  domain: string,
  label: string,
  context: RecordsContext,
): Promise<{ readonly findings: readonly AuditFinding[] }> {
  const name = `${label}.${domain}`;
  const answer = await questionsOf(context).resolve(name, 'MX');
  const records = answer.status === 'found' ? answer.records.filter(({ exchange }) => exchange !== '') : [];
  if (records.length === 0) return { findings: [] };
  return {
    findings: [
      found(
        'mx-wildcard',
        domain,
        `A wildcard MX record makes every name below ${domain} take mail.`,
        records.map(({ preference, exchange }) => `${name} MX ${preference} ${exchange}`),
      ),
    ],
  };
}

type DnssecAudit = NonNullable<RecordsAudit['dnssec']>;

/**
 * Which of the names that mail depends on are signed, by the AD bit of the resolver (RFC 4035 §3.2.3). A resolver that sets
 * it for none of them, nor for the top-level domain, may not validate at all: then nothing is known.
 */
export async function auditDnssec(
  domain: string,
  hosts: readonly string[],
  context: RecordsContext,
): Promise<{ readonly audit: DnssecAudit; readonly findings: readonly AuditFinding[] }> {
  const dns = questionsOf(context);
  const signed = async (name: string, types: readonly RecordType[]): Promise<boolean | undefined> => {
    const answers = await Promise.all(types.map((type) => dns.resolve(name, type)));
    const there = answers.filter((answer) => answer.status === 'found');
    return there.length === 0 ? undefined : there.every((answer) => answer.status === 'found' && answer.authentic);
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

/** RFC 8659 §4, RFC 9495, and the registry of IANA. */
const properties: ReadonlySet<string> = new Set([
  'issue',
  'issuewild',
  'issuemail',
  'issuevmc',
  'iodef',
  'contactemail',
  'contactphone',
]);
/** RFC 8659 §4.2: a domain or nothing, then parameters. */
const ISSUER = /^[ \t]*(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)?[ \t]*(?:;.*)?$/i;

/** Which authorities may issue certificates for the MX hosts (RFC 8659 §3): each name's own records, or those above it. */
export async function auditCaa(
  domain: string,
  hosts: readonly string[],
  context: RecordsContext,
): Promise<{ readonly audit: CaaAudit; readonly findings: readonly AuditFinding[] }> {
  const dns = questionsOf(context);
  // What lies with a provider is not the domain's to publish.
  const organisation = organizationalDomain(domain as DomainName) ?? domain;
  const own = hosts.filter((host) => host === organisation || host.endsWith(`.${organisation}`)).slice(0, MAX_HOSTS);
  const looked = await Promise.all(own.map(async (host) => ({ host, ...(await climb(host, dns)) })));
  const audit = looked.map(({ host, name, answer }) => ({
    host: printable(host),
    ...(name === undefined ? {} : { name: printable(name) }),
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
        `No CAA record says who may issue certificates for ${bare
          .slice(0, 5)
          .map(({ host }) => host)
          .join(', ')}${bare.length > 5 ? ` and ${bare.length - 5} more` : ''}.`,
        bare.map(({ host }) => `${host} CAA: none, nor above it`),
      ),
    );
  const wrong = new Map<string, readonly string[]>();
  for (const { name, answer } of looked) {
    if (name === undefined || answer.status !== 'found' || wrong.has(name)) continue;
    const faults = answer.records.flatMap(({ critical, tag, value }) =>
      critical && !properties.has(tag)
        ? [`${tag} is critical and not known`]
        : /^issue(?:wild|mail|vmc)?$/.test(tag) && !ISSUER.test(value)
          ? [`${tag} "${printable(value, 60)}" names no authority`]
          : [],
    );
    if (faults.length > 0) wrong.set(name, faults);
  }
  for (const [name, faults] of wrong)
    findings.push(
      found('caa-record', name, `A CAA record of ${name} is wrong: ${faults.join('; ')}.`, [
        ...audit.filter((one) => one.name === name).flatMap(({ records }) => records),
      ]),
    );
  const unanswered = unansweredOf(looked.map(({ host, answer }) => ({ name: host, type: 'CAA', answer })));
  return { audit, findings: [...findings, ...lookupFailed('caa', domain, unanswered)] };
}

/** The records of the name, or of the first name above it that has some. */
async function climb(
  host: string,
  dns: Questions,
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
