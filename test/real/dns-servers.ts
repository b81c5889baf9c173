import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DnsServer, stubResolver } from 'postern/dns/node';
import type { ZoneData, ZoneEntry } from 'postern/testing';
import { selfSigned } from '../adapters/dns-node/certificate.ts';

const programs = { nsd: '/usr/sbin/nsd', unbound: '/usr/sbin/unbound' };

/** Why these tests cannot be run here; false where they can. */
export const withoutServers: string | false = ((missing) =>
  missing.length > 0 ? `not installed: ${missing.join(', ')}` : false)(
  Object.values(programs).filter((path) => !existsSync(path)),
);

export interface RealServers {
  /** The authority for the zone. */
  readonly nsd: { readonly port: number; readonly tlsPort: number };
  /** A recursive server, which asks nsd. */
  readonly unbound: { readonly port: number; readonly tlsPort: number; readonly httpsPort: number };
  /** The certificate of both. */
  readonly ca: string;
  end(): Promise<void>;
}

export interface MoreOfServers {
  /** Names below which nothing validates: unbound has a trust anchor there, and nothing is signed. */
  readonly bogus?: readonly string[];
  /** Names that unbound answers by itself unless it is told not to: private reverse zones, reserved names. */
  readonly plain?: readonly string[];
  /** TCP connections that unbound accepts at once; Default: 100. Unbound's own default is 10. */
  readonly tcpConnections?: number;
  /** The port of another authority for the zone, which unbound asks instead of nsd. */
  readonly authority?: number;
}

/** The lines of a master file (RFC 1035 §5). Outcomes that no server has of itself are left out. */
export function masterFile(data: ZoneData, ttl: number): string {
  const name = (text: string): string =>
    text === '' || text === '.'
      ? '.'
      : `${text.replace(/\.$/, '').replace(/[ ;"()@$]/g, (one) => `\\${String(one.charCodeAt(0)).padStart(3, '0')}`)}.`;
  const text = (part: string): string => `"${part.replace(/["\\]/g, '\\$&')}"`;
  const lines: string[] = [];
  for (const [owner, entry] of Object.entries(data)) {
    if (typeof entry === 'string') continue;
    const put = (type: string, value: string): void =>
      void lines.push(`${name(owner)} ${entry.ttl ?? ttl} IN ${type} ${value}`);
    const list = <T>(values: readonly T[] | string | undefined): readonly T[] =>
      typeof values === 'object' ? values : [];
    const { SOA, CNAME }: ZoneEntry = entry;
    if (typeof SOA === 'object') put('SOA', `${name(SOA[0])} hostmaster.invalid. 1 3600 900 86400 ${SOA[1]}`);
    if (CNAME !== undefined) put('CNAME', name(CNAME));
    for (const address of list(entry.A)) put('A', address);
    for (const address of list(entry.AAAA)) put('AAAA', address);
    for (const [preference, exchange] of list(entry.MX)) put('MX', `${preference} ${name(exchange)}`);
    for (const target of list(entry.PTR)) put('PTR', name(target));
    for (const target of list(entry.NS)) put('NS', name(target));
    for (const [priority, weight, port, target] of list(entry.SRV))
      put('SRV', `${priority} ${weight} ${port} ${name(target)}`);
    for (const [usage, selector, matching, hex] of list(entry.TLSA))
      put('TLSA', `${usage} ${selector} ${matching} ${hex}`);
    for (const [flags, tag, value] of list(entry.CAA)) put('CAA', `${flags} ${tag} ${JSON.stringify(value)}`);
    for (const parts of list(entry.TXT)) {
      const strings = typeof parts === 'string' ? (parts.match(/.{1,255}/gs) ?? ['']) : parts;
      put('TXT', strings.map(text).join(' '));
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Starts nsd with the zone, and unbound before it, on free loopback ports; waits until both answer. */
export async function startServers(
  zone: string,
  data: ZoneData,
  ttl: number,
  more: MoreOfServers = {},
): Promise<RealServers> {
  const { bogus = [], plain = [], tcpConnections = 100, authority } = more;
  const folder = await mkdtemp(join(tmpdir(), 'postern-dns-'));
  await chmod(folder, 0o755);
  const { key, cert } = selfSigned();
  const [nsd, nsdTls, unbound, unboundTls, unboundHttps] = (await freePorts(5)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const path = (file: string): string => join(folder, file);
  await writeFile(path('key.pem'), key);
  await writeFile(path('cert.pem'), cert);
  await writeFile(path('zone'), masterFile(data, ttl));
  await writeFile(
    path('nsd.conf'),
    `server:
  ip-address: 127.0.0.1@${nsd}
  ip-address: 127.0.0.1@${nsdTls}
  tls-port: ${nsdTls}
  tls-service-key: "${path('key.pem')}"
  tls-service-pem: "${path('cert.pem')}"
  username: ""
  chroot: ""
  database: ""
  zonesdir: "${folder}"
  pidfile: "${path('nsd.pid')}"
  xfrdfile: "${path('xfrd.state')}"
  zonelistfile: "${path('zone.list')}"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "${zone}"
  zonefile: "${path('zone')}"
`,
  );
  await writeFile(
    path('unbound.conf'),
    `server:
  interface: 127.0.0.1@${unbound}
  interface: 127.0.0.1@${unboundTls}
  interface: 127.0.0.1@${unboundHttps}
  tls-port: ${unboundTls}
  https-port: ${unboundHttps}
  tls-service-key: "${path('key.pem')}"
  tls-service-pem: "${path('cert.pem')}"
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: "${path('unbound.pid')}"
  use-syslog: no
  num-threads: 1
  so-rcvbuf: 0
  num-queries-per-thread: 4096
  incoming-num-tcp: ${tcpConnections}
  module-config: "${bogus.length === 0 ? '' : 'validator '}iterator"
${bogus.map((name) => `  trust-anchor: "${name}. DS 4711 8 2 ${'ab'.repeat(32)}"`).join('\n')}
  do-not-query-localhost: no
${['test', ...plain].map((name) => `  local-zone: "${name}." nodefault`).join('\n')}
  access-control: 127.0.0.0/8 allow
remote-control:
  control-enable: no
stub-zone:
  name: "${zone}"
  stub-addr: 127.0.0.1@${authority ?? nsd}
`,
  );
  const running = [
    start(programs.nsd, ['-d', '-c', path('nsd.conf')]),
    start(programs.unbound, ['-d', '-c', path('unbound.conf')]),
  ];
  const end = async (): Promise<void> => {
    for (const { server } of running) server.kill('SIGTERM');
    await Promise.all(running.map(({ ended }) => ended));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answers({ address: '127.0.0.1', port: nsd }, zone);
    await answers({ address: '127.0.0.1', port: unbound }, zone);
  } catch (error) {
    await end();
    throw new Error(`${String(error)}; ${running.map(({ said }) => said()).join('\n')}`);
  }
  return {
    nsd: { port: nsd, tlsPort: nsdTls },
    unbound: { port: unbound, tlsPort: unboundTls, httpsPort: unboundHttps },
    ca: cert,
    end,
  };
}

function start(
  program: string,
  options: readonly string[],
): { server: ChildProcess; ended: Promise<void>; said: () => string } {
  const server = spawn(program, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const hear = (text: Buffer): void => {
    said = (said + text.toString()).slice(-5_000);
  };
  server.stdout?.on('data', hear);
  server.stderr?.on('data', hear);
  const ended = new Promise<void>((done) => {
    server.once('exit', () => done());
    server.once('error', () => done());
  });
  return { server, ended, said: () => said };
}

async function answers(server: DnsServer, name: string): Promise<void> {
  const dns = stubResolver({ servers: [server], timeoutMs: 1_000 });
  try {
    for (let i = 0; ; i++) {
      const answer = await dns.resolve(name, 'SOA');
      if (answer.status === 'found') return;
      if (i > 60) throw new Error(`no answer from port ${server.port}: ${JSON.stringify(answer)}`);
      await new Promise((done) => setTimeout(done, 250));
    }
  } finally {
    dns.close();
  }
}

/** Ports that are free now for both UDP and TCP. */
async function freePorts(count: number): Promise<number[]> {
  const held: { close(): void }[] = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const tcp = createServer();
    await new Promise<void>((done) => tcp.listen(0, '127.0.0.1', done));
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket('udp4');
    const free = await new Promise<boolean>((done) => {
      udp.once('error', () => done(false));
      udp.bind(port, '127.0.0.1', () => done(true));
    });
    held.push(tcp, udp);
    if (free) ports.push(port);
  }
  for (const one of held) one.close();
  return ports;
}
