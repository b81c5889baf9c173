import type { Answer, Check } from '../../core/index.ts';
import { defineCheck, fail, none, pass, proceed, temperror } from '../../core/index.ts';
import type { Exchanger, MailExchangers } from '../../dns/index.ts';
import { mailExchangers } from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import type { DomainName, IpAddress, Prefix } from '../../net/index.ts';
import { ipVersion, parseDomain, parsePrefix, prefixKey, registrableDomain } from '../../net/index.ts';
import type { RedundancyFinding } from './findings.ts';
import { bySeverity, dnsTrouble, found } from './findings.ts';
import type { Provider } from './providers.ts';
import { knownProviders, providerOf } from './providers.ts';

/** See the room's table. */
export type RedundancyState = 'pass' | 'fail' | 'not-applicable' | 'could-not-check';

/** How much there is of what, each counted among what the one before it left. */
export interface RedundancyCounts {
  /** MX records. */
  readonly records: number;
  /** Different hosts that they name. */
  readonly hosts: number;
  /** Hosts that have an address. */
  readonly resolvable: number;
  /** Hosts that have a public address. */
  readonly public: number;
  /** Different public addresses. */
  readonly addresses: number;
  /** Different networks of them: /24 and /48. */
  readonly networks: number;
  /** Different autonomous systems; only where `asnOf` was given. */
  readonly asns?: number | undefined;
}

/** A host as it was found. */
export interface RedundancyHost extends Exchanger {
  /** The target is an alias of this name. */
  readonly alias?: string | undefined;
  readonly networks: readonly string[];
  readonly asns?: readonly number[] | undefined;
  /** The provider that the host belongs to, and that is redundant behind one name. */
  readonly provider?: string | undefined;
}

/** What was found about one domain. Plain JSON. */
export interface RedundancyReport {
  readonly domain: string;
  readonly state: RedundancyState;
  /** The whole in one sentence. */
  readonly summary: string;
  readonly counts: RedundancyCounts;
  readonly hosts: readonly RedundancyHost[];
  /** The worst first. */
  readonly findings: readonly RedundancyFinding[];
}

/** Options of {@link checkRedundancy} and {@link mxRedundancy}. */
export interface RedundancyOptions {
  /** How many hosts, and addresses, there must be; 2 where not given. */
  readonly minimum?: number | undefined;
  /** Providers that are redundant behind one name, in addition to {@link knownProviders}. */
  readonly providers?: readonly Provider[] | undefined;
  /** Prefixes that count as public although they are not: `127.0.0.0/8` in a test. */
  readonly publicNetworks?: readonly string[] | undefined;
  /** The autonomous system of an address, where the caller can tell. */
  readonly asnOf?: ((address: IpAddress) => number | undefined | Promise<number | undefined>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Settings {
  readonly minimum: number;
  readonly providers: readonly Provider[];
  readonly publicNetworks: readonly Prefix[];
  readonly asnOf: RedundancyOptions['asnOf'];
}

function read(verb: string, options: RedundancyOptions): Settings {
  const { minimum = 2, providers = [], publicNetworks = [], asnOf } = options;
  if (!Number.isInteger(minimum) || minimum < 1)
    throw new TypeError(`${verb}: minimum ${String(minimum)} must be a whole number of at least 1`);
  for (const { suffix } of providers) {
    if (parseDomain(suffix.replaceAll('*', 'x')) === undefined)
      throw new TypeError(
        `${verb}: providers ${JSON.stringify(suffix)} is not a domain name; give it like "mx.example"`,
      );
  }
  return {
    minimum,
    providers: [...providers, ...knownProviders],
    publicNetworks: publicNetworks.map((text) => {
      try {
        return parsePrefix(text);
      } catch (error) {
        throw new TypeError(`${verb}: publicNetworks: ${(error as Error).message}; give prefixes like "127.0.0.0/8"`);
      }
    }),
    asnOf,
  };
}

/**
 * Looks at one domain. Never rejects for what the world says.
 *
 * @throws TypeError where the domain is none, or an option is wrong
 */
export function checkRedundancy(
  domain: string,
  env: Pick<Env, 'dns'>,
  options: RedundancyOptions = {},
): Promise<RedundancyReport> {
  const name = parseDomain(domain);
  if (name === undefined)
    throw new TypeError(
      `checkRedundancy: domain ${JSON.stringify(domain)} is not a domain name; give it like "example.org"`,
    );
  return look(name, env, read('checkRedundancy', options), options.signal);
}

async function look(
  domain: DomainName,
  env: Pick<Env, 'dns'>,
  settings: Settings,
  signal: AbortSignal | undefined,
): Promise<RedundancyReport> {
  const { publicNetworks } = settings;
  const mail = await mailExchangers(domain, env, { signal, publicNetworks });
  const hosts = await Promise.all(distinct(mail.exchangers).map((host) => describe(host, mail, env, settings, signal)));
  const findings = [...domainFindings(mail), ...duplicates(mail)];
  for (const { findings: own } of hosts) findings.push(...own);
  const seen = hosts.map(({ host }) => host);
  const counts = count(mail, seen);
  const verdict = redundancy(mail, seen, counts, settings, findings);
  findings.push(...verdict.findings);
  const state =
    mail.state === 'null-mx'
      ? 'not-applicable'
      : verdict.unknown
        ? 'could-not-check'
        : findings.some(({ severity }) => severity !== 'info' && severity !== 'low')
          ? 'fail'
          : 'pass';
  return {
    domain,
    state,
    summary: summarise(state, counts, findings, verdict.provider),
    counts,
    hosts: seen,
    findings: bySeverity(findings),
  };
}

/** Each host once, with its best preference. */
function distinct(exchangers: readonly Exchanger[]): Exchanger[] {
  const byHost = new Map<string, Exchanger>();
  for (const exchanger of exchangers) if (!byHost.has(exchanger.host)) byHost.set(exchanger.host, exchanger);
  return [...byHost.values()];
}

const lengths = { v4: 24, v6: 48 } as const;
const publicAddresses = (host: Exchanger): IpAddress[] =>
  host.addresses.flatMap(({ address, scope }) => (scope === 'public' ? [address] : []));

/** What is so of one target, beyond its addresses. */
async function describe(
  exchanger: Exchanger,
  mail: MailExchangers,
  env: Pick<Env, 'dns'>,
  settings: Settings,
  signal: AbortSignal | undefined,
): Promise<{ readonly host: RedundancyHost; readonly findings: readonly RedundancyFinding[] }> {
  const { host: name, state, preference } = exchanger;
  const record = mail.implicit ? `${name} (no MX)` : `${mail.domain} MX ${preference} ${name}`;
  const findings: RedundancyFinding[] = [];
  const isName = state !== 'address-literal' && state !== 'no-host-name';
  const [cname, asns] = await Promise.all([
    isName && !mail.implicit ? env.dns.resolve(name, 'CNAME', { signal }) : undefined,
    asnsOf(exchanger, settings),
  ]);
  const alias = cname?.status === 'found' ? cname.records[0]?.name : undefined;
  if (alias !== undefined) {
    findings.push(
      found('mx-cname', name, `The target ${name} is an alias of ${alias}.`, [record, `${name} CNAME ${alias}`]),
    );
  }
  const outside = exchanger.addresses.filter(({ scope }) => scope !== 'public');
  if (outside.length > 0) {
    const evidence = outside.map(({ address, scope }) => `${name} ${address} (${scope})`);
    findings.push(
      state === 'not-public'
        ? found('mx-private', name, `The target ${name} has no address that the Internet can reach.`, [
            record,
            ...evidence,
          ])
        : found(
            'mx-private',
            name,
            `One of the addresses of ${name} cannot be reached from the Internet.`,
            evidence,
            'medium',
          ),
    );
  }
  if (state === 'address-literal')
    findings.push(found('mx-address-literal', name, `The target ${name} is an IP address, not a name.`, [record]));
  if (state === 'no-host-name')
    findings.push(
      found('mx-invalid-target', name, `The target ${JSON.stringify(name)} is no name of a host.`, [record]),
    );
  if (state === 'no-address' && !mail.implicit) findings.push(await missing(exchanger, record, env, signal));
  if (state === 'no-answer' && !mail.implicit) {
    const what = `The addresses of ${name} could not be looked up (${exchanger.reason ?? 'no answer'}).`;
    findings.push(found(dnsTrouble(exchanger.reason), name, what, [record]));
  }
  const provider = providerOf(alias ?? name, settings.providers) ?? providerOf(name, settings.providers);
  return {
    findings,
    host: {
      ...exchanger,
      networks: [...new Set(publicAddresses(exchanger).map((address) => prefixKey(address, lengths)))],
      ...(alias === undefined ? {} : { alias }),
      ...(asns === undefined ? {} : { asns }),
      ...(provider === undefined ? {} : { provider: provider.name }),
    },
  };
}

async function asnsOf(exchanger: Exchanger, { asnOf }: Settings): Promise<readonly number[] | undefined> {
  if (asnOf === undefined) return undefined;
  const all = await Promise.all(
    publicAddresses(exchanger).map(async (address) => {
      try {
        return await asnOf(address);
      } catch {
        return undefined; // What the caller cannot tell is not known.
      }
    }),
  );
  return [...new Set(all.filter((asn) => asn !== undefined))];
}

/** A target without an address: worst where its domain is free for anybody to take. */
async function missing(
  { host, nonexistent }: Exchanger,
  record: string,
  env: Pick<Env, 'dns'>,
  signal: AbortSignal | undefined,
): Promise<RedundancyFinding> {
  const owner = nonexistent ? registrableDomain(host) : undefined;
  const ns = owner === undefined ? undefined : await env.dns.resolve(owner, 'NS', { signal });
  if (ns?.status === 'nxdomain') {
    return found('mx-dangling', host, `The target ${host} lies in ${owner}, a domain that does not exist.`, [
      record,
      `${owner} NXDOMAIN`,
    ]);
  }
  const why = nonexistent ? 'does not exist' : 'has no address';
  return found('mx-unresolvable', host, `The target ${host} ${why}.`, [record]);
}

function domainFindings(mail: MailExchangers): RedundancyFinding[] {
  const { domain } = mail;
  const records = mail.exchangers.map(({ host, preference }) => `${domain} MX ${preference} ${host}`);
  const findings: RedundancyFinding[] = [];
  if (mail.nullMixed)
    findings.push(
      found('null-mx-mixed', domain, 'A null MX stands beside other MX records.', [`${domain} MX .`, ...records]),
    );
  switch (mail.state) {
    case 'null-mx':
      findings.push(found('null-mx', domain, 'The domain says that it takes no mail.', [`${domain} MX .`]));
      break;
    case 'no-host': {
      const why = mail.nxdomain ? 'does not exist' : 'has neither MX records nor an address';
      findings.push(
        found('mx-none', domain, `The domain ${why}.`, [`${domain} ${mail.nxdomain ? 'NXDOMAIN' : 'no MX, A, AAAA'}`]),
      );
      break;
    }
    case 'none-usable':
      findings.push(found('mx-none-usable', domain, 'No target of the MX records has an address.', records));
      break;
    case 'not-public':
      if (!mail.implicit)
        findings.push(
          found('mx-none-usable', domain, 'No target of the MX records can be reached from the Internet.', records),
        );
      break;
    case 'no-answer':
      if (mail.exchangers.length === 0 || mail.implicit) {
        const what = `The MX records of ${domain} could not be looked up (${mail.reason ?? 'no answer'}).`;
        findings.push(found(dnsTrouble(mail.reason), domain, what, []));
      }
  }
  if (mail.implicit && mail.state !== 'no-answer') {
    findings.push(
      found('mx-implicit', domain, 'The domain has no MX record: its own address stands for one.', [
        ...mail.exchangers.flatMap(({ addresses }) => addresses.map(({ address }) => `${domain} ${address}`)),
      ]),
    );
  }
  return findings;
}

function duplicates(mail: MailExchangers): RedundancyFinding[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { host } of mail.exchangers) (seen.has(host) ? twice : seen).add(host);
  return [...twice].map((host) =>
    found(
      'mx-duplicate',
      host,
      `The host ${host} is named more than once.`,
      mail.exchangers.flatMap((other) =>
        other.host === host ? [`${mail.domain} MX ${other.preference} ${host}`] : [],
      ),
    ),
  );
}

function count(mail: MailExchangers, hosts: readonly RedundancyHost[]): RedundancyCounts {
  const open = hosts.filter(({ state }) => state === 'usable');
  const asns = hosts.some((host) => host.asns !== undefined)
    ? { asns: new Set(open.flatMap((host) => host.asns ?? [])).size }
    : {};
  return {
    records: mail.implicit ? 0 : mail.exchangers.length + (mail.nullMixed || mail.state === 'null-mx' ? 1 : 0),
    hosts: hosts.length,
    resolvable: hosts.filter(({ addresses }) => addresses.length > 0).length,
    public: open.length,
    addresses: new Set(open.flatMap(publicAddresses)).size,
    networks: new Set(open.flatMap(({ networks }) => networks)).size,
    ...asns,
  };
}

interface Verdict {
  readonly findings: readonly RedundancyFinding[];
  /** Too little is known for a verdict. */
  readonly unknown: boolean;
  readonly provider?: string | undefined;
}

/** Would mail still flow with one server down? */
function redundancy(
  mail: MailExchangers,
  hosts: readonly RedundancyHost[],
  counts: RedundancyCounts,
  { minimum }: Settings,
  known: readonly RedundancyFinding[],
): Verdict {
  const nothing = { findings: [], unknown: false };
  if (mail.state === 'no-answer') return { ...nothing, unknown: true };
  if (mail.state !== 'usable') return nothing;
  const open = hosts.filter(({ state }) => state === 'usable');
  const provider = open.find((host) => host.provider !== undefined)?.provider;
  if (provider !== undefined) return { ...nothing, provider };
  const evidence = open.flatMap((host) => publicAddresses(host).map((address) => `${host.host} ${address}`));
  // What the DNS did not tell might have been the second server: no verdict on what is missing.
  const uncertain = hosts.some(
    ({ state, partial }) => state === 'no-answer' || state === 'not-examined' || partial === true,
  );
  const lacking = (finding: RedundancyFinding): Verdict =>
    uncertain ? { findings: [], unknown: true } : { findings: [finding], unknown: false };
  const { domain } = mail;

  const addresses = places(open.map(publicAddresses));
  if (open.length < minimum) {
    const why = known.some(({ id }) => id === 'mx-unresolvable' || id === 'mx-private' || id === 'mx-dangling')
      ? `Only ${open.length} of ${counts.hosts} mail hosts can be reached.`
      : `The domain has ${open.length === 1 ? 'one mail host' : `${open.length} mail hosts`}; ${minimum} are wanted.`;
    // One name for several machines survives the loss of one of them, though not of what holds the name.
    return addresses >= minimum
      ? lacking(found('mx-single', domain, `${why} It has ${counts.addresses} addresses.`, evidence, 'medium'))
      : lacking(found('mx-single', domain, why, evidence));
  }
  if (addresses < minimum)
    return lacking(
      found(
        'mx-one-address',
        domain,
        `${open.length} mail hosts share ${addresses === 1 ? 'one address' : `${addresses} addresses`}.`,
        evidence,
      ),
    );
  const findings: RedundancyFinding[] = [];
  if (!open.some((host) => publicAddresses(host).some((address) => ipVersion(address) === 4)))
    findings.push(found('mx-no-ipv4', domain, 'No mail host has an IPv4 address.', evidence));
  if (places(open.map(({ networks }) => networks)) < 2) {
    if (uncertain) return { findings, unknown: false };
    const networks = [...new Set(open.flatMap(({ networks: own }) => own))];
    findings.push(
      found('mx-one-network', domain, `All mail hosts are in one network (${networks.join(', ')}).`, evidence),
    );
  } else if (counts.asns === 1 && open.every(({ asns }) => (asns?.length ?? 0) > 0)) {
    const asn = open[0]?.asns?.[0];
    findings.push(found('mx-one-asn', domain, `All mail hosts are in one autonomous system (AS${asn}).`, evidence));
  }
  return { findings, unknown: false };
}

/**
 * In how many places the hosts are that can fail alone. IPv4 and IPv6 of one host are one place; hosts that share an
 * address (or a network) may be one. So it is the larger of: groups of hosts that share nothing, and different values
 * within one family.
 */
function places(hosts: readonly (readonly string[])[]): number {
  let groups: Set<string>[] = [];
  for (const values of hosts) {
    if (values.length === 0) continue;
    const mine = new Set(values);
    const apart: Set<string>[] = [];
    for (const group of groups) {
      if (values.some((value) => group.has(value))) for (const value of group) mine.add(value);
      else apart.push(group);
    }
    groups = [...apart, mine];
  }
  const all = new Set(hosts.flat());
  const v6 = [...all].filter((value) => value.includes(':')).length;
  return Math.max(groups.length, v6, all.size - v6);
}

function summarise(
  state: RedundancyState,
  counts: RedundancyCounts,
  findings: readonly RedundancyFinding[],
  provider: string | undefined,
): string {
  switch (state) {
    case 'not-applicable':
      return 'The domain takes no mail.';
    case 'could-not-check':
      return 'The DNS did not say enough.';
    case 'fail':
      return bySeverity(findings)[0]?.what ?? 'The domain does not survive the loss of a mail host.';
    case 'pass':
      return provider === undefined
        ? `${counts.public} mail hosts, ${counts.addresses} addresses, ${counts.networks} networks.`
        : `${provider} is redundant behind one name.`;
  }
}

/** See the room's table. */
type RedundancyResult = 'pass' | 'none' | 'softfail' | 'fail' | 'temperror';

/**
 * Audits a domain, as a check: for `evaluate()` with a policy of one's own stages, and for the audit command.
 *
 * @throws TypeError for an option that is wrong
 */
export function mxRedundancy(
  options: Omit<RedundancyOptions, 'signal'> = {},
): Check<{ readonly domain: string }, Pick<Env, 'dns'>, RedundancyResult, RedundancyReport> {
  const settings = read('mxRedundancy', options);
  return defineCheck<{ readonly domain: string }, Pick<Env, 'dns'>, RedundancyResult, RedundancyReport>(
    'mx-redundancy',
    async ({ domain }, env, signal): Promise<Answer<RedundancyResult, RedundancyReport>> => {
      const name = parseDomain(domain);
      if (name === undefined) return none({ explanation: 'This is not a domain name' });
      const detail = await look(name, env, settings, signal);
      const explanation = detail.summary;
      switch (detail.state) {
        case 'pass':
          return pass({ explanation, detail });
        case 'not-applicable':
          return none({ explanation, detail });
        case 'could-not-check':
          return temperror({ explanation, detail });
        case 'fail':
          return detail.findings.some(({ severity }) => severity === 'critical' || severity === 'high')
            ? fail({ explanation, detail })
            : { result: 'softfail', explanation, detail };
      }
    },
    // An audit of one's own domains: whatever it finds, no sender is refused for it.
    { pass: proceed, none: proceed, softfail: proceed, fail: proceed, temperror: proceed },
  );
}

/** Options of {@link scheduleRedundancy}. */
export interface ScheduleOptions extends Omit<RedundancyOptions, 'signal'> {
  /** How often the domains are looked at, in milliseconds; once a day where not given. */
  readonly everyMs?: number | undefined;
  /** Called with each report. What it throws is swallowed. */
  readonly onReport: (report: RedundancyReport) => void;
}

/**
 * Looks at the domains now, and again and again. The function returned ends that.
 *
 * @throws TypeError where a domain is none, or an option is wrong
 */
export function scheduleRedundancy(
  domains: readonly string[],
  env: Pick<Env, 'dns' | 'clock'>,
  options: ScheduleOptions,
): () => void {
  const { everyMs = 86_400_000, onReport } = options;
  if (!(everyMs > 0) || !Number.isFinite(everyMs))
    throw new TypeError(`scheduleRedundancy: everyMs ${String(everyMs)} must be a number of milliseconds more than 0`);
  const settings = read('scheduleRedundancy', options);
  const names = domains.map((domain) => {
    const name = parseDomain(domain);
    if (name === undefined)
      throw new TypeError(`scheduleRedundancy: domains ${JSON.stringify(domain)} is not a domain name`);
    return name;
  });
  const controller = new AbortController();
  let cancel = (): void => {};
  const round = async (): Promise<void> => {
    for (const name of names) {
      if (controller.signal.aborted) return;
      const report = await look(name, env, settings, controller.signal);
      try {
        if (!controller.signal.aborted) onReport(report);
      } catch {
        // The listener's trouble is not the domain's.
      }
    }
    if (!controller.signal.aborted) cancel = env.clock.after(everyMs, () => void round());
  };
  void round();
  return () => {
    controller.abort();
    cancel();
  };
}
