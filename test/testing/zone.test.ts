import type { RecordType } from 'postern/env';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const data = {
  'example.org': {
    A: ['192.0.2.1', '192.0.2.2'],
    AAAA: ['2001:DB8:0:0::1'],
    MX: [
      [10, 'MX.example.org.'],
      [0, ''],
    ],
    TXT: ['v=spf1 -all', ['a', 'b']],
    NS: ['ns.example.org'],
    SOA: ['ns.example.org', 60],
  },
  '1.2.0.192.in-addr.arpa': { PTR: ['Mail.Example.org.'] },
  '_smtp._tcp.example.org': { SRV: [[0, 5, 25, 'mx.example.org']], TLSA: [[3, 1, 1, 'AB01']] },
  'www.example.org': { CNAME: 'hop.example.org' },
  'hop.example.org': { CNAME: 'example.org', ttl: 7 },
  'loop.example': { CNAME: 'pool.example' },
  'pool.example': { CNAME: 'loop.example' },
  'astray.example': { CNAME: 'nowhere.example' },
  'down.example': 'temperror',
  'to-down.example': { CNAME: 'down.example' },
  'dead.example': 'refused',
  'late.example': 'timeout',
  'never.example': 'silent',
  'empty.example': {},
  'gone.example': 'nxdomain',
  'half.example': { A: ['192.0.2.9'], TXT: 'temperror', MX: 'nxdomain' },
  'rest.example': { A: ['192.0.2.9'], outcome: 'temperror' },
  'deep.under.tree.example': { A: ['192.0.2.3'] },
  '*.wild.example': { A: ['192.0.2.4'] },
  'x.closer.wild.example': { A: ['192.0.2.5'] },
  'sure.example': { A: ['192.0.2.6'], authentic: true, ttl: 5 },
} satisfies ZoneData;

describe('zone: a question → an answer', () => {
  test.each<[string, RecordType, unknown]>([
    [
      'example.org',
      'A',
      {
        status: 'found',
        records: [
          { type: 'A', address: '192.0.2.1' },
          { type: 'A', address: '192.0.2.2' },
        ],
        ttl: 300,
        authentic: false,
      },
    ],
    ['EXAMPLE.org.', 'AAAA', { records: [{ type: 'AAAA', address: '2001:db8::1' }] }],
    [
      'example.org',
      'MX',
      {
        records: [
          { type: 'MX', exchange: 'mx.example.org', preference: 10 },
          { type: 'MX', exchange: '', preference: 0 },
        ],
      },
    ],
    [
      'example.org',
      'TXT',
      {
        records: [
          { type: 'TXT', text: 'v=spf1 -all' },
          { type: 'TXT', text: 'ab' },
        ],
      },
    ],
    ['example.org', 'SOA', { records: [{ type: 'SOA', primary: 'ns.example.org', minimum: 60 }] }],
    ['example.org', 'NS', { records: [{ type: 'NS', name: 'ns.example.org' }] }],
    ['example.org', 'SRV', { status: 'nodata', ttl: 60 }],
    ['none.example.org', 'A', { status: 'nxdomain', ttl: 60 }],
    ['1.2.0.192.in-addr.arpa', 'PTR', { records: [{ type: 'PTR', name: 'mail.example.org' }] }],
    [
      '_smtp._tcp.example.org',
      'SRV',
      { records: [{ type: 'SRV', target: 'mx.example.org', port: 25, priority: 0, weight: 5 }] },
    ],
    [
      '_smtp._tcp.example.org',
      'TLSA',
      { records: [{ type: 'TLSA', usage: 3, selector: 1, matching: 1, data: 'ab01' }] },
    ],
    ['www.example.org', 'A', { status: 'found', ttl: 7 }],
    ['www.example.org', 'CNAME', { records: [{ type: 'CNAME', name: 'hop.example.org' }] }],
    ['www.example.org', 'SRV', { status: 'nodata', ttl: 7 }],
    ['loop.example', 'A', { status: 'temperror', reason: 'too many aliases' }],
    ['astray.example', 'A', { status: 'nxdomain' }],
    ['to-down.example', 'A', { status: 'temperror', reason: 'servfail' }],
    ['dead.example', 'A', { status: 'temperror', reason: 'refused' }],
    ['late.example', 'A', { status: 'temperror', reason: 'timeout' }],
    ['empty.example', 'A', { status: 'nodata' }],
    ['gone.example', 'A', { status: 'nxdomain' }],
    ['unheard.example', 'A', { status: 'nxdomain', ttl: 300 }],
    ['half.example', 'A', { status: 'found' }],
    ['half.example', 'TXT', { status: 'temperror' }],
    ['half.example', 'MX', { status: 'nxdomain' }],
    ['half.example', 'AAAA', { status: 'nodata' }],
    ['rest.example', 'MX', { status: 'temperror' }],
    ['under.tree.example', 'A', { status: 'nodata' }],
    ['', 'NS', { status: 'nodata' }],
    ['a.b.wild.example', 'A', { records: [{ type: 'A', address: '192.0.2.4' }] }],
    ['a.wild.example', 'MX', { status: 'nodata' }],
    ['wild.example', 'A', { status: 'nodata' }],
    ['y.closer.wild.example', 'A', { status: 'nxdomain' }],
    ['sure.example', 'A', { authentic: true, ttl: 5 }],
    [`${'a'.repeat(64)}.example.org`, 'A', { status: 'nxdomain' }],
    [`${'a.'.repeat(127)}org`, 'A', { status: 'nxdomain' }],
    ['a..example.org', 'A', { status: 'nxdomain' }],
    ['a\\.wild.example', 'A', { status: 'nxdomain' }],
  ])('%s %s', async (name, type, answer) => {
    expect(await zone(data).resolve(name, type)).toMatchObject(answer as object);
  });

  test('sixteen aliases are followed, seventeen are not', async () => {
    const chain = (length: number): ZoneData => ({
      ...Object.fromEntries(Array.from({ length }, (_, i) => [`n${i}.example`, { CNAME: `n${i + 1}.example` }])),
      [`n${length}.example`]: { A: ['192.0.2.1'] },
    });
    expect((await zone(chain(16)).resolve('n0.example', 'A')).status).toBe('found');
    expect((await zone(chain(17)).resolve('n0.example', 'A')).status).toBe('temperror');
  });

  test('a delay passes on the clock that was handed in', async () => {
    const clock = fixedClock(0);
    const dns = zone(
      {
        'late.example': { delayMs: 500, A: ['192.0.2.1'] },
        'text.example': { delayMs: { TXT: 200 }, A: ['192.0.2.1'], TXT: ['t'] },
      },
      { clock, delayMs: 30 },
    );
    expect((await clock.until(dns.resolve('late.example', 'A'))).status).toBe('found');
    expect(clock.now()).toBe(500);
    await clock.until(dns.resolve('text.example', 'TXT'));
    expect(clock.now()).toBe(700);
    await clock.until(dns.resolve('text.example', 'A'));
    expect(clock.now()).toBe(730);
    await clock.until(dns.resolve('unheard.example', 'A'));
    expect(clock.now()).toBe(760);
  });

  test('an abort ends a question that is late, silent or not yet asked, and its timer', async () => {
    const clock = fixedClock(0);
    const dns = zone({ 'late.example': { delayMs: 500, A: ['192.0.2.1'] }, 'never.example': 'silent' }, { clock });
    const gone = new AbortController();
    const both = [
      dns.resolve('late.example', 'A', { signal: gone.signal }),
      dns.resolve('never.example', 'A', { signal: gone.signal }),
    ];
    gone.abort();
    for (const one of both) expect(await one).toEqual({ status: 'temperror', reason: 'aborted' });
    expect(await dns.resolve('late.example', 'A', { signal: gone.signal })).toEqual({
      status: 'temperror',
      reason: 'aborted',
    });
    expect(clock.pending).toBe(0);
  });

  test('what was asked is written down; what is known can change', async () => {
    const dns = zone({});
    await dns.resolve('One.Example.', 'A');
    dns.set('one.example', { A: ['192.0.2.1'] });
    expect((await dns.resolve('one.example', 'A')).status).toBe('found');
    dns.set('one.example', undefined);
    expect((await dns.resolve('example', 'MX')).status).toBe('nxdomain');
    expect(dns.questions).toEqual([
      { name: 'one.example', type: 'A' },
      { name: 'one.example', type: 'A' },
      { name: 'example', type: 'MX' },
    ]);
  });

  test('long texts are cut into character-strings for the wire', () => {
    const { strings } = zone({ 'long.example': { TXT: ['x'.repeat(600), ['a', 'b']] } }).lookup('long.example', 'TXT');
    expect(strings.map((parts) => parts.map((part) => part.length))).toEqual([
      [255, 255, 90],
      [1, 1],
    ]);
  });

  test.each<[string, unknown, RegExp]>([
    ['a misspelt type', { 'example.org': { TEXT: ['x'] } }, /unknown key TEXT/],
    ['a misspelt outcome', { 'example.org': 'tmperror' }, /tmperror/],
    ['a text that is not an address', { 'example.org': { A: ['192.0.2.300'] } }, /not an A record/],
    ['an IPv6 address as A', { 'example.org': { A: ['2001:db8::1'] } }, /not an A record/],
    ['one address without its list', { 'example.org': { A: '192.0.2.1' } }, /list of records/],
    ['data beside a CNAME', { 'example.org': { CNAME: 'x.example', A: ['192.0.2.1'] } }, /a CNAME must not/],
    ['a name with an empty label', { 'a..b': {} }, /cannot be encoded/],
    ['a delay without a clock', { 'example.org': { delayMs: 5 } }, /clock/],
  ])('%s → TypeError', (_, literal, message) => {
    expect(() => zone(literal as ZoneData)).toThrow(TypeError);
    expect(() => zone(literal as ZoneData)).toThrow(message);
  });
});

describe('fixedClock', () => {
  test('timers run in order of time, and at their time', () => {
    const clock = fixedClock(1000);
    const seen: [string, number][] = [];
    clock.after(30, () => seen.push(['c', clock.now()]));
    clock.after(10, () => {
      seen.push(['a', clock.now()]);
      clock.after(10, () => seen.push(['b', clock.now()]));
    });
    const cancel = clock.after(15, () => seen.push(['never', clock.now()]));
    cancel();
    clock.advance(30);
    expect(seen).toEqual([
      ['a', 1010],
      ['b', 1020],
      ['c', 1030],
    ]);
    expect(clock.now()).toBe(1030);
  });

  test('until: work that needs several delays takes their sum', async () => {
    const clock = fixedClock(0);
    const wait = (ms: number): Promise<void> => new Promise((done) => void clock.after(ms, done));
    await clock.until(Promise.all([wait(10).then(() => wait(20)), wait(25)]));
    expect(clock.now()).toBe(30);
  });

  test('until: a module that loads is waited for', async () => {
    const clock = fixedClock(0);
    expect(await clock.until(import('node:fs/promises').then((fs) => fs.stat('.')))).toBeDefined();
  });

  test('until: a promise that nothing can settle is said to be one', async () => {
    await expect(fixedClock().until(new Promise(() => {}))).rejects.toThrow(/no timer is left/);
  });

  test('until: a rejection is handed on', async () => {
    await expect(fixedClock().until(Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});
