/** How long an answer takes, in round trips: a clock that stands still counts them exactly. */

import { fc, test as property } from '@fast-check/vitest';
import { checkHost } from 'postern/checks/spf';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const LATENCY = 100;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const txt = (...TXT: string[]) => ({ TXT });

async function measure(data: ZoneData, lookAhead = true, ip = '192.0.2.1') {
  const clock = fixedClock();
  const dns = zone(data, { clock, delayMs: LATENCY });
  const began = clock.now();
  const subject = { ip, helo: 'mail.example.org', mailFrom: 'alice@example.org' };
  const outcome = await clock.until(checkHost(subject, { dns, clock }, { lookAhead }));
  return {
    outcome,
    trips: (clock.now() - began) / LATENCY,
    asked: dns.questions.map(({ name, type }) => `${type} ${name}`),
  };
}

describe('round trips', () => {
  test.each<[string, number, number, ZoneData]>([
    ['one record', 1, 1, { 'example.org': txt('v=spf1 ip4:198.51.100.1 -all') }],
    [
      '3 includes under a redirect',
      3,
      5,
      {
        'example.org': txt('v=spf1 redirect=r.example'),
        'r.example': txt('v=spf1 include:i0.example include:i1.example include:i2.example ~all'),
        ...Object.fromEntries(range(3).map((i) => [`i${i}.example`, txt('v=spf1 ip4:198.51.100.1 -all')])),
      },
    ],
    [
      'a, mx, include',
      3,
      6,
      {
        'example.org': {
          TXT: ['v=spf1 a mx include:i.example -all'],
          A: ['198.51.100.1'],
          MX: [
            [1, 'm1.example'],
            [2, 'm2.example'],
          ],
        },
        'm1.example': { A: ['198.51.100.2'] },
        'm2.example': { A: ['198.51.100.3'] },
        'i.example': txt('v=spf1 -all'),
      },
    ],
    [
      '10 includes',
      2,
      11,
      {
        'example.org': txt(
          `v=spf1 ${range(10)
            .map((i) => `include:i${i}.example`)
            .join(' ')} -all`,
        ),
        ...Object.fromEntries(range(10).map((i) => [`i${i}.example`, txt('v=spf1 -all')])),
      },
    ],
    [
      '10 mx with 10 hosts',
      3,
      111,
      {
        'example.org': txt(
          `v=spf1 ${range(10)
            .map((i) => `mx:m${i}.example`)
            .join(' ')} -all`,
        ),
        ...Object.fromEntries(
          range(10).map((i) => [`m${i}.example`, { MX: range(10).map((j) => [j, `h${j}.m${i}.example`] as const) }]),
        ),
        ...Object.fromEntries(
          range(100).map((i) => [`h${i % 10}.m${Math.floor(i / 10)}.example`, { A: ['198.51.100.1'] }]),
        ),
      },
    ],
    [
      'exists with macros, behind an include',
      3,
      4,
      {
        'example.org': txt('v=spf1 include:i.example -all'),
        'i.example': txt('v=spf1 exists:%{ir}.%{d} exists:%{l}.%{o}.x.example -all'),
        '1.2.0.192.i.example': { A: 'nodata' },
        'alice.example.org.x.example': { A: 'nodata' },
      },
    ],
    [
      'ptr',
      3,
      4,
      {
        'example.org': txt('v=spf1 ptr -all'),
        '1.2.0.192.in-addr.arpa': { PTR: ['a.example', 'b.example'] },
        'a.example': { A: ['198.51.100.1'] },
        'b.example': { A: ['198.51.100.1'] },
      },
    ],
  ])('%s → %i, with %i questions', async (_, depth, questions, data) => {
    const { trips, asked } = await measure(data);
    expect([trips, asked.length]).toEqual([depth, questions]);
    const slow = await measure(data, false);
    expect([...asked].sort()).toEqual([...slow.asked].sort());
  });
});

describe('what is not asked', () => {
  test.each<[string, string, string[]]>([
    ['terms behind all', 'v=spf1 ~all a:a.example include:i.example redirect=r.example', []],
    ['terms behind an ip4 that holds the client', 'v=spf1 ip4:192.0.2.0/24 include:i.example -all', []],
    ['a redirect behind it', 'v=spf1 ip4:192.0.2.0/24 redirect=r.example', []],
    ['a redirect beside all', 'v=spf1 redirect=r.example -all', []],
    [
      'the eleventh term',
      `v=spf1 ${range(12)
        .map((i) => `a:a${i}.example`)
        .join(' ')} -all`,
      range(10).map((i) => `A a${i}.example`),
    ],
    ['an address', 'v=spf1 mx -all', ['MX example.org']],
    ['a name that is none', 'v=spf1 exists:%{l}..x exists:%{l} -all', []],
  ])('%s', async (_, record, expected) => {
    const { asked } = await measure({
      'example.org': {
        TXT: [record],
        MX: [
          [1, '198.51.100.1'],
          [2, ''],
        ],
      },
      ...Object.fromEntries(range(12).map((i) => [`a${i}.example`, { A: ['198.51.100.1'] }])),
    });
    expect(asked).toEqual(['TXT example.org', ...expected]);
  });

  test('hosts of an MX beyond the tenth', async () => {
    const { asked } = await measure({
      'example.org': { TXT: ['v=spf1 mx -all'], MX: range(200).map((i) => [200 - i, `h${i}.example`] as const) },
    });
    expect(asked).toHaveLength(12);
    expect(asked.slice(2)).toEqual(expect.arrayContaining(range(10).map((i) => `A h${199 - i}.example`)));
  });

  test('a tree of includes without end → no more than two for each look-up that is allowed', async () => {
    const data = Object.fromEntries(
      ['example.org', ...range(200).map((i) => `i${i}.example`)].map((name, i) => [
        name,
        txt(
          `v=spf1 ${range(10)
            .map((j) => `include:i${(i * 10 + j) % 200}.example`)
            .join(' ')} -all`,
        ),
      ]),
    );
    const { outcome, asked } = await measure(data);
    expect(outcome.result).toBe('permerror');
    expect(asked.length).toBeLessThanOrEqual(21);
  });
});

const name = fc.constantFrom('a.example', 'b.example', 'c.example', '_d.example', 'void.example', 'down.example');
const spec = fc.oneof(
  name,
  fc.constantFrom('%{d}', '%{l}.a.example', '%{ir}.%{v}.a.example', '%{p}.a.example', '%{lr-+}.b.example'),
);
const term = fc.oneof(
  fc
    .tuple(fc.constantFrom('', '-', '~', '?'), fc.constantFrom('include:', 'a:', 'mx:', 'exists:', 'ptr:'), spec)
    .map((parts) => parts.join('')),
  fc.constantFrom('a', 'mx', 'ptr', 'ip4:192.0.2.0/24', 'ip4:198.51.100.1', '-all', '~all', '+all', 'moo'),
  spec.map((to) => `redirect=${to}`),
);
const record = fc.array(term, { maxLength: 6 }).map((terms) => ['v=spf1', ...terms].join(' '));
const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 300);

property.prop([fc.tuple(record, record, record, record), fc.constantFrom('192.0.2.1', '203.0.113.9', '2001:db8::1')], {
  numRuns: runs,
})('asking ahead changes no result and no reason', async (records, ip) => {
  const names = ['example.org', 'a.example', 'b.example', '_d.example'];
  const data: ZoneData = {
    ...Object.fromEntries(
      names.map((at, i) => [
        at,
        {
          TXT: [records[i]!],
          A: [ip.includes(':') ? '192.0.2.1' : ip, '198.51.100.7'],
          MX: [
            [i, 'a.example'],
            [2, 'void.example'],
          ] as const,
        },
      ]),
    ),
    'c.example': { A: ['198.51.100.1'] },
    'down.example': 'temperror',
    '1.2.0.192.in-addr.arpa': { PTR: ['a.example', 'b.example'] },
  };
  const [fast, slow] = [await measure(data, true, ip), await measure(data, false, ip)];
  const { lookups, ...rest } = fast.outcome;
  const { lookups: fewer, ...same } = slow.outcome;
  expect(rest).toEqual(same);
  expect([lookups.terms, lookups.voids]).toEqual([fewer.terms, fewer.voids]);
  expect(fast.trips).toBeLessThanOrEqual(slow.trips);
});
