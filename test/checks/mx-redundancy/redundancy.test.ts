import fc from 'fast-check';
import {
  checkRedundancy,
  mxRedundancy,
  type RedundancyOptions,
  scheduleRedundancy,
} from 'postern/checks/mx-redundancy';
import { evaluate } from 'postern/core';
import { documentationNetworks, fixedClock, type ZoneData, type ZoneEntry, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const D = 'example.org';
const publicNetworks = documentationNetworks;
const look = (data: ZoneData, options: RedundancyOptions = {}) =>
  checkRedundancy(D, { dns: zone(data) }, { publicNetworks, ...options });
/** A domain's state, and what was found, as one line. */
const audit = async (data: ZoneData, options: RedundancyOptions = {}): Promise<string> => {
  const { state, findings } = await look(data, options);
  return [state, ...findings.map(({ id, severity }) => `${id}:${severity}`)].join(' ');
};
const mx = (...exchanges: string[]): ZoneEntry => ({ MX: exchanges.map((name, i) => [10 * (i + 1), name] as const) });
const a = (...addresses: string[]): ZoneEntry => ({
  A: addresses.filter((address) => !address.includes(':')),
  AAAA: addresses.filter((address) => address.includes(':')),
});
const [m1, m2, m3] = ['mx1.example.org', 'mx2.example.org', 'mx3.example.org'];
/** A domain with these hosts. */
const hosts = (...entries: (ZoneEntry | 'temperror' | 'timeout' | undefined)[]): ZoneData => ({
  [D]: mx(...entries.map((_, i) => `mx${i + 1}.example.org`)),
  ...Object.fromEntries(
    entries.flatMap((entry, i) => (entry === undefined ? [] : [[`mx${i + 1}.example.org`, entry]])),
  ),
});

describe('audit: domains in many states', () => {
  test.each<[string, ZoneData, string]>([
    // Redundant.
    ['two hosts in two networks', hosts(a('192.0.2.1'), a('198.51.100.1')), 'pass'],
    ['three hosts', hosts(a('192.0.2.1'), a('198.51.100.1'), a('203.0.113.1')), 'pass'],
    [
      'two hosts of equal preference',
      {
        ...hosts(a('192.0.2.1'), a('198.51.100.1')),
        [D]: {
          MX: [
            [10, m1],
            [10, m2],
          ],
        },
      },
      'pass',
    ],
    [
      'two hosts with both families',
      hosts(a('192.0.2.1', '2001:db8:1::1'), a('198.51.100.1', '2001:db8:2::1')),
      'pass',
    ],
    ['one host IPv4, one IPv6', hosts(a('192.0.2.1'), a('2001:db8::1')), 'pass'],
    [
      'two hosts that share one of their addresses',
      hosts(a('192.0.2.1', '198.51.100.1'), a('198.51.100.1', '203.0.113.1')),
      'pass',
    ],
    [
      'IPv4 in two networks, IPv6 in one',
      hosts(a('192.0.2.1', '2001:db8:1::1'), a('198.51.100.1', '2001:db8:1::2')),
      'pass',
    ],
    [
      'three hosts, one without an answer: two are enough',
      hosts(a('192.0.2.1'), a('198.51.100.1'), 'temperror'),
      'pass dns-servfail:medium',
    ],
    // Not redundant.
    ['one host, one address', hosts(a('192.0.2.1')), 'fail mx-single:high'],
    ['one host with both families of one machine', hosts(a('192.0.2.1', '2001:db8::1')), 'fail mx-single:high'],
    ['one host with several addresses is milder', hosts(a('192.0.2.1', '198.51.100.1')), 'fail mx-single:medium'],
    ['two names, one address', hosts(a('192.0.2.1'), a('192.0.2.1')), 'fail mx-one-address:high'],
    ['three names, one address', hosts(a('192.0.2.1'), a('192.0.2.1'), a('192.0.2.1')), 'fail mx-one-address:high'],
    [
      'two names, one machine with both families',
      hosts(a('192.0.2.1', '2001:db8::1'), a('192.0.2.1', '2001:db8::1')),
      'fail mx-one-address:high',
    ],
    [
      'two names, the second with one family of the same machine',
      hosts(a('192.0.2.1', '2001:db8::1'), a('192.0.2.1')),
      'fail mx-one-address:high',
    ],
    [
      'two names, one mapped address',
      hosts(a('192.0.2.1'), { AAAA: ['::ffff:192.0.2.1'] }),
      'fail mx-one-address:high',
    ],
    ['two hosts in one /24', hosts(a('192.0.2.1'), a('192.0.2.2')), 'fail mx-one-network:medium'],
    [
      'two hosts in one /48',
      hosts(a('2001:db8:1::1'), a('2001:db8:1:ffff::1')),
      'fail mx-no-ipv4:medium mx-one-network:medium',
    ],
    ['neighbouring /24s are two networks', hosts(a('192.0.2.255'), a('192.0.3.0')), 'pass'],
    ['only IPv6', hosts(a('2001:db8:1::1'), a('2001:db8:2::1')), 'fail mx-no-ipv4:medium'],
    [
      'the same host twice, in another case and with a trailing dot',
      { ...hosts(a('192.0.2.1')), [D]: mx(m1, 'MX1.Example.ORG.') },
      'fail mx-single:high mx-duplicate:low',
    ],
    [
      'a host named twice beside another',
      { ...hosts(a('192.0.2.1'), a('198.51.100.1')), [D]: mx(m1, m2, m1) },
      'pass mx-duplicate:low',
    ],
    // No MX, null MX.
    ['no MX, A', { [D]: a('192.0.2.1') }, 'fail mx-implicit:medium'],
    ['no MX, AAAA', { [D]: a('2001:db8::1') }, 'fail mx-implicit:medium mx-no-ipv4:medium'],
    ['no MX, only a loopback address', { [D]: a('127.0.0.1') }, 'fail mx-private:critical mx-implicit:medium'],
    ['neither MX nor address', { [D]: { TXT: ['x'] } }, 'fail mx-none:critical'],
    ['no such domain', {}, 'fail mx-none:critical'],
    ['null MX', { [D]: { MX: [[0, '']] } }, 'not-applicable null-mx:info'],
    [
      'null MX twice',
      {
        [D]: {
          MX: [
            [0, ''],
            [10, ''],
          ],
        },
      },
      'not-applicable null-mx:info',
    ],
    [
      'null MX beside two hosts',
      {
        ...hosts(a('192.0.2.1'), a('198.51.100.1')),
        [D]: {
          MX: [
            [0, ''],
            [10, m1],
            [20, m2],
          ],
        },
      },
      'fail null-mx-mixed:high',
    ],
    [
      'null MX beside one host',
      {
        ...hosts(a('192.0.2.1')),
        [D]: {
          MX: [
            [0, ''],
            [10, m1],
          ],
        },
      },
      'fail null-mx-mixed:high mx-single:high',
    ],
    // Targets.
    ['one target does not exist', hosts(a('192.0.2.1'), undefined, a('198.51.100.1')), 'fail mx-unresolvable:high'],
    [
      'one of two does not exist: recounted',
      hosts(a('192.0.2.1'), undefined),
      'fail mx-unresolvable:high mx-single:high',
    ],
    [
      'one target has no address',
      hosts(a('192.0.2.1'), { TXT: ['x'] }, a('198.51.100.1')),
      'fail mx-unresolvable:high',
    ],
    ['no target has an address', hosts(undefined, { TXT: ['x'] }), 'fail mx-none-usable:critical'],
    [
      'a target in a domain that does not exist',
      { ...hosts(a('192.0.2.1'), a('198.51.100.1')), [D]: mx(m1, m2, 'mx.gone.com') },
      'fail mx-dangling:critical',
    ],
    [
      'a target that does not exist, in a domain that does',
      {
        ...hosts(a('192.0.2.1'), a('198.51.100.1')),
        'there.com': { NS: ['ns.there.com'] },
        [D]: mx(m1, m2, 'mx.there.com'),
      },
      'fail mx-unresolvable:high',
    ],
    ['every target dangles', { [D]: mx('mx.gone.com') }, 'fail mx-none-usable:critical mx-dangling:critical'],
    ['a loopback target', hosts(a('192.0.2.1'), a('198.51.100.1'), a('127.0.0.1')), 'fail mx-private:high'],
    ['private targets only', hosts(a('10.0.0.1'), a('fd00::1')), 'fail mx-private:critical mx-private:critical'],
    ['one host, IPv6 only', hosts(a('2001:db8::1')), 'fail mx-single:high mx-no-ipv4:medium'],
    ['one host, both families', hosts(a('192.0.2.1', '2001:db8::1')), 'fail mx-single:high'],
    [
      'a third target with an underscore, which works',
      {
        ...hosts(a('192.0.2.1'), a('198.51.100.1')),
        [D]: mx(m1, m2, 'mx_3.example.org'),
        'mx_3.example.org': a('203.0.113.1'),
      },
      'fail mx-invalid-target:medium',
    ],
    [
      'a third target that is an alias of itself, by way of another',
      { ...hosts(a('192.0.2.1'), a('198.51.100.1'), { CNAME: 'x.example.org' }), 'x.example.org': { CNAME: m3 } },
      'fail mx-unresolvable:high mx-cname:medium',
    ],
    [
      'the only target is an alias of itself',
      hosts({ CNAME: m1 }),
      'fail mx-none-usable:critical mx-unresolvable:high mx-cname:medium',
    ],
    ['the domain is an alias of itself', { [D]: { CNAME: D } }, 'fail mx-none:critical'],
    ['null MX with a preference', { [D]: { MX: [[10, '']] } }, 'not-applicable null-mx-preference:low null-mx:info'],
    [
      '23 hosts: all are looked at',
      hosts(
        ...Array.from({ length: 23 }, (_, i) => (i === 22 ? undefined : a(i % 2 === 0 ? '192.0.2.1' : '198.51.100.1'))),
      ),
      'fail mx-unresolvable:high',
    ],
    [
      '51 hosts: the last is reported as not examined',
      hosts(...Array.from({ length: 51 }, (_, i) => a(i % 2 === 0 ? '192.0.2.1' : '198.51.100.1'))),
      'pass mx-not-examined:medium',
    ],
    [
      'one of two is private: recounted',
      hosts(a('192.0.2.1'), a('192.168.1.1')),
      'fail mx-private:high mx-single:high',
    ],
    [
      'a private address beside a public one',
      hosts(a('192.0.2.1', '10.0.0.1'), a('198.51.100.1')),
      'fail mx-private:medium',
    ],
    ['shared address space', hosts(a('192.0.2.1'), a('198.51.100.1'), a('100.64.0.1')), 'fail mx-private:high'],
    [
      'an IP address as target',
      { ...hosts(a('192.0.2.1'), a('198.51.100.1')), [D]: mx(m1, m2, '203.0.113.1') },
      'fail mx-address-literal:high',
    ],
    [
      'an IPv6 literal as target',
      { ...hosts(a('192.0.2.1'), a('198.51.100.1')), [D]: mx(m1, m2, '[IPv6:2001:db8::1]') },
      'fail mx-address-literal:high',
    ],
    [
      'a target that is no name',
      { ...hosts(a('192.0.2.1'), a('198.51.100.1')), [D]: mx(m1, m2, 'mx host') },
      'fail mx-invalid-target:high',
    ],
    [
      'an alias',
      { ...hosts(a('192.0.2.1'), { CNAME: 'real.example.net' }), 'real.example.net': a('198.51.100.1') },
      'fail mx-cname:medium',
    ],
    [
      'two aliases of one host',
      { ...hosts({ CNAME: 'real.example.net' }, { CNAME: 'real.example.net' }), 'real.example.net': a('198.51.100.1') },
      'fail mx-one-address:high mx-cname:medium mx-cname:medium',
    ],
    [
      'an alias of nothing',
      hosts(a('192.0.2.1'), { CNAME: 'real.example.net' }),
      'fail mx-unresolvable:high mx-single:high mx-cname:medium',
    ],
    // Could not check: a look-up that fails is never "there is none".
    ['SERVFAIL for MX', { [D]: { MX: 'temperror', A: ['192.0.2.1'] } }, 'could-not-check dns-servfail:medium'],
    ['timeout for MX', { [D]: 'timeout' }, 'could-not-check dns-timeout:medium'],
    ['REFUSED for MX', { [D]: 'refused' }, 'could-not-check dns-error:medium'],
    ['no MX, SERVFAIL for the address', { [D]: { A: 'temperror' } }, 'could-not-check dns-servfail:medium'],
    [
      'SERVFAIL for every target',
      hosts('temperror', 'temperror'),
      'could-not-check dns-servfail:medium dns-servfail:medium',
    ],
    ['SERVFAIL for one of two', hosts(a('192.0.2.1'), 'temperror'), 'could-not-check dns-servfail:medium'],
    ['timeout for one of two', hosts(a('192.0.2.1'), 'timeout'), 'could-not-check dns-timeout:medium'],
    [
      'two names on one IPv4 address, IPv6 not known',
      hosts({ A: ['192.0.2.1'], AAAA: 'temperror' }, a('192.0.2.1')),
      'could-not-check',
    ],
    ['one network, IPv6 not known', hosts({ A: ['192.0.2.1'], AAAA: 'temperror' }, a('192.0.2.2')), 'pass'],
    [
      'SERVFAIL for one of two, and a null MX beside',
      {
        ...hosts(a('192.0.2.1'), 'temperror'),
        [D]: {
          MX: [
            [0, ''],
            [10, m1],
            [20, m2],
          ],
        },
      },
      'fail null-mx-mixed:high dns-servfail:medium',
    ],
    // Providers that are redundant behind one name.
    [
      'Microsoft 365',
      { [D]: mx('example-org.mail.protection.outlook.com'), 'example-org.mail.protection.outlook.com': a('192.0.2.1') },
      'pass',
    ],
    ['Google, one name', { [D]: mx('smtp.google.com'), 'smtp.google.com': a('192.0.2.1') }, 'pass'],
    [
      'Amazon SES in any region',
      { [D]: mx('inbound-smtp.eu-west-1.amazonaws.com'), 'inbound-smtp.eu-west-1.amazonaws.com': a('192.0.2.1') },
      'pass',
    ],
    [
      'a name that only ends like a provider',
      { [D]: mx('evilsmtp.google.com'), 'evilsmtp.google.com': a('192.0.2.1') },
      'fail mx-single:high',
    ],
    [
      'a provider whose name does not resolve',
      { [D]: mx('smtp.google.com'), 'google.com': {} },
      'fail mx-none-usable:critical',
    ],
  ])('%s', async (_, data, expected) => {
    expect(await audit(data)).toBe(expected);
  });
});

describe('options', () => {
  test('publicNetworks → loopback may count as public', async () => {
    const data = hosts(a('127.0.1.1'), a('127.0.2.1'));
    expect(await audit(data)).toMatch(/^fail mx-private/);
    expect(await audit(data, { publicNetworks: ['127.0.0.0/8'] })).toBe('pass');
  });

  test('addresses from documentation → not public', async () => {
    const data = hosts(a('192.0.2.1', '2001:db8::1'), a('198.51.100.1', '3fff::1'), a('203.0.113.1'));
    expect(await audit(data, { publicNetworks: [] })).toMatch(/^fail mx-private/);
  });

  test('providers → more of them', async () => {
    const data = hosts(a('192.0.2.1'));
    expect(await audit(data, { providers: [{ name: 'Ours', suffix: 'example.org' }] })).toBe('pass');
  });

  test('minimum → three are wanted', async () => {
    const data = hosts(a('192.0.2.1'), a('198.51.100.1'));
    expect(await audit(data, { minimum: 3 })).toBe('fail mx-single:high');
    expect(await audit(hosts(a('192.0.2.1')), { minimum: 1 })).toBe('pass');
  });

  test('asnOf → counted; one system for all is a remark', async () => {
    const data = hosts(a('192.0.2.1'), a('198.51.100.1'));
    const one = await look(data, { asnOf: () => 64500 });
    expect([one.state, one.counts.asns, one.findings.map(({ id }) => id)]).toEqual(['pass', 1, ['mx-one-asn']]);
    const two = await look(data, { asnOf: async (ip) => (ip.startsWith('192') ? 64500 : 64501) });
    expect([two.counts.asns, two.findings]).toEqual([2, []]);
    const unknown = await look(data, {
      asnOf: () => {
        throw new Error('no table');
      },
    });
    expect([unknown.state, unknown.findings]).toEqual(['pass', []]);
  });

  test.each([
    [{ minimum: 0 }, 'minimum must be a whole number, 1 or more, got 0'],
    [{ publicNetworks: ['10.1.0.0/8'] }, 'publicNetworks'],
    [
      { providers: [{ name: 'X', suffix: 'a b' }] },
      'providers must be providers with a suffix like "mx.example", got "a b"',
    ],
    [
      { minimun: 3 } as never,
      'mxRedundancy: unknown option minimun (known: minimum, providers, publicNetworks, asnOf)',
    ],
  ])('a wrong option %j → TypeError', (options, message) => {
    expect(() => mxRedundancy(options)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining(message) }),
    );
  });

  test('an invalid domain → TypeError', () => {
    expect(() => checkRedundancy('a..b', { dns: zone({}) })).toThrow(
      'checkRedundancy: domain must be a domain name like "example.org", got "a..b"',
    );
  });
});

describe('the report', () => {
  test('counts go step by step', async () => {
    const data = {
      ...hosts(a('192.0.2.1', '2001:db8::1'), a('192.0.2.2'), a('10.0.0.1'), undefined),
      [D]: mx(m1, m2, m3, 'mx4.example.org', m1),
    };
    expect((await look(data)).counts).toEqual({
      records: 5,
      hosts: 4,
      resolvable: 3,
      public: 2,
      addresses: 3,
      networks: 2,
    });
  });

  test('every finding says what is so, where it is written, how to mend it, and shows its records', async () => {
    const data = {
      ...hosts(a('192.0.2.1'), a('10.0.0.1')),
      [D]: {
        MX: [
          [0, ''],
          [10, m1],
          [20, m2],
        ],
      } as ZoneEntry,
    };
    const { findings, summary } = await look(data);
    expect(findings.length).toBeGreaterThan(2);
    for (const { what, source, fix, evidence } of findings) {
      expect(what).toMatch(/^[A-Z].*\.$/);
      expect(source).toMatch(/^RFC \d+/);
      expect(fix).toMatch(/\.$/);
      expect(evidence.length).toBeGreaterThan(0);
    }
    expect(summary).toBe('The domain has a null MX beside other MX records.');
  });

  test('an alias names what it stands for', async () => {
    const data = { ...hosts(a('192.0.2.1'), { CNAME: 'real.example.net' }), 'real.example.net': a('198.51.100.1') };
    expect((await look(data)).hosts[1]).toMatchObject({ host: m2, alias: 'real.example.net', state: 'usable' });
  });

  test('a thousand records → 151 questions, and a report of bounded size', async () => {
    const dns = zone({ [D]: mx(...Array.from({ length: 1000 }, (_, i) => `h${i}.example.org`)) });
    const report = await checkRedundancy(D, { dns });
    expect(dns.questions.filter(({ type }) => type === 'A')).toHaveLength(50);
    expect(JSON.stringify(report).length).toBeLessThan(200_000);
  });

  test('three round trips at most, however many hosts', async () => {
    const clock = fixedClock();
    const start = clock.now();
    const dns = zone({ [D]: mx(...Array.from({ length: 10 }, (_, i) => `h${i}.gone.com`)) }, { clock, delayMs: 30 });
    await clock.until(checkRedundancy(D, { dns }));
    expect(clock.now() - start).toBeLessThanOrEqual(120);
  });
});

describe('properties', () => {
  const address = fc.constantFrom('192.0.2.1', '192.0.2.2', '198.51.100.1', '10.0.0.1', '2001:db8::1', '127.0.0.1');
  const entry = fc.oneof(
    fc.array(address, { maxLength: 3 }).map((list) => a(...list)),
    fc.constantFrom('temperror' as const, 'timeout' as const, 'nxdomain' as const),
  );
  const world = fc.record({
    names: fc.array(fc.constantFrom(m1, m2, m3, '', '192.0.2.9', 'x y'), { maxLength: 5 }),
    [m1]: entry,
    [m2]: entry,
    [m3]: entry,
  });
  const runs = { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 200) };

  test('the report is plain JSON; pass means no fault; the order of records does not matter', async () => {
    await fc.assert(
      fc.asyncProperty(world, async ({ names, ...entries }) => {
        const report = await look({ [D]: mx(...(names ?? [])), ...entries });
        expect(JSON.parse(JSON.stringify(report))).toEqual(report);
        const faults = report.findings.filter(
          ({ id, severity }) => !id.startsWith('dns-') && !['info', 'low'].includes(severity),
        );
        if (report.state === 'pass') expect(faults).toEqual([]);
        if (report.state === 'fail') expect(faults).not.toEqual([]);
        const again = await look({ [D]: mx(...[...(names ?? [])].reverse()), ...entries });
        expect(again.state).toBe(report.state);
        expect(again.counts).toEqual(report.counts);
        expect(again.findings.map(({ id }) => id).sort()).toEqual(report.findings.map(({ id }) => id).sort());
      }),
      runs,
    );
  });

  test('what is not known is never held to be missing: where the DNS fails for all, no fault is found', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.constantFrom(m1, m2, m3), { minLength: 1 }), async (names) => {
        const report = await look({ [D]: mx(...names), [m1]: 'temperror', [m2]: 'timeout', [m3]: 'refused' });
        expect(report.state).toBe('could-not-check');
        expect(report.findings.every(({ id }) => id.startsWith('dns-'))).toBe(true);
      }),
      runs,
    );
  });
});

describe('as a check', () => {
  test.each<[string, ZoneData, string]>([
    ['redundant', hosts(a('192.0.2.1'), a('198.51.100.1')), 'pass'],
    ['one host', hosts(a('192.0.2.1')), 'fail'],
    ['one network', hosts(a('192.0.2.1'), a('192.0.2.2')), 'softfail'],
    ['null MX', { [D]: { MX: [[0, '']] } }, 'none'],
    ['no answer', { [D]: 'temperror' }, 'temperror'],
  ])('%s → %#', async (_, data, result) => {
    const decision = await evaluate(
      { audit: [mxRedundancy({ publicNetworks })] },
      'audit',
      { domain: D },
      { dns: zone(data) },
    );
    expect([decision.outcomes[0]?.finding.result, decision.action]).toEqual([result, 'accept']);
  });

  test('it never recommends to refuse', () => {
    for (const verdict of Object.values(mxRedundancy().recommended)) expect(verdict).toEqual({ action: 'proceed' });
  });
});

describe('on a schedule', () => {
  test('now, and again; what the listener throws is swallowed; stopped, it is quiet', async () => {
    const clock = fixedClock();
    const dns = zone(hosts(a('192.0.2.1')));
    const seen: string[] = [];
    const stop = scheduleRedundancy(
      [D, 'example.net'],
      { dns, clock },
      {
        everyMs: 1_000,
        onReport: ({ domain, state }) => {
          seen.push(`${domain} ${state}`);
          throw new Error('listener');
        },
      },
    );
    await clock.pass(0);
    expect(seen).toEqual(['example.org fail', 'example.net fail']);
    await clock.pass(1_000);
    expect(seen).toHaveLength(4);
    stop();
    await clock.pass(10_000);
    expect(seen).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });

  test('wrong options → TypeError', () => {
    const env = { dns: zone({}), clock: fixedClock() };
    expect(() => scheduleRedundancy(['-'], env, { onReport: () => {} })).toThrow(
      'domains[0] must be a domain name, got "-"',
    );
    expect(() => scheduleRedundancy([D], env, { everyMs: 0, onReport: () => {} })).toThrow(
      'everyMs must be a positive number, got 0',
    );
  });
});
