import { readFileSync } from 'node:fs';
import type { RedundancyHost } from '../checks/mx-redundancy/index.ts';
import { checkRedundancy } from '../checks/mx-redundancy/index.ts';
import type { DomainName, IpAddress } from '../net/index.ts';
import { ipVersion, parseDomain, parseIp } from '../net/index.ts';
import { type ProbeName, probeNames } from './catalogue.ts';
import type { AuditContext, AuditEnv } from './context.ts';
import type { AuditFinding } from './finding.ts';
import { bySeverity, found, ofRedundancy, rank } from './finding.ts';
import { auditService, findServices } from './login/index.ts';
import type { AuditOptions } from './options.ts';
import { readOptions } from './options.ts';
import {
  auditDkim,
  auditDmarc,
  auditLists,
  auditMtaSts,
  auditPtr,
  auditSpf,
  auditSrv,
  auditTlsRpt,
  findTlsa,
  mtaStsFindings,
} from './records/index.ts';
import type { AuditReport, AuditState, DomainAudit, RecordsAudit, ServiceAudit } from './report.ts';
import { REPORT_VERSION } from './report.ts';
import { auditExchanger, failoverFindings } from './smtp/index.ts';
import { limitConnections } from './wire/index.ts';

/**
 * Looks at domains, all at the same time. Never rejects for what the world says.
 *
 * @throws TypeError where a domain is none, or an option is wrong
 */
export async function audit(domains: readonly string[], options: AuditOptions, env: AuditEnv): Promise<AuditReport> {
  const settings = readOptions(options);
  const names = [...new Set(domains.map(domainName))];
  if (names.length === 0) throw new TypeError('audit: domains [] must name at least one domain');
  const context: AuditContext = {
    ...env,
    connect: limitConnections(env.connect, settings.connectionsPerService),
    settings,
    signal: options.signal,
    progress(event) {
      try {
        options.onProgress?.(event);
      } catch {
        // Whoever watches does not disturb.
      }
    },
  };
  const started = env.clock.now();
  const notes = new Set<string>();
  const audits = await Promise.all(names.map((domain) => auditDomain(domain, context, notes)));
  return {
    schema: 'postern-audit-report',
    version: REPORT_VERSION,
    postern: packageVersion(),
    started: new Date(started).toISOString(),
    finished: new Date(env.clock.now()).toISOString(),
    state: worst(audits.map(({ state }) => state)),
    probes: [...settings.probes],
    notes: [...notes],
    domains: audits,
  };
}

function domainName(text: string): DomainName {
  const domain = parseIp(text) === undefined ? parseDomain(text) : undefined;
  if (domain === undefined)
    throw new TypeError(`audit: domain ${JSON.stringify(text)} is not a domain name; give it like "example.org"`);
  return domain;
}

/** The version in the package's own description, whether this runs from `src` or from `dist`. */
function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  return version;
}

async function auditDomain(domain: DomainName, context: AuditContext, notes: Set<string>): Promise<DomainAudit> {
  const { settings, clock, signal } = context;
  const started = clock.now();
  const findings: AuditFinding[] = [];
  const wanted = (...probes: readonly ProbeName[]): boolean => probes.some((probe) => settings.probes.has(probe));
  const connecting = !settings.dnsOnly;

  /** Runs a step; what it finds is kept, and a fault of ours costs no more than the step. */
  const step = async <T extends { readonly findings: readonly AuditFinding[] }>(
    name: string,
    run: () => Promise<T>,
  ): Promise<T | undefined> => {
    context.progress({ domain, step: name, state: 'started' });
    try {
      const result = await run();
      findings.push(...result.findings);
      return result;
    } catch (error) {
      notes.add(`${name} of ${domain} was not looked at: ${(error as Error).message}`);
      return undefined;
    } finally {
      context.progress({ domain, step: name, state: 'done' });
    }
  };
  const ask = <T extends { readonly findings: readonly AuditFinding[] }>(
    probe: ProbeName,
    run: () => Promise<T>,
  ): Promise<T | undefined> => (wanted(probe) ? step(probe, run) : Promise.resolve(undefined));

  // What the domain publishes is asked for at once; what its hosts do, as soon as it is known which they are.
  const mx = checkRedundancy(domain, context, {
    minimum: settings.minimum,
    providers: settings.providers,
    publicNetworks: settings.publicNetworks,
    signal,
  });
  const takesMail = mx.then(({ state }) => state !== 'not-applicable');
  const mtaSts = ask('mta-sts', () => auditMtaSts(domain, context));
  const srv =
    wanted('srv') || (connecting && wanted('login', 'tls')) ? step('srv', () => auditSrv(domain, context)) : undefined;
  const published = Promise.all([
    ask('spf', async () => auditSpf(domain, context, { sends: await takesMail })),
    ask('dmarc', () => auditDmarc(domain, context)),
    ask('dkim', () => auditDkim(domain, settings.dkimSelectors, context)),
    ask('tls-rpt', () => auditTlsRpt(domain, context)),
  ]);

  const redundancy = await mx;
  if (wanted('mx')) findings.push(...redundancy.findings.map(ofRedundancy));
  const addresses = [...new Set(redundancy.hosts.flatMap((host) => publicAddressesOf(host)))];
  const reachable = (address: IpAddress): boolean => {
    if (ipVersion(address) === 4 || hasIpv6(context)) return true;
    notes.add('This machine has no IPv6: addresses of that kind were not connected to.');
    return false;
  };

  const services: ServiceAudit[] = [];
  const keep = (
    result: { readonly service: ServiceAudit; readonly notes?: readonly string[] | undefined } | undefined,
  ): ServiceAudit | undefined => {
    if (result === undefined) return undefined;
    for (const note of result.notes ?? []) notes.add(note);
    services.push(result.service);
    return result.service;
  };

  const exchangers =
    connecting && wanted('smtp', 'relay', 'failover', 'tls', 'dane', 'mta-sts') && settings.ports.smtp !== undefined
      ? Promise.all(
          redundancy.hosts.flatMap((host) => {
            const own = publicAddressesOf(host).filter(reachable);
            if (own.length === 0) return [];
            const tlsa = wanted('dane') ? findTlsa(host.host, settings.ports.smtp ?? 25, context) : undefined;
            void tlsa?.then((answer) => {
              if (answer.status === 'temperror')
                findings.push(
                  found(
                    'lookup-failed',
                    host.host,
                    `Whether ${host.host} has TLSA records could not be looked up (${answer.reason}).`,
                    [`_${settings.ports.smtp ?? 25}._tcp.${host.host} TLSA: ${answer.reason}`],
                    { probe: 'dane' },
                  ),
                );
            });
            const policy = mtaSts.then((known) => known?.audit.policy);
            return own.map(async (address) => {
              const target = { host: host.host, address, port: settings.ports.smtp ?? 25, preference: host.preference };
              return keep(
                await step(`${host.host}[${address}]:${target.port}`, () =>
                  auditExchanger(target, domain, context, { tlsa, mtaSts: policy }),
                ),
              );
            });
          }),
        )
      : Promise.resolve([]);
  const logins =
    connecting && wanted('login', 'tls')
      ? Promise.resolve(srv)
          .then((known) => findServices(domain, { exchangers: redundancy.hosts, srv: known?.audit ?? [] }, context))
          .then((targets) =>
            Promise.all(
              targets
                .filter(({ address }) => reachable(address as IpAddress))
                .map(async (target) => {
                  const found = await step(`${target.host}[${target.address}]:${target.port}`, async () => {
                    const result = await auditService(target, context);
                    return result ?? { findings: [], service: undefined };
                  });
                  if (found?.service !== undefined) keep({ ...found, service: found.service });
                }),
            ),
          )
      : Promise.resolve([]);
  const [[spf, dmarc, dkim, tlsRpt], sts, srvKnown, ptr, lists, seen] = await Promise.all([
    published,
    mtaSts,
    srv,
    addresses.length === 0 ? undefined : ask('ptr', () => auditPtr(addresses, context)),
    addresses.length === 0 || settings.lists.length === 0
      ? undefined
      : ask('lists', () => auditLists(addresses, settings.lists, context)),
    exchangers,
    logins,
  ]);
  const policy = sts?.audit.policy;
  if (policy !== undefined && (await takesMail))
    findings.push(
      ...mtaStsFindings(
        domain,
        policy,
        redundancy.hosts.map(({ host }) => host),
      ),
    );
  const exchanged = seen.filter((service): service is ServiceAudit => service !== undefined);
  // Who takes no mail needs none of these.
  const mailless = redundancy.state === 'not-applicable' || redundancy.findings.some(({ id }) => id === 'mx-none');
  let kept: readonly AuditFinding[] = mailless ? findings.filter(({ id }) => !forMail.has(id)) : findings;
  if (exchanged.length > 0) {
    const failover = failoverFindings(domain, exchanged, redundancy);
    // One cause, one finding: where all exchangers are lost, that is said of the domain, not of each.
    const whole = failover.some(({ id }) => id === 'smtp-all-unreachable' || id === 'smtp-blocked-here');
    kept = [...kept.filter(({ id }) => !(whole && id === 'smtp-unreachable')), ...failover];
  }
  kept = bySeverity(unique(kept.filter(({ probe }) => settings.probes.has(probe))).sort(byProbe));
  const records: RecordsAudit = {
    spf: spf?.audit,
    dmarc: dmarc?.audit,
    dkim: dkim?.audit,
    tlsRpt: tlsRpt?.audit,
    mtaSts: sts?.audit,
    srv: srvKnown?.audit,
    ptr: ptr?.audit,
    lists: lists?.audit,
  };
  return {
    domain,
    state: stateOf(kept),
    durationMs: Math.max(0, Math.round(clock.now() - started)),
    findings: kept,
    redundancy: wanted('mx') ? redundancy : { ...redundancy, findings: [] },
    services: services.sort(inOrder),
    records: present(records),
  };
}

/** What is missing only where mail is taken. */
const forMail: ReadonlySet<string> = new Set(['tls-rpt-missing', 'mta-sts-missing', 'srv-missing']);

const publicAddressesOf = (host: RedundancyHost): IpAddress[] =>
  host.addresses.flatMap(({ address, scope }) => (scope === 'public' ? [address] : []));

/** Whether this machine has an IPv6 address that leads anywhere; loopback does where that counts as public. */
function hasIpv6({ localAddresses, settings }: AuditContext): boolean {
  if (localAddresses === undefined || settings.publicNetworks.some((prefix) => prefix.includes(':'))) return true;
  return localAddresses().some((address) => address.includes(':') && address !== '::1' && !/^fe[89ab]/i.test(address));
}

/** What is so of a domain, by its findings. */
function stateOf(findings: readonly AuditFinding[]): AuditState {
  const matters = findings.filter(({ severity }) => rank(severity) < rank('info'));
  if (matters.some(({ kind }) => kind === 'problem')) return 'problems';
  return matters.length > 0 ? 'could-not-check' : 'clean';
}

const states: readonly AuditState[] = ['problems', 'could-not-check', 'clean'];
const worst = (all: readonly AuditState[]): AuditState => states.find((state) => all.includes(state)) ?? 'clean';

/** The same finding of the same subject is told once: two addresses of one host show the same certificate. */
function unique(findings: readonly AuditFinding[]): AuditFinding[] {
  const seen = new Set<string>();
  return findings.filter(({ id, subject, what }) => {
    const key = JSON.stringify([id, subject, what]);
    return !seen.has(key) && seen.add(key);
  });
}

/** The same site is the same report, whatever was answered first. */
const byProbe = (a: AuditFinding, b: AuditFinding): number =>
  probeNames.indexOf(a.probe) - probeNames.indexOf(b.probe) ||
  compare(a.id, b.id) ||
  compare(a.subject, b.subject) ||
  compare(a.what, b.what);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const inOrder = (a: ServiceAudit, b: ServiceAudit): number =>
  (a.preference ?? 65_536) - (b.preference ?? 65_536) ||
  compare(a.host, b.host) ||
  a.port - b.port ||
  compare(a.address, b.address);

const present = (records: RecordsAudit): RecordsAudit =>
  Object.fromEntries(Object.entries(records).filter(([, value]) => value !== undefined));
