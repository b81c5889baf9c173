import { checkRedundancy } from '../checks/mx-redundancy/index.ts';
import { wrongOption } from '../core/index.ts';
import type { DomainName } from '../net/index.ts';
import { parseDomain, parseIp } from '../net/index.ts';
import type { AuditContext, AuditEnv } from './context.ts';
import type { AuditFinding } from './finding.ts';
import { found as makeFinding, ofRedundancy } from './finding.ts';
import { grouped } from './group.ts';
import type { AuditOptions } from './options.ts';
import { readOptions } from './options.ts';
import { packageVersion } from './package-version.ts';
import {
  auditCaa,
  auditDkim,
  auditDmarc,
  auditDnssec,
  auditLists,
  auditMtaSts,
  auditPtr,
  auditSpf,
  auditSrv,
  auditTlsRpt,
  auditWildcard,
  mtaStsFindings,
} from './records/index.ts';
import type { AuditReport, DomainAudit, RecordsAudit, ServiceAudit } from './report.ts';
import { REPORT_VERSION } from './report.ts';
import { type AnswerCounts, countingResolver, silentSide } from './resolver.ts';
import { auditLogins, auditMxHosts, publicAddressesOf } from './services.ts';
import { failoverFindings } from './smtp/index.ts';
import { type Notes, Steps } from './steps.ts';
import { trustNote } from './trust.ts';
import { compare, inOrder, stateOf, worst } from './verdict.ts';
import { limitConnections } from './wire/index.ts';

/**
 * Audits domains in parallel. Rejects only for wrong arguments: trouble with servers and the DNS ends up in the report.
 *
 * @throws {TypeError} if a domain is not a domain name, or an option is wrong
 */
export async function audit(domains: readonly string[], options: AuditOptions, env: AuditEnv): Promise<AuditReport> {
  const settings = readOptions(options);
  const names = [...new Set(domains.map(domainName))];
  if (names.length === 0) throw wrongOption('audit', 'domains', 'an array with at least one domain', domains);
  const context: AuditContext = {
    ...env,
    connect: limitConnections(env.connect, settings.connectionsPerService),
    settings,
    signal: options.signal,
    progress(event) {
      try {
        options.onProgress?.(event);
      } catch {
        // An exception in onProgress must not disturb the audit.
      }
    },
  };
  const started = env.clock.now();
  const notes: Notes = { texts: new Set(), here: new Set() };
  const audits = await Promise.all(names.map((domain) => auditDomain(domain, context, notes)));
  return {
    schema: 'postern-audit-report',
    version: REPORT_VERSION,
    postern: packageVersion(),
    started: new Date(started).toISOString(),
    finished: new Date(env.clock.now()).toISOString(),
    state: worst(audits.map(({ state }) => state)),
    probes: [...settings.probes],
    notes: [...(notes.here.size > 0 ? [trustNote([...notes.here].sort(compare))] : []), ...notes.texts],
    domains: audits,
  };
}

function domainName(text: string): DomainName {
  const domain = parseIp(text) === undefined ? parseDomain(text) : undefined;
  if (domain === undefined) throw wrongOption('audit', 'domain', 'a domain name like "example.org"', text);
  return domain;
}

async function auditDomain(domain: DomainName, outer: AuditContext, notes: Notes): Promise<DomainAudit> {
  const counts: AnswerCounts = { within: 0, outside: 0, failures: [] };
  const context = { ...outer, dns: countingResolver(outer.dns, domain, counts) };
  const { settings, clock, signal } = context;
  const started = clock.now();
  const steps = new Steps(domain, context, notes);

  // DNS records are looked up at once. Servers are checked as soon as their names are known.
  const { minimum, providers, publicNetworks } = settings;
  const mx = checkRedundancy(domain, context, { minimum, providers, publicNetworks, signal });
  const takesMail = mx.then(({ state }) => state !== 'not-applicable');
  const mtaSts = steps.probe('mta-sts', () => auditMtaSts(domain, context));
  const srv =
    steps.wanted('srv') || (!settings.dnsOnly && steps.wanted('login', 'tls'))
      ? steps.run('srv', () => auditSrv(domain, context))
      : Promise.resolve(undefined);
  const published = Promise.all([
    steps.probe('spf', () => auditSpf(domain, context, { sends: takesMail })),
    steps.probe('dmarc', () => auditDmarc(domain, context)),
    steps.probe('dkim', () => auditDkim(domain, settings.dkimSelectors, context)),
    steps.probe('tls-rpt', () => auditTlsRpt(domain, context)),
  ]);

  const redundancy = await mx;
  const { hosts } = redundancy;
  const addresses = [...new Set(hosts.flatMap(publicAddressesOf))];
  const policy = mtaSts.then((known) => known?.audit.policy);
  const announced = srv.then((known) => known?.audit);
  const usable = hosts.filter(({ state }) => state === 'usable').map(({ host }) => host);
  const label = `postern-${Buffer.from(context.randomBytes(6)).toString('hex')}`;
  const [[spf, dmarc, dkim, tlsRpt], sts, srvKnown, dnssec, caa, , ptr, lists, mxHosts, logins] = await Promise.all([
    published,
    mtaSts,
    srv,
    steps.probe('dnssec', () => auditDnssec(domain, usable, context)),
    usable.length === 0 ? undefined : steps.probe('caa', () => auditCaa(domain, usable, context)),
    steps.probe('mx', () => auditWildcard(domain, label, context)),
    addresses.length === 0 ? undefined : steps.probe('ptr', () => auditPtr(addresses, context)),
    addresses.length === 0 || settings.lists.length === 0
      ? undefined
      : steps.probe('lists', () => auditLists(addresses, settings.lists, context)),
    settings.dnsOnly ? [] : auditMxHosts(domain, hosts, policy, steps, context),
    settings.dnsOnly ? [] : auditLogins(domain, hosts, announced, steps, context),
  ]);

  const found: AuditFinding[] = [...redundancy.findings.map(ofRedundancy), ...steps.findings];
  if (sts?.audit.policy !== undefined && (await takesMail))
    found.push(
      ...mtaStsFindings(
        domain,
        sts.audit.policy,
        hosts.map(({ host }) => host),
      ),
    );
  if (usable.length > 0 && !addresses.some((address) => address.includes(':')) && !hosts.some(({ partial }) => partial))
    found.push(makeFinding('mx-no-ipv6', domain, `No MX host of ${domain} has an IPv6 address.`));
  const failover = mxHosts.length === 0 ? [] : failoverFindings(domain, mxHosts, redundancy);
  // One cause, one finding: if no MX host is reachable, the domain has one finding instead of one per host.
  const lost = failover.some(({ id }) => id === 'smtp-all-unreachable' || id === 'smtp-blocked-here');
  const receivesMail = redundancy.state !== 'not-applicable' && !redundancy.findings.some(({ id }) => id === 'mx-none');
  const silent = await silentSide(domain, counts, outer);
  const all =
    silent === 'resolver'
      ? [
          makeFinding('resolver-down', domain, 'The DNS resolver answered none of the queries.', counts.failures, {
            probe: [...settings.probes][0],
          }),
        ]
      : [...found, ...failover].filter(
          ({ id, probe }) =>
            settings.probes.has(probe) &&
            !(lost && id === 'smtp-unreachable') &&
            (receivesMail || !forMail.has(id)) &&
            // If the name servers of the domain are silent, the finding about the MX records is enough.
            !(silent === 'domain' && id === 'lookup-failed' && settings.probes.has('mx')),
        );
  const findings = grouped(inOrder(all), domain);
  return {
    domain,
    state: stateOf(findings),
    durationMs: Math.max(0, Math.round(clock.now() - started)),
    findings,
    redundancy: steps.wanted('mx') ? redundancy : { ...redundancy, findings: [] },
    services: [...mxHosts, ...logins].sort(byPlace),
    records: present({
      spf: spf?.audit,
      dmarc: dmarc?.audit,
      dkim: dkim?.audit,
      tlsRpt: tlsRpt?.audit,
      mtaSts: sts?.audit,
      srv: srvKnown?.audit,
      ptr: ptr?.audit,
      lists: lists?.audit,
      dnssec: dnssec?.audit,
      caa: caa?.audit,
    }),
  };
}

/** Findings that matter only for domains that receive mail. */
const forMail: ReadonlySet<string> = new Set(['tls-rpt-missing', 'mta-sts-missing', 'srv-missing', 'dnssec-unsigned']);

const byPlace = (a: ServiceAudit, b: ServiceAudit): number =>
  (a.preference ?? 65_536) - (b.preference ?? 65_536) ||
  compare(a.host, b.host) ||
  a.port - b.port ||
  compare(a.address, b.address);

const present = (records: RecordsAudit): RecordsAudit =>
  Object.fromEntries(Object.entries(records).filter(([, value]) => value !== undefined));
