/**
 * How long the audit of a whole site takes, beside the slowest of its services when that is audited alone: the site is
 * looked at all at once, so the one is to be no more than 1.2 times the other. A site of five MX hosts and four services
 * for logins, each of which takes 50 ms (`POSTERN_BENCH_LATENCY`) for every reply, as does the DNS; the services on a host
 * each, and all on one. The servers run in a process of their own. Prints a table; ends with 1 where the bar is missed.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { serveZone, stubResolver } from '../../src/adapters/dns-node/index.ts';
import { systemClock } from '../../src/adapters/system/index.ts';
import { type AuditOptions, audit, type ServiceName, systemEnv } from '../../src/audit/index.ts';
import { type ZoneEntry, zone } from '../../src/testing/index.ts';
import { issue } from '../audit/tls/certificates.ts';
import { imap, pop3, serveFake, smtp } from '../real/audit/fakes.ts';
import { freePorts } from '../real/run-server.ts';

const LATENCY = Number(process.env.POSTERN_BENCH_LATENCY ?? 50);
const ROUNDS = 7;
const BAR = 1.2;
const MX_HOSTS = [1, 2, 3, 4, 5];
const logins = ['imap', 'imaps', 'pop3', 'submission'] as const;
type Login = (typeof logins)[number];
type Ports = { readonly [service in 'smtp' | Login]: number };

interface Servers {
  readonly dns: number;
  readonly ports: Ports;
}

const mxHostAt = (n: number): string => `127.0.1.${n}`;
/** All services are on each of these; which are meant, the name says. */
const hostAt = (n: number): string => `127.0.2.${n}`;

async function serve(): Promise<Servers> {
  const [smtpPort = 0, ...free] = await freePorts(1 + logins.length);
  const ports = { smtp: smtpPort, ...Object.fromEntries(logins.map((name, at) => [name, free[at] ?? 0])) } as Ports;
  const names = [...MX_HOSTS.map((n) => `mx${n}.site.example`), ...[1, 2, 3, 4].map((n) => `host${n}.site.example`)];
  const { cert, key } = issue({ names });
  const certificate = { cert, chain: cert, key, chainFile: '', keyFile: '' };
  const options = { tls: { certificate }, delayMs: LATENCY };
  for (const n of MX_HOSTS) await serveFake(mxHostAt(n), ports.smtp, smtp('site.example', true), options);
  for (const n of [1, 2, 3, 4]) {
    await serveFake(hostAt(n), ports.imap, imap(true), options);
    await serveFake(hostAt(n), ports.imaps, imap(false), { ...options, implicit: true });
    await serveFake(hostAt(n), ports.pop3, pop3(true), options);
    await serveFake(
      hostAt(n),
      ports.submission,
      smtp('site.example', true, {
        after: ['AUTH PLAIN LOGIN'],
        before: [],
        auth: (_, secure) => (secure ? '535 5.7.8 Authentication failed' : '538 5.7.11 Encryption required'),
      }),
      options,
    );
  }
  const srv = (host: (at: number) => number, only?: Login): { readonly [name: string]: ZoneEntry } =>
    Object.fromEntries(
      logins
        .filter((name) => only === undefined || name === only)
        .map((name, at) => [`_${name}._tcp`, { SRV: [[0, 1, ports[name], `host${host(at)}.site.example`]] }]),
    );
  const mx = (...hosts: readonly number[]): ZoneEntry => ({
    MX: hosts.length === 0 ? [[0, '']] : hosts.map((n) => [10 * n, `mx${n}.site.example`]),
    TXT: ['v=spf1 mx -all'],
  });
  const sites: { readonly [domain: string]: { readonly [label: string]: ZoneEntry } } = {
    'apart.example': { '': mx(...MX_HOSTS), ...srv((at) => at + 1) },
    'together.example': { '': mx(...MX_HOSTS), ...srv(() => 1) },
    ...Object.fromEntries(MX_HOSTS.map((n) => [`smtp${n}.example`, { '': mx(n) }])),
    ...Object.fromEntries(logins.map((name) => [`${name}.example`, { '': mx(), ...srv(() => 1, name) }])),
  };
  const data: { [name: string]: ZoneEntry } = {};
  for (const [domain, labels] of Object.entries(sites))
    for (const [label, entry] of Object.entries(labels)) data[label === '' ? domain : `${label}.${domain}`] = entry;
  for (const n of MX_HOSTS) data[`mx${n}.site.example`] = { A: [mxHostAt(n)] };
  for (const n of [1, 2, 3, 4]) data[`host${n}.site.example`] = { A: [hostAt(n)] };
  const dns = await serveZone(zone(data, { clock: systemClock(), delayMs: LATENCY }));
  return { dns: dns.port, ports };
}

if (process.send !== undefined) {
  process.send(await serve());
} else {
  const child = fork(new URL(import.meta.url), { execArgv: process.execArgv });
  try {
    const [servers] = (await once(child, 'message')) as [Servers];
    await measure(servers);
  } finally {
    child.kill();
  }
}

async function measure({ dns: port, ports }: Servers): Promise<void> {
  const dns = stubResolver({ servers: [`127.0.0.1:${port}`] });
  const options: AuditOptions = {
    publicNetworks: ['127.0.0.0/8'],
    source: '127.0.9.9',
    ports: ports as { readonly [service in ServiceName]?: number },
    timeoutMs: 10_000,
  };
  const env = systemEnv({ dns, source: '127.0.9.9' });
  const took = async (domain: string): Promise<number> => {
    const started = performance.now();
    const { domains, notes } = await audit([domain], options, env);
    const ms = performance.now() - started;
    const broken = notes.filter((note) => /was not checked/.test(note));
    if (broken.length > 0) throw new Error(broken.join('; '));
    const wanted = { 'apart.example': 9, 'together.example': 9 }[domain] ?? 1;
    if (domains[0]?.services.length !== wanted)
      throw new Error(`${domain}: ${domains[0]?.services.length} services, not ${wanted}`);
    return ms;
  };
  const alone = [...MX_HOSTS.map((n) => `smtp${n}.example`), ...logins.map((name) => `${name}.example`)];
  const whole = ['apart.example', 'together.example'];
  const times = new Map<string, number[]>([...alone, ...whole].map((domain) => [domain, []]));
  for (let round = 0; round <= ROUNDS; round++)
    for (const [domain, all] of times) {
      const ms = await took(domain);
      // The first round is for code that has run seldom.
      if (round > 0) all.push(ms);
    }
  dns.close();
  const median = (domain: string): number => {
    const sorted = [...(times.get(domain) ?? [])].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  console.log(`${LATENCY} ms for each reply and each answer of the DNS; medians of ${ROUNDS} rounds`);
  for (const domain of alone) console.log(`  ${domain.padEnd(20)} alone ${median(domain).toFixed(0).padStart(6)} ms`);
  const slowest = Math.max(...alone.map(median));
  for (const [domain, how] of [
    ['apart.example', 'five MX hosts, four services on a host each'],
    ['together.example', 'five MX hosts, four services on one host'],
  ] as const) {
    const ratio = median(domain) / slowest;
    console.log(`  ${how}: ${median(domain).toFixed(0)} ms, ${ratio.toFixed(2)} × the slowest alone (bar ${BAR})`);
    if (ratio > BAR) process.exitCode = 1;
  }
}
