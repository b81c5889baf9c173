import { type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import type { AuditContext } from '../../../src/audit/context.ts';
import { findServices } from '../../../src/audit/login/index.ts';
import type { AuditOptions } from '../../../src/audit/options.ts';
import { checkRedundancy } from '../../../src/checks/mx-redundancy/index.ts';
import { type DomainName, parseDomain } from '../../../src/net/index.ts';
import { contextWith } from '../context.ts';

const domain = parseDomain('example.org') as DomainName;
type Srv = Parameters<typeof findServices>[1]['srv'];

async function find(
  data: ZoneData,
  {
    srv = [],
    context = {},
    ...options
  }: AuditOptions & { readonly srv?: Srv; readonly context?: Partial<AuditContext> } = {},
): Promise<string[]> {
  const dns = zone(data);
  const { hosts } = await checkRedundancy(domain, { dns }, {});
  const own = contextWith({ ports: { imaps: 993, submission: 587, pop3: 110 }, ...options }, { dns, ...context });
  const targets = await findServices(domain, { mxHosts: hosts, srv }, own);
  return targets.map(
    ({ service, host, address, port, because, required, names }) =>
      `${service} ${host}[${address}]:${port} ${because} ${[...required, ...names.map((name) => `(${name})`)].join(' ')}`,
  );
}

const mx = { 'example.org': { MX: [[10, 'mx.example.org']] as const }, 'mx.example.org': { A: ['8.8.4.1'] } };
const announced = (service: Srv[number]['service'], target: string, port: number): Srv[number] => ({
  service,
  target,
  port,
  priority: 0,
  weight: 0,
});

describe('audit/find-services', () => {
  test('mx/an MX host → all wanted services', async () => {
    expect(await find(mx)).toEqual([
      'imaps mx.example.org[8.8.4.1]:993 mx (mx.example.org)',
      'submission mx.example.org[8.8.4.1]:587 mx (mx.example.org)',
      'pop3 mx.example.org[8.8.4.1]:110 mx (mx.example.org)',
    ]);
  });

  test('ports/smtp only → nothing, and no DNS query', async () => {
    const dns = zone({});
    expect(await find(mx, { ports: { smtp: 25 }, context: { dns } })).toEqual([]);
    expect(dns.questions).toEqual([]);
  });

  test('mx/two addresses → both', async () => {
    const data = { ...mx, 'mx.example.org': { A: ['8.8.4.1'], AAAA: ['2a00::1'] } };
    expect(await find(data, { ports: { imaps: 993 } })).toEqual([
      'imaps mx.example.org[8.8.4.1]:993 mx (mx.example.org)',
      'imaps mx.example.org[2a00::1]:993 mx (mx.example.org)',
    ]);
  });

  test('mx/a host of a provider → skipped', async () => {
    const data = {
      'example.org': { MX: [[1, 'example-org.mail.protection.outlook.com']] as const },
      'example-org.mail.protection.outlook.com': { A: ['8.8.4.1'] },
    };
    expect(await find(data)).toEqual([]);
    expect(await find(data, { hosts: ['example-org.mail.protection.outlook.com'], ports: { imaps: 993 } })).toEqual([
      'imaps example-org.mail.protection.outlook.com[8.8.4.1]:993 given example-org.mail.protection.outlook.com',
    ]);
  });

  test('srv/a special port → used', async () => {
    const data = { 'imap.example.net': { A: ['8.8.4.2'] } };
    expect(await find(data, { ports: undefined, srv: [announced('imaps', 'imap.example.net', 1993)] })).toEqual([
      'imaps imap.example.net[8.8.4.2]:1993 srv imap.example.net',
    ]);
  });

  test('srv/ports option → overrides', async () => {
    const data = { 'imap.example.net': { A: ['8.8.4.2'] } };
    expect(await find(data, { ports: { imaps: 2993 }, srv: [announced('imaps', 'imap.example.net', 1993)] })).toEqual([
      'imaps imap.example.net[8.8.4.2]:2993 srv imap.example.net',
    ]);
  });

  test('srv/an unwanted service → skipped', async () => {
    const data = { 'imap.example.net': { A: ['8.8.4.2'] } };
    expect(await find(data, { srv: [announced('imap', 'imap.example.net', 143)] })).toEqual([]);
  });

  test('names/one address → one probe, with the best name first', async () => {
    const data = {
      ...mx,
      'imap.example.org': { A: ['8.8.4.1'] },
      'mail.example.org': { CNAME: 'mx.example.org' },
      'login.example.org': { A: ['8.8.4.1'] },
    };
    const found = await find(data, {
      ports: { imaps: 993 },
      hosts: ['login.example.org'],
      srv: [announced('imaps', 'imap.example.org', 993)],
    });
    expect(found).toEqual([
      'imaps imap.example.org[8.8.4.1]:993 srv imap.example.org login.example.org (mail.example.org) (imap.example.org) (mx.example.org)',
    ]);
  });

  test('usual-name/exists → the services that clients expect there', async () => {
    const data = { 'pop.example.org': { A: ['8.8.4.3'] }, 'smtp.example.org': { A: ['8.8.4.4'] } };
    expect(await find(data)).toEqual([
      'pop3 pop.example.org[8.8.4.3]:110 usual-name (pop.example.org)',
      'submission smtp.example.org[8.8.4.4]:587 usual-name (smtp.example.org)',
    ]);
  });

  test('usual-name/below a wildcard → ignored, unless it has its own address', async () => {
    expect(await find({ '*.example.org': { A: ['8.8.4.5'] } })).toEqual([]);
    const data = { '*.example.org': { A: ['8.8.4.5'] }, 'pop.example.org': { A: ['8.8.4.6'] } };
    expect(await find(data)).toEqual(['pop3 pop.example.org[8.8.4.6]:110 usual-name (pop.example.org)']);
  });

  test('usual-name/an alias of a provider → skipped', async () => {
    const data = { 'mail.example.org': { CNAME: 'g7.hosts.example' }, 'g7.hosts.example': { A: ['8.8.4.7'] } };
    const providers = [{ name: 'Hosts', suffix: 'hosts.example' }];
    expect(await find(data, { providers })).toEqual([]);
  });

  test.each(['10.0.0.1', '127.0.0.1', '169.254.1.1', '192.168.0.1', '100.64.0.1'])(
    'addresses/%s is not public → skipped unless publicNetworks contains it',
    async (address) => {
      const data = { 'login.example.org': { A: [address] } };
      const options = { hosts: ['login.example.org'], ports: { imaps: 993 } };
      expect(await find(data, options)).toEqual([]);
      expect(await find(data, { ...options, publicNetworks: [`${address}/32`] })).toHaveLength(1);
    },
  );

  test.each(['temperror', 'timeout', 'silent', 'refused', 'nxdomain'] as const)(
    'dns/%s → the rest is checked',
    async (outcome) => {
      const data = { ...mx, 'imap.example.org': outcome, 'mail.example.org': { A: outcome, AAAA: ['2a00::2'] } };
      expect(await find(data, { ports: { imaps: 993 }, timeoutMs: 50 })).toEqual([
        'imaps mail.example.org[2a00::2]:993 usual-name (mail.example.org)',
        'imaps mx.example.org[8.8.4.1]:993 mx (mx.example.org)',
      ]);
    },
  );

  test('dns/a resolver that rejects, or throws → nothing, and no exception', async () => {
    for (const resolve of [
      () => Promise.reject(new Error('no')),
      () => {
        throw new Error('no');
      },
    ])
      expect(await find(mx, { context: { dns: { resolve } } })).toEqual([]);
  });

  test('many/too many services → limited, announced ones first', async () => {
    const hosts = Array.from({ length: 150 }, (_, at) => `h${at}.example.net`);
    const data = Object.fromEntries(hosts.map((host, at) => [host, { A: [`8.8.5.${at}`] }]));
    const found = await find(
      { ...data, 'imap.example.net': { A: ['8.8.4.9'] } },
      { hosts, ports: { imaps: 993 }, srv: [announced('imaps', 'imap.example.net', 993)] },
    );
    expect(found).toHaveLength(100);
    expect(found[0]).toContain('srv');
  });
});
