import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { promisify } from 'node:util';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import type { Delivery, GuardedServer, GuardOptions } from 'postern/adapters/smtp-server';
import { guardedServer } from 'postern/adapters/smtp-server';
import { systemClock } from 'postern/adapters/system';
import { connectionLimits } from 'postern/checks/connection-limits';
import { relayControl } from 'postern/checks/relay-control';
import type { Counters, Env } from 'postern/env';
import { smtpPolicy } from 'postern/smtp';
import { zone } from 'postern/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DemoServers } from '../../docs/examples/demo/servers.ts';
import { startServers } from '../../docs/examples/demo/servers.ts';

const run = promisify(execFile);

/** swaks, a client that Debian packages; answers its whole transcript, whatever its exit status. */
async function swaks(...given: string[]): Promise<{ readonly said: string; readonly status: number }> {
  try {
    const { stdout } = await run('swaks', ['--timeout', '20', '--hide-informational', ...given], { timeout: 60_000 });
    return { said: stdout, status: 0 };
  } catch (error) {
    const { stdout = '', code = -1 } = error as { stdout?: string; code?: number };
    return { said: stdout, status: code };
  }
}
const at = (port: number): string[] => ['--server', '127.0.0.1', '--port', String(port)];

describe('swaks against the demo', () => {
  let servers: DemoServers;
  beforeAll(async () => {
    servers = await startServers();
  });
  afterAll(async () => {
    await servers.close();
  });
  const from = (ip: string): string[] => [
    '--proxy-version',
    '1',
    '--proxy-family',
    ip.includes(':') ? 'TCP6' : 'TCP4',
    '--proxy-source',
    ip,
    '--proxy-source-port',
    '4711',
    '--proxy-dest',
    ip.includes(':') ? '::1' : '127.0.0.1',
    '--proxy-dest-port',
    '25',
  ];
  const good = ['--ehlo', 'mx.good.example', '--from', 'ann@good.example', '--to', 'bob@example.com'];

  test('clean mail → taken', async () => {
    const { said, status } = await swaks(...at(servers.mx), ...from('198.51.100.10'), ...good);
    expect(said).toMatch(/250 2\.0\.0 Message accepted/);
    expect(status).toBe(0);
  });
  test.each<[string, string[], RegExp]>([
    [
      '1 relay-control',
      [
        ...from('198.51.100.10'),
        '--ehlo',
        'mx.good.example',
        '--from',
        'ann@good.example',
        '--to',
        'x@elsewhere.example',
      ],
      /<\*\* 550 5\.7\.1 Relaying denied\b/,
    ],
    ['3 connection-limits lets one in', [...from('198.51.100.50'), ...good], /250 2\.0\.0/],
    [
      '4 reverse-dns: null MX',
      [
        ...from('198.51.100.10'),
        '--ehlo',
        'mx.good.example',
        '--from',
        'ann@nomail.example',
        '--to',
        'bob@example.com',
      ],
      /<\*\* 550 5\.7\.27 /,
    ],
    [
      '4 reverse-dns: no such domain',
      [...from('198.51.100.10'), '--ehlo', 'mx.good.example', '--from', 'ann@gone.example', '--to', 'bob@example.com'],
      /<\*\* 550 5\.1\.8 /,
    ],
    ['5 dnsbl', [...from('203.0.113.7'), ...good], /<\*\* 550 5\.7\.1 /],
    ['5 dnsbl, IPv6', [...from('2001:db8:bad::1'), ...good], /<\*\* 550 5\.7\.1 /],
    ['6 spf', [...from('198.51.100.40'), ...good], /<\*\* 550 5\.7\.23 /],
    ['7 uribl', [...from('198.51.100.10'), ...good, '--body', 'see http://www.example.net/ now'], /<\*\* 550 5\.7\.1 /],
    ['9 ip-blocklist', [...from('192.0.2.9'), ...good], /<\*\* 554 5\.7\.1 /],
  ])('%s → the exact reply', async (_, given, reply) => {
    expect((await swaks(...at(servers.mx), ...given)).said).toMatch(reply);
  });
  const alice = (password: string): string[] => ['--auth-user', 'alice', '--auth-password', password];
  test.each<[string, string[], RegExp]>([
    [
      '2 smtp-auth: PLAIN in clear text is not offered',
      ['--auth', 'PLAIN', ...alice('correct horse')],
      /Auth not attempted|Host did not advertise/i,
    ],
    ['2 smtp-auth: PLAIN after STARTTLS', ['--tls', '--auth', 'PLAIN', ...alice('correct horse')], /235 2\.7\.0 /],
    ['2 smtp-auth: LOGIN after STARTTLS', ['--tls', '--auth', 'LOGIN', ...alice('correct horse')], /235 2\.7\.0 /],
    ['2 smtp-auth: a wrong password', ['--tls', '--auth', 'PLAIN', ...alice('horse')], /<~\* 535 5\.7\.8 /],
    ['2 smtp-auth: no login at all', ['--tls'], /<~\* 530 5\.7\.0 /],
  ])('%s', async (_, given, reply) => {
    const { said } = await run(
      'swaks',
      [
        '--timeout',
        '20',
        ...at(servers.plainSubmission),
        '--from',
        'alice@example.com',
        '--to',
        'friend@elsewhere.example',
        ...given,
      ],
      { timeout: 60_000 },
    ).then(
      ({ stdout, stderr }) => ({ said: stdout + stderr }),
      (error: { stdout: string; stderr: string }) => ({ said: error.stdout + error.stderr }),
    );
    expect(said).toMatch(reply);
  });
});

describe('a server of one’s own', () => {
  const clock = systemClock();
  const servers: GuardedServer[] = [];
  afterAll(async () => {
    for (const server of servers) await new Promise<void>((done) => server.close(done));
  });
  interface Running {
    readonly server: GuardedServer;
    readonly port: number;
    readonly env: Env;
    readonly sink: { messages: number };
  }
  async function start(over: Partial<GuardOptions> = {}, concurrent = 1_000): Promise<Running> {
    const env: Env = { clock, dns: zone({}), counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
    const sink = { messages: 0 };
    const server = guardedServer({
      policy: smtpPolicy({
        relay: relayControl({ localDomains: ['example.com'], trustedNetworks: [] }),
        connect: [connectionLimits({ concurrent, perMinute: 100_000, total: 1_000 })],
      }),
      env,
      role: 'mx',
      async deliver({ message, outcome }: Delivery) {
        for await (const chunk of message) void chunk;
        if ((await outcome).action === 'accept') sink.messages++;
      },
      ...over,
      server: { name: 'mx.example.com', logger: false, closeTimeout: 500, ...over.server },
    });
    servers.push(server);
    const listening = server.listen(0, '127.0.0.1', 1024);
    await once(listening, 'listening');
    return { server, env, sink, port: (listening.address() as AddressInfo).port };
  }
  const mail = ['--ehlo', 'a.example', '--from', 'a@example.org', '--to', 'b@example.com'];

  test('swaks, STARTTLS → taken', async () => {
    const { port } = await start();
    expect((await swaks(...at(port), ...mail, '--tls')).said).toMatch(/<~ {2}250 2\.0\.0 /);
  });
  test('swaks, implicit TLS → taken', async () => {
    const { port } = await start({ server: { secure: true } });
    expect((await swaks(...at(port), ...mail, '--tls-on-connect')).said).toMatch(/<~ {2}250 2\.0\.0 /);
  });
  test('swaks, LMTP → taken, with a reply for each recipient', async () => {
    const { port } = await start({ role: 'lmtp' });
    const { said } = await swaks(
      ...at(port),
      '--protocol',
      'LMTP',
      '--ehlo',
      'a.example',
      '--from',
      'a@example.org',
      '--to',
      'b@example.com,c@example.com',
    );
    expect(said.match(/250 2\.0\.0 Message accepted/g)).toHaveLength(2);
  });

  /** Hands connections on with a PROXY header, each from an address of its own in 127.0.0.0/8. */
  async function manyAddresses(
    target: number,
  ): Promise<{ readonly front: Server; readonly port: number; readonly seen: Set<string> }> {
    let n = 0;
    const seen = new Set<string>();
    const front = createServer((near: Socket) => {
      const ip = `127.${1 + ((n >> 16) & 127)}.${(n >> 8) & 255}.${n++ & 255 || 1}`;
      seen.add(ip);
      const far = connect(target, '127.0.0.1');
      far.write(`PROXY TCP4 ${ip} 127.0.0.1 ${1024 + (n % 60_000)} 25\r\n`);
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) {
        socket.on('error', () => undefined);
        socket.on('close', () => {
          near.destroy();
          far.destroy();
        });
      }
    });
    front.listen(0, '127.0.0.1', 1024);
    await once(front, 'listening');
    return { front, port: (front.address() as AddressInfo).port, seen };
  }

  test('smtp-source, 500 sessions at once from many addresses → every accepted message is counted, no place is leaked', async () => {
    const places = { taken: 0, held: new Set<string>() };
    const memory = memoryCounters({ clock });
    const counters: Counters = {
      ...memory,
      acquireAll(wanted, holder) {
        const usages = memory.acquireAll(wanted, holder);
        if (usages.every(({ allowed }) => allowed)) {
          places.taken++;
          places.held.add(holder);
        }
        return usages;
      },
      release(holder, key) {
        places.held.delete(holder);
        return memory.release(holder, key);
      },
    };
    const env: Env = { clock, dns: zone({}), counters, bans: memoryBans({ clock }) };
    const { server, port, sink } = await start({
      env,
      server: { useProxy: ['127.0.0.1'], disabledCommands: ['STARTTLS'] },
    });
    const { front, port: door, seen } = await manyAddresses(port);
    const messages = 2_000;
    const source = spawn('smtp-source', [
      '-c',
      '-s',
      '500',
      '-m',
      String(messages),
      '-l',
      '2000',
      '-f',
      'a@example.org',
      '-t',
      'b@example.com',
      `127.0.0.1:${door}`,
    ]);
    let trouble = '';
    source.stderr.on('data', (text) => {
      trouble += text;
    });
    const [status] = await once(source, 'close');
    front.close();
    expect([status, trouble]).toEqual([0, '']);
    expect(sink.messages).toBe(messages);
    expect(seen.size).toBeGreaterThanOrEqual(500);
    for (let i = 0; i < 300 && server.openSessions > 0; i++) await new Promise((done) => setTimeout(done, 20));
    expect(server.openSessions).toBe(0);
    expect(places.taken).toBeGreaterThanOrEqual(messages);
    expect(places.held.size).toBe(0);
  });
});
