import { forwardConfirm } from 'postern/dns';
import { parseIp } from 'postern/net';
import { type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const v4 = '9.2.0.192.in-addr.arpa';
const v6 = '9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa';
const run = (data: ZoneData, ip = '192.0.2.9') => forwardConfirm(parseIp(ip)!, { dns: zone(data) });
const many = (n: number, name = 'n') => Array.from({ length: n }, (_, i) => `${name}${i}.example.net`);

describe('RFC 8601 §2.7.3', () => {
  test.each<[string, ZoneData, string, string[]]>([
    [
      'a name that resolves back → pass',
      { [v4]: { PTR: ['mx.example.org'] }, 'mx.example.org': { A: ['192.0.2.9'] } },
      'pass',
      ['mx.example.org'],
    ],
    [
      'among other addresses → pass',
      { [v4]: { PTR: ['mx.example.org'] }, 'mx.example.org': { A: ['192.0.2.1', '192.0.2.9'] } },
      'pass',
      ['mx.example.org'],
    ],
    [
      'through an alias → pass',
      {
        [v4]: { PTR: ['mx.example.org'] },
        'mx.example.org': { CNAME: 'a.example.net' },
        'a.example.net': { A: ['192.0.2.9'] },
      },
      'pass',
      ['mx.example.org'],
    ],
    [
      'resolves to others → fail',
      { [v4]: { PTR: ['mx.example.org'] }, 'mx.example.org': { A: ['192.0.2.1'] } },
      'fail',
      [],
    ],
    ['a name that does not exist → fail', { [v4]: { PTR: ['mx.example.org'] } }, 'fail', []],
    ['a name without an address → fail', { [v4]: { PTR: ['mx.example.org'] }, 'mx.example.org': {} }, 'fail', []],
    ['no name (NXDOMAIN) → permerror', {}, 'permerror', []],
    ['no name (NODATA) → permerror', { [v4]: { TXT: ['x'] } }, 'permerror', []],
    ['SERVFAIL for PTR → temperror, not "no name"', { [v4]: 'temperror' }, 'temperror', []],
    ['no answer for PTR → temperror', { [v4]: 'timeout' }, 'temperror', []],
    [
      'SERVFAIL for the name → temperror',
      { [v4]: { PTR: ['mx.example.org'] }, 'mx.example.org': 'temperror' },
      'temperror',
      [],
    ],
    [
      'SERVFAIL for one name, another confirmed → pass',
      {
        [v4]: { PTR: ['a.example.org', 'b.example.org'] },
        'a.example.org': 'temperror',
        'b.example.org': { A: ['192.0.2.9'] },
      },
      'pass',
      ['b.example.org'],
    ],
    [
      'SERVFAIL for one name, another differs → temperror',
      {
        [v4]: { PTR: ['a.example.org', 'b.example.org'] },
        'a.example.org': 'temperror',
        'b.example.org': { A: ['192.0.2.1'] },
      },
      'temperror',
      [],
    ],
    [
      'not only the first name is examined → pass',
      {
        [v4]: { PTR: ['a.example.org', 'b.example.org', 'c.example.org'] },
        'a.example.org': { A: ['192.0.2.1'] },
        'c.example.org': { A: ['192.0.2.9'] },
      },
      'pass',
      ['c.example.org'],
    ],
    [
      'the tenth name → examined',
      { [v4]: { PTR: many(10) }, 'n9.example.net': { A: ['192.0.2.9'] } },
      'pass',
      ['n9.example.net'],
    ],
    [
      'the eleventh name → not examined',
      { [v4]: { PTR: many(11) }, 'n10.example.net': { A: ['192.0.2.9'] } },
      'fail',
      [],
    ],
    [
      'the same name twice → once',
      { [v4]: { PTR: ['MX.example.org', 'mx.example.org.'] }, 'mx.example.org': { A: ['192.0.2.9'] } },
      'pass',
      ['mx.example.org'],
    ],
    [
      'a PTR that is an IP literal → fail',
      { [v4]: { PTR: ['192.0.2.9'] }, '192.0.2.9': { A: ['192.0.2.9'] } },
      'fail',
      [],
    ],
    ['a PTR that is no host name → fail', { [v4]: { PTR: ['localhost', '-x-.example', 'a b.example'] } }, 'fail', []],
    [
      'an AAAA that maps an IPv4 client is not asked for → fail',
      { [v4]: { PTR: ['mx.example.org'] }, 'mx.example.org': { AAAA: ['2001:db8::9'] } },
      'fail',
      [],
    ],
  ])('%s', async (_, data, result, confirmed) => {
    expect(await run(data)).toMatchObject({ result, confirmed });
  });

  test('an IPv6 client → nibbles, and AAAA', async () => {
    const data = { [v6]: { PTR: ['mx.example.org'] }, 'mx.example.org': { A: ['192.0.2.9'], AAAA: ['2001:db8::9'] } };
    expect(await run(data, '2001:db8::9')).toMatchObject({ result: 'pass', confirmed: ['mx.example.org'] });
  });

  test('a mapped address (::ffff:192.0.2.9) → asked as IPv4, never as nibbles', async () => {
    const dns = zone({ [v4]: { PTR: ['mx.example.org'] }, 'mx.example.org': { A: ['192.0.2.9'] } });
    expect((await forwardConfirm(parseIp('::ffff:192.0.2.9')!, { dns })).result).toBe('pass');
    expect(dns.questions.map(({ name }) => name)).toEqual([v4, 'mx.example.org']);
  });
});

describe('limits', () => {
  test('a PTR bomb of 500 names → 11 questions, and the rest is counted', async () => {
    const dns = zone({ [v4]: { PTR: many(500) } });
    const found = await forwardConfirm(parseIp('192.0.2.9')!, { dns });
    expect(dns.questions).toHaveLength(11);
    expect(found).toMatchObject({ result: 'fail', unexamined: 490 });
    expect(found.names).toHaveLength(10);
  });

  test('names are resolved at the same time: two round trips', async () => {
    const { fixedClock } = await import('postern/testing');
    const clock = fixedClock();
    const start = clock.now();
    const dns = zone({ [v4]: { PTR: many(10) } }, { clock, delayMs: 30 });
    await clock.until(forwardConfirm(parseIp('192.0.2.9')!, { dns }));
    expect(clock.now() - start).toBe(60);
  });

  test('given up → temperror', async () => {
    const controller = new AbortController();
    const found = forwardConfirm(
      parseIp('192.0.2.9')!,
      { dns: zone({ [v4]: 'silent' }) },
      { signal: controller.signal },
    );
    controller.abort();
    expect(await found).toMatchObject({ result: 'temperror', reason: 'aborted' });
  });
});
