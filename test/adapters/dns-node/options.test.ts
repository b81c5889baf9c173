import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DnsServer, nodeResolver, serveZone, stubResolver } from 'postern/dns/node';
import { zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { parseResolvConf } from '../../../src/adapters/dns-node/resolv-conf.ts';

describe('servers', () => {
  test.each<[string | DnsServer, string]>([
    ['192.0.2.53', 'udp://192.0.2.53:53'],
    ['192.0.2.53:5353', 'udp://192.0.2.53:5353'],
    ['2001:db8::53', 'udp://[2001:db8::53]:53'],
    ['[2001:db8::53]:5353', 'udp://[2001:db8::53]:5353'],
    ['fe80::1%eth0', 'udp://[fe80::1%eth0]:53'],
    ['tcp://192.0.2.53', 'tcp://192.0.2.53:53'],
    ['tls://192.0.2.53', 'tls://192.0.2.53:853'],
    ['tls://[2001:db8::53]:8853#dns.example', 'tls://[2001:db8::53]:8853#dns.example'],
    ['https://dns.example/dns-query', 'https://dns.example:443'],
    ['https://192.0.2.53:8443/other', 'https://192.0.2.53:8443'],
    ['https://[2001:db8::53]/', 'https://[2001:db8::53]:443'],
    [{ address: '192.0.2.53', port: 8053 }, 'udp://192.0.2.53:8053'],
    [{ address: '192.0.2.53', transport: 'tls', name: 'dns.example' }, 'tls://192.0.2.53:853#dns.example'],
    [{ address: '192.0.2.53', transport: 'https', name: 'dns.example' }, 'https://192.0.2.53:443#dns.example'],
  ])('%o → %s', (server, label) => {
    const dns = stubResolver({ servers: [server] });
    expect(dns.servers).toEqual([label]);
    dns.close();
  });

  test.each<[unknown]>([
    [''],
    ['dns.example'],
    ['192.0.2.256'],
    ['192.0.2.53:0'],
    ['192.0.2.53:70000'],
    ['http://dns.example/'],
    ['ftp://192.0.2.53'],
    ['https://'],
    ['2001:db8::53:5353:1:2:3:4:5'],
    [{ address: 'dns.example', transport: 'tls' }],
    [{ address: '192.0.2.53', transport: 'quic' }],
    [{ address: '192.0.2.53', port: 1.5 }],
    [{ transport: 'https' }],
    [42],
    [null],
  ])('%o → TypeError that shows it', (server) => {
    expect(() => stubResolver({ servers: [server as string] })).toThrow(TypeError);
    expect(() => stubResolver({ servers: [server as string] })).toThrow(
      /stubResolver: server .* is not a DNS server; give it like/,
    );
  });

  test.each<[string, () => unknown, RegExp]>([
    ['no server', () => stubResolver({ servers: [] }), /servers is empty/],
    [
      'a time that is none',
      () => stubResolver({ servers: ['192.0.2.53'], timeoutMs: 0 }),
      /timeoutMs must be a positive number, got 0/,
    ],
    [
      'a retry that is none',
      () => stubResolver({ servers: ['192.0.2.53'], retryMs: Number.NaN }),
      /retryMs must be a positive number, got NaN/,
    ],
    [
      'a bound that is none',
      () => stubResolver({ servers: ['192.0.2.53'], maxInFlight: 0 }),
      /maxInFlight must be a whole number, 1 or more, got 0/,
    ],
    ['one try, which loses answers', () => nodeResolver({ tries: 1 }), /tries must be .* 2 or more, got 1/],
    ['no address', () => nodeResolver({ servers: ['dns.example'] }), /servers must be IP addresses .*dns\.example/],
    ['no time', () => nodeResolver({ timeoutMs: -1 }), /timeoutMs .* got -1/],
  ])('%s → TypeError', (_, make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });
});

describe('resolv.conf', () => {
  const plain = { servers: ['127.0.0.1'], timeout: undefined, trustAd: false, tcp: false, rotate: false };
  test.each<[string, string, object]>([
    ['nothing: the server on this machine', '', plain],
    [
      'servers in order',
      'nameserver 192.0.2.1\nnameserver 2001:db8::1\n',
      { ...plain, servers: ['192.0.2.1', '2001:db8::1'] },
    ],
    [
      'three at most',
      [1, 2, 3, 4].map((i) => `nameserver 192.0.2.${i}`).join('\n'),
      { ...plain, servers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] },
    ],
    [
      'comments and what is not known',
      '# c\n; c\nsearch example.org\nsortlist 1\nnameserver 192.0.2.1 # here\n',
      { ...plain, servers: ['192.0.2.1'] },
    ],
    ['a zone', 'nameserver fe80::1%lo\n', { ...plain, servers: ['fe80::1%lo'] }],
    [
      'what is no address is passed over',
      'nameserver dns.example\nnameserver\nnameserver 192.0.2.1\n',
      { ...plain, servers: ['192.0.2.1'] },
    ],
    [
      'options',
      'options timeout:3 trust-ad rotate use-vc ndots:1\n',
      { ...plain, timeout: 3, trustAd: true, rotate: true, tcp: true },
    ],
    ['a time within reason', 'options timeout:0\noptions timeout:999\n', { ...plain, timeout: 30 }],
    ['carriage returns and tabs', 'nameserver\t192.0.2.1\r\n', { ...plain, servers: ['192.0.2.1'] }],
  ])('%s', (_, text, conf) => {
    expect(parseResolvConf(text)).toEqual(conf);
  });

  test('the file is missing → the server on this machine', () => {
    const dns = stubResolver({ resolvConf: '/nonexistent/resolv.conf' });
    expect(dns.servers).toEqual(['udp://127.0.0.1:53']);
    dns.close();
  });

  test('the file changes, is missing for a moment and comes back: the next questions use what it says', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'postern-'));
    const path = join(folder, 'resolv.conf');
    let now = 0;
    const clock = {
      now: () => now,
      after: (ms: number, run: () => void) => clearTimeout.bind(undefined, setTimeout(run, ms)),
    };
    await writeFile(path, 'nameserver 127.0.0.2\n');
    const dns = stubResolver({ resolvConf: path, clock });
    const read = async (): Promise<readonly string[]> => {
      now += 10_000;
      const before = dns.servers;
      for (let i = 0; i < 50; i++) {
        await new Promise((done) => setTimeout(done, 5));
        if (dns.servers.join() !== before.join()) break;
      }
      return dns.servers;
    };
    expect(await read()).toEqual(['udp://127.0.0.2:53']);
    await writeFile(`${path}.new`, 'nameserver 127.0.0.3\nnameserver 127.0.0.4\noptions use-vc\n');
    await rename(`${path}.new`, path);
    expect(await read()).toEqual(['tcp://127.0.0.3:53', 'tcp://127.0.0.4:53']);
    await rm(path);
    expect(await read()).toEqual(['tcp://127.0.0.3:53', 'tcp://127.0.0.4:53']);
    dns.close();
    await rm(folder, { recursive: true });
  });
});

describe('the AD bit', () => {
  test.each<[string, boolean | undefined, boolean]>([
    ['from this machine is believed', undefined, true],
    ['can be disbelieved', false, false],
  ])('%s', async (_, trustAd, authentic) => {
    const server = await serveZone(zone({ 'sure.example': { A: ['192.0.2.1'], authentic: true } }));
    const dns = stubResolver({ servers: [`127.0.0.1:${server.port}`], trustAd });
    expect(await dns.resolve('sure.example', 'A')).toMatchObject({ status: 'found', authentic });
    dns.close();
    await server.close();
  });
});
