import fc from 'fast-check';
import { type ListZoneOptions, listZone, queryList } from 'postern/dns';
import type { DnsResolver } from 'postern/env';
import { parseIp, reverseLabels } from 'postern/net';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const ask = async (data: ZoneData, labels: string, options: Partial<ListZoneOptions> = {}) => {
  const clock = fixedClock();
  const dns = zone(data, { clock });
  const answer = await clock.until(queryList(listZone({ zone: 'list.example', ...options }), labels, { dns, clock }));
  return { answer, asked: dns.questions.map(({ name, type }) => `${name} ${type}`) };
};

describe('how a list is asked', () => {
  test.each([
    ['IPv4', '192.0.2.1', '1.2.0.192'],
    ['IPv4-mapped → as IPv4', '::ffff:192.0.2.1', '1.2.0.192'],
    ['IPv6 → 32 nibbles', '2001:db8::1', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2'],
  ])('%s', (_, ip, labels) => {
    expect(reverseLabels(parseIp(ip)!)).toBe(labels);
  });

  test('with a key: it stands before the zone', async () => {
    const { asked } = await ask({}, '1.2.0.192', { key: 'k3y' });
    expect(asked).toEqual(['1.2.0.192.k3y.list.example A']);
  });

  test('a name that the wire cannot carry → not listed, and not asked', async () => {
    const { answer, asked } = await ask({}, `${'a'.repeat(60)}.`.repeat(5).slice(0, -1));
    expect(answer).toMatchObject({ status: 'notListed' });
    expect(asked).toEqual([]);
  });

  test('nothing → not asked: the zone itself is no entry', async () => {
    expect((await ask({ 'list.example': { A: ['127.0.0.2'] } }, '')).asked).toEqual([]);
  });
});

describe('what comes of it', () => {
  const name = '1.2.0.192.list.example';
  test.each<[string, ZoneData, object]>([
    ['found', { [name]: { A: ['127.0.0.2'], ttl: 77 } }, { status: 'listed', codes: [{ code: '127.0.0.2' }], ttl: 77 }],
    ['NXDOMAIN', {}, { status: 'notListed' }],
    ['NODATA', { [name]: { TXT: ['x'] } }, { status: 'notListed' }],
    ['SERVFAIL', { [name]: 'temperror' }, { status: 'error', reason: 'servfail' }],
    ['REFUSED', { [name]: 'refused' }, { status: 'error', reason: 'refused' }],
    ["the resolver's timeout", { [name]: 'timeout' }, { status: 'timeout', reason: 'timeout' }],
    ['silence', { [name]: 'silent' }, { status: 'timeout', reason: 'no answer within 5000 ms' }],
    ['an error code', { [name]: { A: ['127.255.255.254'] } }, { status: 'blocked' }],
    ['no answer of a list', { [name]: { A: ['192.0.2.80'] } }, { status: 'invalid' }],
  ])('%s', async (_, data, expected) => {
    expect((await ask(data, '1.2.0.192')).answer).toMatchObject(expected);
  });

  test('timeoutMs → the list is waited for that long', async () => {
    const clock = fixedClock();
    const start = clock.now();
    const dns = zone({ [name]: 'silent' }, { clock });
    const list = listZone({ zone: 'list.example', timeoutMs: 700 });
    expect((await clock.until(queryList(list, '1.2.0.192', { dns, clock }))).status).toBe('timeout');
    expect(clock.now() - start).toBe(700);
    expect(clock.pending).toBe(0);
  });

  test('a resolver that throws → error, without zone and key', async () => {
    const dns: DnsResolver = {
      resolve: async (asked) => {
        throw new Error(`cannot ask ${asked}`);
      },
    };
    const list = listZone({ zone: 'list.example', key: 'k3y' });
    const answer = await queryList(list, '1.2.0.192', { dns, clock: fixedClock() });
    expect(answer).toEqual({ status: 'error', reason: 'cannot ask 1.2.0.192.[secret].[zone]' });
  });

  test('given up before → not asked', async () => {
    const controller = new AbortController();
    controller.abort();
    const dns = zone({});
    const options = { signal: controller.signal };
    const answer = await queryList(listZone({ zone: 'list.example' }), '1', { dns, clock: fixedClock() }, options);
    expect(answer).toMatchObject({ status: 'error', reason: 'aborted' });
    expect(dns.questions).toEqual([]);
  });
});

describe("the list's own words", () => {
  const name = '1.2.0.192.k3y.list.example';
  const words = async (TXT: readonly string[] | 'silent' | 'temperror') => {
    const { answer } = await ask({ [name]: { A: ['127.0.0.2'], TXT } }, '1.2.0.192', { text: true, key: 'k3y' });
    return answer.status === 'listed' ? answer.text : answer.status;
  };
  test.each<[string, readonly string[] | 'silent' | 'temperror', string | undefined]>([
    ['as they are', ['see https://lookup.example/?192.0.2.1'], 'see https://lookup.example/?192.0.2.1'],
    ['without key and zone', ['ask K3Y.list.example'], 'ask [secret].[zone]'],
    ['on one line', ['a\r\n250 OK\u0000b'], 'a 250 OK b'],
    ['no longer than 200', ['x'.repeat(5000)], 'x'.repeat(200)],
    ['none, where there are none', [], undefined],
    ['none, where the DNS fails: the listing stands', 'temperror', undefined],
    ['none, where they do not come: the listing stands', 'silent', undefined],
  ])('%s', async (_, txt, expected) => {
    expect(await words(txt)).toBe(expected);
  });

  test('not asked for where nobody wants them, or nothing is listed', async () => {
    expect((await ask({ '1.2.0.192.list.example': { A: ['127.0.0.2'] } }, '1.2.0.192')).asked).toHaveLength(1);
    expect((await ask({}, '1.2.0.192', { text: true })).asked).toHaveLength(1);
  });
});

test('any labels → an answer, and never an exception', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 400 }), async (labels) => {
      const { answer } = await ask({}, labels);
      expect(answer.status).toBe('notListed');
    }),
    { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 200) },
  );
});
