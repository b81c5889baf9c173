import { describe, expect, test } from 'vitest';
import type { AuditEnv, AuditOptions, AuditReport, Connect } from '../../src/audit/index.ts';
import { audit } from '../../src/audit/index.ts';
import type { DnsResolver } from '../../src/env/index.ts';
import { fixedClock, type ZoneData, zone } from '../../src/testing/index.ts';

const refused: Connect = () => Promise.resolve({ status: 'refused', reason: 'ECONNREFUSED' });
const silent: Connect = () => Promise.resolve({ status: 'timeout', reason: 'no answer in 1 ms' });

const sound: ZoneData = {
  'example.org': {
    MX: [
      [10, 'mx1.example.org'],
      [20, 'mx2.example.net'],
    ],
    TXT: ['v=spf1 mx -all'],
  },
  '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject; rua=mailto:dmarc@example.org'] },
  'mx1.example.org': { A: ['192.0.2.1'] },
  'mx2.example.net': { A: ['198.51.100.1'] },
  '1.2.0.192.in-addr.arpa': { PTR: ['mx1.example.org'] },
  '1.100.51.198.in-addr.arpa': { PTR: ['mx2.example.net'] },
  'k._domainkey.example.org': {},
};

function look(
  data: ZoneData,
  options: AuditOptions = {},
  connect: Connect = refused,
  domains: readonly string[] = ['example.org'],
): Promise<AuditReport> {
  const clock = fixedClock();
  const env: AuditEnv = {
    dns: zone(data, { clock }),
    clock,
    connect,
    localAddresses: () => ['127.0.0.1', '::1'],
    randomBytes: (length) => new Uint8Array(length).fill(7),
  };
  return clock.until(audit(domains, { publicNetworks: ['192.0.2.0/24', '198.51.100.0/24'], ...options }, env));
}

const ids = ({ domains }: AuditReport): readonly string[] =>
  domains.flatMap(({ findings }) => findings.map(({ id, severity }) => `${severity} ${id}`));

describe('audit', () => {
  test('a sound domain, DNS only → only optional records are missing', async () => {
    const report = await look(sound, { dnsOnly: true });
    expect(ids(report)).toEqual([
      'info mx-no-ipv6',
      'info mta-sts-missing',
      'info tls-rpt-missing',
      'info srv-missing',
      'info caa-missing',
    ]);
    expect(report).toMatchObject({ state: 'clean', schema: 'postern-audit-report', version: 2 });
    expect(report.domains[0]?.records.spf).toEqual({ state: 'found', text: 'v=spf1 mx -all' });
  });
  test('some probes → only their findings', async () => {
    expect(ids(await look({ 'example.org': {} }, { only: ['spf'], dnsOnly: true }))).toEqual(['medium spf-missing']);
    const report = await look({ 'example.org': {} }, { only: ['mx'], dnsOnly: true });
    expect(ids(report)).toEqual(['critical mx-none']);
    expect(report.domains[0]?.records).toEqual({});
  });
  test('all MX hosts refuse → one finding, of the domain', async () => {
    expect(ids(await look(sound, { only: ['smtp'] }))).toEqual(['critical smtp-all-unreachable']);
  });
  test('all MX hosts time out → could not be checked', async () => {
    const report = await look(sound, { only: ['smtp', 'failover'] }, silent);
    expect(ids(report)).toEqual(['medium smtp-blocked-here']);
    expect(report.state).toBe('could-not-check');
  });
  test('dnsOnly → no connections', async () => {
    const asked: unknown[] = [];
    await look(sound, { dnsOnly: true }, (target) => {
      asked.push(target);
      return refused(target);
    });
    expect(asked).toEqual([]);
  });
  test('default ports → all services; given ports → only these', async () => {
    const asked = new Set<number>();
    const connect: Connect = (target) => {
      asked.add(target.port);
      return refused(target);
    };
    await look(sound, { publicNetworks: ['192.0.2.0/24'] }, connect);
    expect([...asked].sort((a, b) => a - b)).toEqual([25, 110, 143, 465, 587, 993, 995, 4190]);
    asked.clear();
    await look(sound, { ports: { imap: 1143 }, publicNetworks: ['192.0.2.0/24'] }, connect);
    expect([...asked].sort((a, b) => a - b)).toEqual([25, 1143]);
  });
  test('private addresses → not contacted unless publicNetworks contains them', async () => {
    const data: ZoneData = {
      ...sound,
      'mx1.example.org': { A: ['127.0.0.1'] },
      'mx2.example.net': { A: ['10.0.0.1'] },
    };
    const asked = new Set<string>();
    const connect: Connect = (target) => {
      asked.add(target.address);
      return refused(target);
    };
    await look(data, {}, connect);
    expect([...asked]).toEqual([]);
    await look(data, { publicNetworks: ['127.0.0.0/8'] }, connect);
    expect([...asked]).toEqual(['127.0.0.1']);
  });
  test('a host option without an address → a note that it was not checked', async () => {
    const report = await look(sound, { only: ['login'], hosts: ['imap.example.com'] });
    expect(report.notes).toEqual(['imap.example.com was not checked: it has no known public address.']);
    const data: ZoneData = { ...sound, 'imap.example.com': { A: ['127.0.0.1'] } };
    const there = await look(data, { only: ['login'], hosts: ['imap.example.com'], publicNetworks: ['127.0.0.0/8'] });
    expect(there.notes).toEqual([]);
  });
  test('an IPv6 address without local IPv6 → a note, no finding', async () => {
    const data: ZoneData = { ...sound, 'mx1.example.org': { A: ['192.0.2.1'], AAAA: ['2600::1'] } };
    const asked = new Set<string>();
    const report = await look(data, { only: ['smtp'] }, (target) => {
      asked.add(target.address);
      return refused(target);
    });
    expect([...asked].sort()).toEqual(['192.0.2.1', '198.51.100.1']);
    expect(report.notes.join(' ')).toContain('no IPv6');
  });
  test('a domain that receives no mail → no finding about missing MX hosts', async () => {
    const report = await look({
      'example.org': { MX: [[0, '']], TXT: ['v=spf1 -all'] },
      '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject'] },
    });
    expect(ids(report)).toEqual(['info null-mx']);
    expect(report.state).toBe('clean');
  });
  test('a DNS that does not answer → no record is reported as missing', async () => {
    const report = await look(
      { 'example.org': 'temperror', '_dmarc.example.org': 'temperror' },
      { dnsOnly: true, only: ['mx', 'spf', 'dmarc'] },
    );
    expect(report.state).toBe('could-not-check');
    expect(report.domains[0]?.findings.map(({ kind }) => kind)).toEqual(
      report.domains[0]?.findings.map(() => 'could-not-check'),
    );
    expect(report.domains[0]?.findings.length).toBeGreaterThan(0);
  });
  test.each([['temperror'], ['timeout']] as const)(
    'a resolver that answers nothing (%s) → one finding, about it',
    async (how) => {
      const dead: DnsResolver = { resolve: async () => ({ status: 'temperror', reason: how }) };
      const clock = fixedClock();
      const env: AuditEnv = { dns: dead, clock, connect: refused, randomBytes: (length) => new Uint8Array(length) };
      const report = await clock.until(audit(['example.org', 'example.com'], {}, env));
      expect(ids(report)).toEqual(['medium resolver-down', 'medium resolver-down']);
      expect(report.state).toBe('could-not-check');
    },
  );
  test('silent name servers of the domain → one finding about the domain', async () => {
    const silenced: DnsResolver = {
      resolve: async (name) =>
        name.endsWith('example.org') ? { status: 'temperror', reason: 'timeout' } : { status: 'nxdomain', ttl: 0 },
    };
    const clock = fixedClock();
    const env: AuditEnv = { dns: silenced, clock, connect: refused, randomBytes: (length) => new Uint8Array(length) };
    expect(ids(await clock.until(audit(['example.org'], {}, env)))).toEqual(['medium dns-timeout']);
  });
  test('the same fault on many hosts → one finding; on two addresses → two', async () => {
    const many = (count: number): ZoneData => ({
      'example.org': { MX: Array.from({ length: count }, (_, i) => [10, `mx${i}.example.org`] as const) },
      ...Object.fromEntries(
        Array.from({ length: count }, (_, i) => [
          `mx${i}.example.org`,
          { A: [`192.0.${i + 10}.1`], AAAA: ['2600::1'] },
        ]),
      ),
    });
    const ptr = async (count: number) =>
      (await look(many(count), { only: ['ptr'], publicNetworks: ['192.0.0.0/16'] })).domains[0]?.findings.map(
        ({ id, subject, subjects }) => ({ id, subject, subjects }),
      );
    expect((await ptr(1))?.length).toBe(2);
    const all = [...Array.from({ length: 23 }, (_, i) => `192.0.${i + 10}.1`), '2600::1'].sort();
    expect(await ptr(23)).toEqual([{ id: 'ptr-missing', subject: 'example.org', subjects: all }]);
  });
  test('several servers on this machine → one note that names them', async () => {
    const data: ZoneData = {
      ...sound,
      'mx1.example.org': { A: ['127.0.0.1'] },
      'mx2.example.net': { A: ['127.0.0.2'] },
    };
    const report = await look(data, { only: ['smtp'], publicNetworks: ['127.0.0.0/8'] });
    expect(report.notes).toHaveLength(1);
    expect(report.notes[0]).toMatch(/machine of mx1\.example\.org \(127\.0\.0\.1\), mx2\.example\.net/);
  });
  test('two domains, one given twice → each once, and the worst state wins', async () => {
    const report = await look(sound, { dnsOnly: true, only: ['mx'] }, refused, [
      'example.org',
      'EXAMPLE.org.',
      'example.com',
    ]);
    expect(report.domains.map(({ domain, state }) => [domain, state])).toEqual([
      ['example.org', 'clean'],
      ['example.com', 'problems'],
    ]);
    expect(report.state).toBe('problems');
  });
  test('a connection that throws → ends only its step', async () => {
    const report = await look(sound, { only: ['smtp', 'mx'] }, () => Promise.reject(new Error('broken')));
    expect(report.domains[0]?.state).toBe('clean');
    expect(report.notes.join(' ')).toContain('broken');
  });
  test('progress → each step starts and ends; an exception in the callback is ignored', async () => {
    const open = new Map<string, number>();
    await look(sound, {
      onProgress({ step, state }) {
        open.set(step, (open.get(step) ?? 0) + (state === 'started' ? 1 : -1));
        throw new Error('watching');
      },
    });
    expect(open.size).toBeGreaterThan(5);
    expect([...open.values()].every((left) => left === 0)).toBe(true);
  });
});

describe('audit: wrong arguments', () => {
  test.each<[string, AuditOptions, RegExp]>([
    ['an unknown option', { onyl: ['mx'] } as never, /unknown option onyl .*did you mean only\?/],
    ['an unknown probe', { only: ['smpt' as never] }, /only must be "mx", "smtp", .*, got "smpt"/],
    ['no probe', { only: [] }, /only must be at least one probe, got ""/],
    ['an unknown service', { ports: { imp: 1 } as never }, /ports must be .*, got "imp"/],
    [
      'a port out of range',
      { ports: { imap: 70_000 } },
      /ports\.imap must be a whole number from 1 to 65535, got 70000/,
    ],
    ['a timeout of 0', { timeoutMs: 0 }, /timeoutMs must be .*, got 0/],
    ['an invalid prefix', { publicNetworks: ['localhost'] }, /publicNetworks must be .*, got "localhost"/],
    ['a source that is not an address', { source: 'eth0' }, /source must be .*, got "eth0"/],
    ['an invalid EHLO name', { helo: 'a b' }, /helo must be a host name, got "a b"/],
    ['an invalid mailbox', { relayTo: 'nobody' }, /relayTo must be .*, got "nobody"/],
    ['a mailbox with a line break', { relayTo: 'a\r\nDATA@example.org' }, /relayTo/],
    [
      'a text without a certificate',
      { authorities: ['PEM'] },
      /authorities\[0\] must be certificates in PEM, got a text without/,
    ],
    [
      'a broken certificate',
      { authorities: ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'] },
      /authorities/,
    ],
    ['an invalid list zone', { lists: ['-'] }, /lists must be a domain name, got "-"/],
  ])('%s → TypeError', async (_, options, message) => {
    await expect(look(sound, options)).rejects.toThrow(TypeError);
    await expect(look(sound, options)).rejects.toThrow(message);
  });
  test.each([[[]], [['']], [['a b']], [['192.0.2.1']]])('domains %j → TypeError', async (domains) => {
    await expect(look(sound, {}, refused, domains)).rejects.toThrow(TypeError);
  });
});
