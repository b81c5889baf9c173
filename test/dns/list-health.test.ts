import {
  type ListEvent,
  type ListWatchOptions,
  type ListZoneOptions,
  listWatch,
  listZone,
  memoryListHealth,
  queryList,
  testEntriesOf,
} from 'postern/dns';
import type { Clock, DnsResolver } from 'postern/env';
import { parseIp, reverseLabels } from 'postern/net';
import { fixedClock, type Zone, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const client = reverseLabels(parseIp('192.0.2.1')!);
const healthy: ZoneData = {
  '2.0.0.127.list.example': { A: ['127.0.0.2'] },
  '1.2.0.192.list.example': { A: ['127.0.0.4'] },
};

/** A list, its watch, its events, and a way to ask. */
function setting(data: ZoneData, list: Partial<ListZoneOptions> = {}, options: ListWatchOptions = {}) {
  const clock = fixedClock();
  const dns = zone(data, { clock });
  const events: ListEvent[] = [];
  const watch = listWatch({ onEvent: (event) => events.push(event), ...options });
  const zoneOf = listZone({ zone: 'list.example', label: 'List', ...list });
  const env = { dns, clock };
  return {
    clock,
    dns,
    events,
    watch,
    list: zoneOf,
    env,
    ask: async (labels = client) => (await clock.until(queryList(zoneOf, labels, env, { watch }))).status,
    said: () => events.map(({ state, reason }) => `${state}: ${reason}`),
  };
}
const asked = (dns: Zone): string[] => dns.questions.map(({ name }) => name.replace('.list.example', ''));

describe('RFC 5782 §5/which test entries', () => {
  test.each<[string, Partial<ListZoneOptions>, string[]]>([
    ['addresses → 127.0.0.2 and 127.0.0.1', {}, ['2.0.0.127+', '1.0.0.127-']],
    [
      'IPv6 too → ::FFFF:7F00:2 and ::FFFF:7F00:1 as nibbles',
      { ipv6: true },
      [
        '2.0.0.127+',
        '1.0.0.127-',
        '2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0+',
        '1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0-',
      ],
    ],
    ['names → TEST and INVALID', { holds: 'name' }, ['test+', 'invalid-']],
    ['both → all of them', { holds: 'both' }, ['2.0.0.127+', '1.0.0.127-', 'test+', 'invalid-']],
  ])('%s', (_, options, expected) => {
    const list = listZone({ zone: 'list.example', ...options });
    expect(testEntriesOf(list).map(({ labels, listed }) => labels + (listed ? '+' : '-'))).toEqual(expected);
  });
});

describe('a list that cannot be believed', () => {
  test('a healthy list → the listing stands, and the test entries are asked for once', async () => {
    const { ask, dns } = setting(healthy);
    expect(await ask()).toBe('listed');
    expect(await ask()).toBe('listed');
    expect(asked(dns)).toEqual(['1.2.0.192', '2.0.0.127', '1.0.0.127', '1.2.0.192']);
  });

  test('nobody is listed → no test entry is asked for', async () => {
    const { ask, dns } = setting(healthy);
    expect(await ask('9.2.0.192')).toBe('notListed');
    expect(asked(dns)).toEqual(['9.2.0.192']);
  });

  test('a dead zone that lists everybody → suspended at the first listing, nobody is listed', async () => {
    const { ask, said, events, clock } = setting({ '*.list.example': { A: ['127.0.0.2'] } });
    expect(await ask()).toBe('suspended');
    expect(await ask()).toBe('suspended');
    expect(said()).toEqual(['suspended: it lists the address 127.0.0.1, and so probably every entry']);
    expect(events[0]).toMatchObject({ list: 'List', at: clock.now(), until: clock.now() + 60_000 });
  });

  test('a dead zone that lists everybody under a code that is not asked for → suspended', async () => {
    const data = { '*.list.example': { A: ['127.0.0.9'] }, '1.2.0.192.list.example': { A: ['127.0.0.2'] } };
    const { ask } = setting(data, { codes: ['127.0.0.2'] });
    expect(await ask()).toBe('suspended');
  });

  test('a resolver that rewrites NXDOMAIN → invalid, then suspended', async () => {
    const { ask, said } = setting({ '*.list.example': { A: ['203.0.113.80'] } });
    expect(await ask()).toBe('suspended');
    expect(said()).toEqual(['suspended: an answer is outside 127.0.0.0/8']);
  });

  test('error codes for everything (a public resolver) → suspended', async () => {
    const { ask, said } = setting({ '*.list.example': { A: ['127.255.255.254'] } });
    expect(await ask()).toBe('suspended');
    expect(said()).toEqual(['suspended: the list does not answer public or unnamed resolvers']);
  });

  test('one error code, and test entries as they should be → that answer alone is lost', async () => {
    const { ask, said } = setting({ ...healthy, '9.2.0.192.list.example': { A: ['127.255.255.255'] } });
    expect(await ask('9.2.0.192')).toBe('blocked');
    expect(await ask()).toBe('listed');
    expect(said()).toEqual([]);
  });

  test('the IPv6 counter-example listed → suspended', async () => {
    const nibbles = '1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0';
    const { ask } = setting({ ...healthy, [`${nibbles}.list.example`]: { A: ['127.0.0.2'] } }, { ipv6: true });
    expect(await ask()).toBe('suspended');
  });

  test('INVALID listed in a list of names → suspended', async () => {
    const data = { 'bad.example.list.example': { A: ['127.0.1.2'] }, 'invalid.list.example': { A: ['127.0.1.2'] } };
    const { ask } = setting(data, { holds: 'name' });
    expect(await ask('bad.example')).toBe('suspended');
  });

  test('127.0.0.2 is missing: expected → a warning, once; required → suspended; none → nothing', async () => {
    const data = { '1.2.0.192.list.example': { A: ['127.0.0.4'] } };
    const missing = 'it does not list its test entry, the address 127.0.0.2';
    const expected = setting(data);
    expect(await expected.ask()).toBe('listed');
    await expected.clock.until(expected.watch.check(expected.list, expected.env));
    expect(expected.said()).toEqual([`warning: ${missing}`]);
    const required = setting(data, { testEntries: 'required' });
    expect(await required.ask()).toBe('suspended');
    expect(required.said()).toEqual([`suspended: ${missing}`]);
    const none = setting(data, { testEntries: 'none' });
    expect(await none.ask()).toBe('listed');
    expect(none.said()).toEqual([]);
  });

  test('test entries without an answer → the listing stands: it is the list that answered', async () => {
    const { ask } = setting({ ...healthy, '1.0.0.127.list.example': 'silent' });
    expect(await ask()).toBe('listed');
  });

  test('a list that begins to list everybody → the proof holds for provenForMs, then nobody is listed', async () => {
    const { ask, dns, clock } = setting(healthy, {}, { provenForMs: 1_000 });
    await ask();
    dns.set('1.0.0.127.list.example', { A: ['127.0.0.2'] });
    expect(await ask()).toBe('listed');
    clock.advance(1_000);
    expect(await ask()).toBe('suspended');
  });
});

describe('back-off and recovery', () => {
  test('a list that stays bad → left alone for 1, 2, 4 … minutes, at most an hour; one event', async () => {
    const { ask, clock, dns, events, watch, list } = setting({ '*.list.example': { A: ['127.0.0.2'] } });
    await ask();
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const until = watch.state(list).suspended?.until ?? 0;
      waits.push((until - clock.now()) / 60_000);
      clock.advance(until - clock.now() - 1);
      const before = dns.questions.length;
      expect(await ask()).toBe('suspended');
      expect(dns.questions.length).toBe(before);
      clock.advance(1);
      expect(await ask()).toBe('suspended');
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(events).toHaveLength(1);
  });

  test('a list that is well again → the first question after the wait brings it back by itself', async () => {
    const { ask, clock, dns, said } = setting({ ...healthy, '1.0.0.127.list.example': { A: ['127.0.0.2'] } });
    expect(await ask()).toBe('suspended');
    dns.set('1.0.0.127.list.example', undefined);
    expect(await ask()).toBe('suspended');
    clock.advance(60_000);
    expect(await ask()).toBe('listed');
    expect(said()[1]).toBe('recovered: its test entries are correct again');
  });

  test('start() → checked at once, again when the wait is over, and from time to time', async () => {
    const { watch, list, env, clock, dns, said } = setting({ '*.list.example': { A: ['127.0.0.2'] } });
    const stop = watch.start([list], env);
    await clock.pass(0);
    expect(said()).toEqual(['suspended: it lists the address 127.0.0.1, and so probably every entry']);
    dns.set('*.list.example', undefined);
    await clock.pass(60_000);
    expect(said()).toHaveLength(3); // recovered, and a warning that 127.0.0.2 is missing
    expect(said()[1]).toContain('recovered');
    dns.set('1.0.0.127.list.example', { A: ['127.0.0.2'] });
    await clock.pass(1_860_000);
    expect(said()[3]).toContain('suspended');
    stop();
    const asked = dns.questions.length;
    await clock.pass(7_200_000);
    expect(dns.questions.length).toBe(asked);
    expect(clock.pending).toBe(0);
  });

  test('start() with a public resolver → a warning', () => {
    const { watch, list, env, said } = setting(healthy);
    watch.start([list], env, { resolvers: ['192.0.2.53', '8.8.8.8'] })();
    expect(said()).toEqual([
      'warning: 8.8.8.8 is a public resolver (Google); many lists do not answer it, so run your own resolver',
    ]);
  });

  test('a listener that throws → nothing happens to the list', async () => {
    const onEvent = () => {
      throw new Error('listener');
    };
    const { ask } = setting({ '*.list.example': { A: ['127.0.0.2'] } }, {}, { onEvent });
    expect(await ask()).toBe('suspended');
  });

  test('records are plain JSON, and a watch that shares them knows what the other found', async () => {
    const health = memoryListHealth();
    const one = setting({ '*.list.example': { A: ['127.0.0.2'] } }, {}, { health });
    await one.ask();
    const record = health.read(one.list.id);
    expect(JSON.parse(JSON.stringify(record))).toEqual(record);
    const other = setting(healthy, {}, { health });
    expect(await other.ask()).toBe('suspended');
    expect(other.dns.questions).toEqual([]);
  });

  test('no event and no record holds the zone or the key', async () => {
    const { ask, events, watch, list } = setting({ '*.list.example': { A: ['127.0.0.2'] } }, { key: 'k3y' });
    await ask();
    expect(JSON.stringify(events)).not.toMatch(/list\.example|k3y/);
    expect(JSON.stringify(watch.state(list))).not.toMatch(/k3y/);
  });
});

describe('circuit breaker', () => {
  test('silence: five questions in a row → the test entries are asked for; silent too → suspended', async () => {
    const { ask, said, clock } = setting({ '*.list.example': 'silent' });
    for (let i = 0; i < 5; i++) expect(await ask()).toBe('timeout');
    await clock.pass(5_000);
    expect(said()).toEqual(['suspended: no answer for its test entry (no answer within 5000 ms)']);
    expect(await ask()).toBe('suspended');
  });

  test('SERVFAIL: the same', async () => {
    const { ask, said, clock } = setting({ '*.list.example': 'temperror' });
    for (let i = 0; i < 5; i++) expect(await ask()).toBe('error');
    await clock.pass(0);
    expect(said()).toEqual(['suspended: no answer for its test entry (servfail)']);
  });

  test('some names without an answer, and test entries with one → not suspended', async () => {
    const { ask, said, clock } = setting({ ...healthy, '9.2.0.192.list.example': 'silent' });
    for (let i = 0; i < 20; i++) expect(await ask('9.2.0.192')).toBe('timeout');
    await clock.pass(5_000);
    expect(said()).toEqual([]);
    expect(await ask()).toBe('listed');
  });

  test('an answer between → the count begins again', async () => {
    const { ask, watch, list } = setting({ ...healthy, '9.2.0.192.list.example': 'silent' });
    for (let i = 0; i < 4; i++) await ask('9.2.0.192');
    expect(watch.state(list).failures).toBe(4);
    await ask('8.2.0.192');
    expect(watch.state(list).failures).toBe(0);
  });

  test('given up by the asker → not held against the list', async () => {
    const { watch, list, env, clock } = setting({ '*.list.example': 'silent' });
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController();
      const answer = queryList(list, client, env, { watch, signal: controller.signal });
      controller.abort();
      expect(await clock.until(answer)).toMatchObject({ status: 'error', reason: 'aborted' });
    }
    expect(watch.state(list).failures).toBe(0);
  });

  test.each(['aborted', 'closed', 'overloaded'])('the resolver says %j → not held against the list', async (reason) => {
    const clock = fixedClock();
    const dns: DnsResolver = { resolve: async () => ({ status: 'temperror', reason }) };
    const watch = listWatch();
    const list = listZone({ zone: 'list.example' });
    for (let i = 0; i < 20; i++) await queryList(list, client, { dns, clock }, { watch });
    expect(watch.state(list).failures).toBe(0);
  });
});

describe('our own process stood still', () => {
  /** A clock that can jump, as it does for a process that was stopped: time passes, and no timer runs meanwhile. */
  function jumpyClock() {
    const inner = fixedClock();
    let offset = 0;
    const clock: Clock = { now: () => inner.now() + offset, after: (ms, run) => inner.after(ms, run) };
    return {
      clock,
      inner,
      jump: (ms: number) => {
        offset += ms;
      },
    };
  }

  test('100 questions time out in a stop of 2 s → the list is not suspended, and 100 listed clients are listed', async () => {
    const { clock, inner, jump } = jumpyClock();
    const { resolve } = zone(healthy);
    let stopped = true;
    // As a resolver whose time limit runs on while nobody can read the answers.
    const dns: DnsResolver = {
      resolve: (name, type, options) =>
        stopped
          ? new Promise((done) => clock.after(1_000, () => done({ status: 'temperror', reason: 'timeout' })))
          : resolve(name, type, options),
    };
    const events: ListEvent[] = [];
    const watch = listWatch({ onEvent: (event) => events.push(event) });
    const list = listZone({ zone: 'list.example', label: 'List' });
    const env = { dns, clock };
    const during = Array.from({ length: 100 }, () => queryList(list, client, env, { watch }));
    await inner.pass(100);
    jump(2_000);
    const answers = await inner.until(Promise.all(during));
    stopped = false;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['timeout']));
    expect(watch.state(list)).toEqual({ failures: 0, times: 0 });
    const after = await inner.until(
      Promise.all(Array.from({ length: 100 }, () => queryList(list, client, env, { watch }))),
    );
    expect(after.filter(({ status }) => status === 'listed')).toHaveLength(100);
    expect(events).toEqual([]);
  });

  test('the stop falls into the probe itself → nothing is concluded from it', async () => {
    const { clock, inner, jump } = jumpyClock();
    const list = listZone({ zone: 'list.example', label: 'List' });
    const watch = listWatch();
    const env = { dns: zone({ '*.list.example': 'silent' }), clock };
    for (let i = 0; i < 4; i++) await inner.until(queryList(list, client, env, { watch }));
    const last = queryList(list, client, env, { watch });
    await inner.until(last);
    await inner.pass(1_000);
    jump(30_000);
    await inner.pass(6_000);
    expect(watch.state(list).suspended).toBeUndefined();
  });

  test('an answer that lies waiting when the process goes on → is read, not timed out', async () => {
    const { clock, inner, jump } = jumpyClock();
    let answer: (() => void) | undefined;
    const dns = {
      resolve: () =>
        new Promise((done) => {
          answer = () =>
            done({ status: 'found', records: [{ type: 'A', address: '127.0.0.2' }], ttl: 60, authentic: false });
        }),
    } as unknown as DnsResolver;
    const list = listZone({ zone: 'list.example', timeoutMs: 1_000 });
    const asked = queryList(list, client, { dns, clock });
    await inner.pass(900);
    jump(5_000);
    await inner.pass(100); // the limit's timer falls due, and runs before anybody has looked at the socket
    answer?.();
    expect((await inner.until(asked)).status).toBe('listed');
  });

  test('no stop: the limit holds to the millisecond', async () => {
    const { clock, inner } = jumpyClock();
    const list = listZone({ zone: 'list.example', timeoutMs: 1_000 });
    const asked = queryList(list, client, { dns: zone({ '*.list.example': 'silent' }), clock });
    const start = clock.now();
    expect((await inner.until(asked)).status).toBe('timeout');
    expect(clock.now() - start).toBe(1_000);
    expect(inner.pending).toBe(0);
  });
});

test.each([
  [{ checkEveryMs: 0 }, 'checkEveryMs must be a positive number, got 0'],
  [{ failuresAllowed: -1 }, 'failuresAllowed must be a positive number, got -1'],
  [{ backOffMs: Number.NaN }, 'backOffMs must be a positive number, got NaN'],
])('listWatch(%j) → TypeError', (options, message) => {
  expect(() => listWatch(options)).toThrow(message);
});

describe('a resolver that does not answer is not a list that is silent', () => {
  const failing = (fails: (name: string) => boolean, reason: string): DnsResolver => ({
    resolve: async (name) => (fails(name) ? { status: 'temperror', reason } : { status: 'nxdomain', ttl: 0 }),
  });
  const everything = (): boolean => true;
  const theList = (name: string): boolean => name.endsWith('.list.example');
  const ours = [
    'aborted',
    'closed',
    'overloaded',
    'connection refused',
    'connection closed',
    'unreachable',
    'network error',
    'certificate or TLS error',
  ];
  test.each<readonly [string, (name: string) => boolean, string, boolean]>([
    ...ours.map((reason) => [`everything: ${reason}`, everything, reason, false] as const),
    ...ours.map((reason) => [`the list's names, by chance: ${reason}`, theList, reason, false] as const),
    ['everything: timeout', everything, 'timeout', false],
    ["the list's names: timeout", theList, 'timeout', true],
    ["the list's names: servfail", theList, 'servfail', true],
    ["the list's names: refused", theList, 'refused', true],
    // A resolver that reports a failure has been reached, and it may be the list's.
    ['everything: servfail', everything, 'servfail', true],
  ])('%s', async (_, fails, reason, suspended) => {
    const clock = fixedClock(0);
    const events: ListEvent[] = [];
    const watch = listWatch({ onEvent: (event) => events.push(event), failuresAllowed: 3 });
    const list = listZone({ zone: 'list.example', label: 'List' });
    const env = { dns: failing(fails, reason), clock };
    for (let i = 0; i < 20; i++) await clock.until(queryList(list, client, env, { watch }));
    await clock.until(watch.check(list, env));
    expect([watch.state(list).suspended !== undefined, events.length]).toEqual([suspended, suspended ? 1 : 0]);
  });

  test('a resolver that is silent for longer than every deadline suspends no list; a silent list is suspended', async () => {
    for (const [data, suspended] of [
      [{ '*': 'silent' }, false],
      [{ '*.list.example': 'silent' }, true],
    ] as const) {
      const { ask, watch, list, said } = setting(data, {}, { failuresAllowed: 3 });
      for (let i = 0; i < 8; i++) await ask();
      expect([watch.state(list).suspended !== undefined, said().length]).toEqual([suspended, suspended ? 1 : 0]);
    }
  });
});
