import { type MailHostsOptions, mailHosts } from 'postern/dns';
import { parseDomain, parsePrefix } from 'postern/net';
import { documentationNetworks, fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const D = 'example.org';
const publicNetworks = documentationNetworks.map((text) => parsePrefix(text));
const look = async (data: ZoneData, options: MailHostsOptions = {}) => {
  const dns = zone(data);
  const found = await mailHosts(parseDomain(D)!, { dns }, { publicNetworks, ...options });
  return { found, asked: dns.questions.map(({ name, type }) => `${name} ${type}`) };
};
const mx = (...exchanges: string[]): ZoneData => ({ [D]: { MX: exchanges.map((name, i) => [10 * i, name] as const) } });

describe('the state of a domain', () => {
  test.each<[string, ZoneData, string]>([
    ['MX with a public address', { ...mx('a.example'), 'a.example': { A: ['192.0.2.1'] } }, 'usable'],
    ['MX with IPv6 only', { ...mx('a.example'), 'a.example': { AAAA: ['2001:db8::1'] } }, 'usable'],
    [
      'MX through an alias',
      { ...mx('a.example'), 'a.example': { CNAME: 'b.example' }, 'b.example': { A: ['192.0.2.1'] } },
      'usable',
    ],
    ['some targets fail', { ...mx('a.example', 'b.example'), 'b.example': { A: ['192.0.2.1'] } }, 'usable'],
    [
      'A of a target fails, AAAA is there',
      { ...mx('a.example'), 'a.example': { A: 'temperror', AAAA: ['2001:db8::1'] } },
      'usable',
    ],
    ['no MX, A', { [D]: { A: ['192.0.2.1'] } }, 'implicit'],
    ['no MX, AAAA', { [D]: { AAAA: ['2001:db8::1'] } }, 'implicit'],
    ['no MX, only a loopback address', { [D]: { A: ['127.0.0.1'] } }, 'not-public'],
    ['null MX', mx(''), 'null-mx'],
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
      'null-mx',
    ],
    ['null MX of another preference', { [D]: { MX: [[10, '']] } }, 'null-mx'],
    [
      'null MX beside another → the other is judged',
      { ...mx('', 'a.example'), 'a.example': { A: ['192.0.2.1'] } },
      'usable',
    ],
    ['targets that do not exist', mx('a.example', 'b.example'), 'none-usable'],
    [
      'more than twenty targets, and the first twenty do not exist',
      { ...mx(...Array.from({ length: 21 }, (_, i) => `m${i}.example`)), 'm20.example': { A: ['192.0.2.1'] } },
      'no-answer',
    ],
    [
      'more than twenty targets, and the first twenty have private addresses',
      {
        ...mx(...Array.from({ length: 25 }, (_, i) => `m${i}.example`)),
        '*.example': { A: ['10.0.0.1'] },
      },
      'no-answer',
    ],
    ['twenty targets that do not exist', mx(...Array.from({ length: 20 }, (_, i) => `m${i}.example`)), 'none-usable'],
    ['targets without an address', { ...mx('a.example'), 'a.example': { TXT: ['x'] } }, 'none-usable'],
    ['a target that is no host name', mx('not a host'), 'none-usable'],
    ['only loopback', { ...mx('a.example'), 'a.example': { A: ['127.0.0.1'], AAAA: ['::1'] } }, 'not-public'],
    ['only private', { ...mx('a.example'), 'a.example': { A: ['10.0.0.1'] } }, 'not-public'],
    ['a mapped private address', { ...mx('a.example'), 'a.example': { AAAA: ['::ffff:192.168.0.1'] } }, 'not-public'],
    ['private beside public', { ...mx('a.example'), 'a.example': { A: ['10.0.0.1', '192.0.2.1'] } }, 'usable'],
    ['an IP address as target', mx('192.0.2.1'), 'not-public'],
    ['an address literal as target', mx('[192.0.2.1]'), 'not-public'],
    ['neither MX nor address', { [D]: { TXT: ['x'] } }, 'no-host'],
    ['no such domain', {}, 'no-host'],
    ['SERVFAIL for MX', { [D]: { MX: 'temperror', A: ['192.0.2.1'] } }, 'no-answer'],
    ['timeout for MX', { [D]: 'timeout' }, 'no-answer'],
    ['no MX, SERVFAIL for A', { [D]: { A: 'temperror' } }, 'no-answer'],
    ['SERVFAIL for all targets', { ...mx('a.example'), 'a.example': 'temperror' }, 'no-answer'],
    [
      'SERVFAIL for one target, the other does not exist',
      { ...mx('a.example', 'b.example'), 'a.example': 'temperror' },
      'no-answer',
    ],
    ['A SERVFAIL, no AAAA', { ...mx('a.example'), 'a.example': { A: 'temperror' } }, 'no-answer'],
  ])('%s → %s', async (_, data, state) => {
    expect((await look(data)).found.state).toBe(state);
  });
});

describe('what is found out beside', () => {
  test('a domain that does not exist is told from one that has nothing', async () => {
    expect((await look({})).found.nxdomain).toBe(true);
    expect((await look({ [D]: { TXT: ['x'] } })).found.nxdomain).toBe(false);
  });

  test('a null MX beside others is reported', async () => {
    expect((await look({ ...mx('', 'a.example') })).found).toMatchObject({ nullMixed: true, state: 'none-usable' });
  });

  test('publicNetworks → count as public', async () => {
    const data = { ...mx('a.example'), 'a.example': { A: ['127.0.0.9'] } };
    const options = { publicNetworks: [parsePrefix('127.0.0.0/8')] };
    expect((await look(data, options)).found.state).toBe('usable');
  });

  test.each(documentationNetworks)('%s → not public, unless it is named', async (network) => {
    const { address } = parsePrefix(network);
    const data = { ...mx('a.example'), 'a.example': address.includes(':') ? { AAAA: [address] } : { A: [address] } };
    expect((await look(data, { publicNetworks: [] })).found).toMatchObject({
      state: 'not-public',
      mxHosts: [{ addresses: [{ address, scope: 'documentation' }] }],
    });
    expect((await look(data)).found.state).toBe('usable');
  });

  test('the same host twice → asked for once', async () => {
    const { found, asked } = await look({ ...mx('a.example', 'A.example.'), 'a.example': { A: ['192.0.2.1'] } });
    expect(asked).toEqual([`${D} MX`, 'a.example A', 'a.example AAAA']);
    expect(found.mxHosts.map(({ host, preference }) => `${preference} ${host}`)).toEqual([
      '0 a.example',
      '10 a.example',
    ]);
  });
});

describe('how much is asked', () => {
  const data = {
    ...mx('a.example', 'b.example'),
    'a.example': { A: ['192.0.2.1'] },
    'b.example': { A: ['192.0.2.2'] },
  };

  test('first-usable: the best target is enough', async () => {
    const { found, asked } = await look(data, { look: 'first-usable' });
    expect(asked).toEqual([`${D} MX`, 'a.example A', 'a.example AAAA']);
    expect(found.mxHosts.map(({ state }) => state)).toEqual(['usable', 'not-examined']);
  });

  test('first-usable: the best target fails → all others at once', async () => {
    const { found } = await look({ ...data, 'a.example': 'temperror' }, { look: 'first-usable' });
    expect(found.state).toBe('usable');
  });

  test('all: two round trips, however many targets', async () => {
    const clock = fixedClock();
    const start = clock.now();
    const names = Array.from({ length: 10 }, (_, i) => `h${i}.example`);
    const dns = zone(mx(...names), { clock, delayMs: 30 });
    await clock.until(mailHosts(parseDomain(D)!, { dns }));
    expect(clock.now() - start).toBe(60);
  });

  test('a thousand targets → twenty are looked at', async () => {
    const { found, asked } = await look(mx(...Array.from({ length: 1000 }, (_, i) => `h${i}.example`)));
    expect(asked).toHaveLength(41);
    expect(found.mxHosts.filter(({ state }) => state === 'not-examined')).toHaveLength(980);
  });
});
