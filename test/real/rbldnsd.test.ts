import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { systemClock } from 'postern/adapters/system';
import { type DnsblOptions, dnsbl, nameList } from 'postern/checks/dnsbl';
import { score } from 'postern/core';
import { type ListEvent, listWatch } from 'postern/dns';
import { type StubResolver, stubResolver } from 'postern/dns/node';
import type { DnsResolver } from 'postern/env';
import { ipFromBytes, parseIp } from 'postern/net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningList, startRbldnsd, withoutRbldnsd } from './rbldnsd.ts';

const zen = 'zen.dnsbl.example';
const names = 'names.dnsbl.example';
const SIZE = 100_000;
/** Each session has a signal of its own. */
const signal = () => new AbortController().signal;
const clock = systemClock();

/** The nth of 100,000 listed addresses, and its code. */
const v4 = (n: number): string => `11.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
const v6 = (n: number): string => `2a00:1450:${(n >> 8).toString(16)}:${(n & 255).toString(16)}::25`;
const host = (n: number): string => `h${n}.spam${n % 997}.example`;
const codeOf = (n: number): number => [2, 4, 10][n % 3] as number;

const zenLines = (): string[] => [
  ':127.0.0.2:Listed',
  '127.0.0.2',
  ...Array.from({ length: SIZE }, (_, n) => `${v4(n)} :127.0.0.${codeOf(n)}:Listed, see https://lookup.example/$`),
];
const sets = [
  { zone: zen, type: 'ip4trie', lines: zenLines() },
  {
    zone: `v6.${zen}`,
    type: 'ip6trie',
    lines: [':127.0.0.2:Listed', '::ffff:7f00:2', ...Array.from({ length: SIZE }, (_, n) => `${v6(n)}/128`)],
  },
  {
    zone: names,
    type: 'dnset',
    lines: [':127.0.1.2:Listed', 'test', ...Array.from({ length: SIZE }, (_, n) => host(n))],
  },
] as const;

describe.skipIf(withoutRbldnsd)(`rbldnsd with ${SIZE} entries a zone ${withoutRbldnsd || ''}`, () => {
  let server: RunningList;
  let dns: StubResolver;
  beforeAll(async () => {
    server = await startRbldnsd(sets);
    dns = stubResolver({ servers: [`127.0.0.1:${server.port}`], timeoutMs: 4_000 });
  });
  afterAll(async () => {
    await dns?.close();
    await server?.end();
  });

  type AddressList = ReturnType<typeof addressList>;
  const addressList = (options: DnsblOptions) => dnsbl(options);
  const about = (ip: string) => ({ client: { ip: parseIp(ip)! } });
  const find = async (check: AddressList, ip: string) => check.examine(about(ip), { dns, clock }, signal());
  /** Some at a time, as sessions come: what is measured is the list, not how many datagrams a socket holds. */
  async function each<T, R>(all: readonly T[], one: (item: T) => Promise<R>): Promise<R[]> {
    const results: R[] = [];
    for (let i = 0; i < all.length; i += 250) results.push(...(await Promise.all(all.slice(i, i + 250).map(one))));
    return results;
  }
  const sample = (count: number): number[] => Array.from({ length: count }, (_, i) => (i * 7919) % SIZE);

  test('IPv4: 2,000 listed clients → each with its own code; 2,000 others → none', async () => {
    const check = dnsbl({
      zone: zen,
      label: 'ZEN',
      codes: { '127.0.0.2': 4, '127.0.0.4': 3, '127.0.0.10': 1 },
      testEntries: 'required',
    });
    const listed = await each(sample(2_000), async (n) => [n, await find(check, v4(n))] as const);
    for (const [n, { result, detail, weight }] of listed) {
      expect([result, detail?.listed?.[0]?.codes[0]?.code]).toEqual(['fail', `127.0.0.${codeOf(n)}`]);
      expect(weight).toBe({ 2: 4, 4: 3, 10: 1 }[codeOf(n)]);
    }
    const others = await each(sample(2_000), (n) => find(check, v4(n).replace(/^11/, '12')));
    expect(new Set(others.map(({ result }) => result))).toEqual(new Set(['none']));
  });

  test('IPv6: 1,000 listed clients and 1,000 others', async () => {
    const check = dnsbl({ zone: `v6.${zen}`, label: 'ZEN6', ipv4: false, ipv6: true, testEntries: 'required' });
    const listed = await each(sample(1_000), (n) => find(check, v6(n)));
    expect(new Set(listed.map(({ result }) => result))).toEqual(new Set(['fail']));
    const others = await each(sample(1_000), (n) => find(check, v6(n).replace('::25', '::26')));
    expect(new Set(others.map(({ result }) => result))).toEqual(new Set(['none']));
  });

  test('names: 1,000 listed and 1,000 others', async () => {
    const check = nameList({
      zone: names,
      label: 'Names',
      of: (facts: { name: string }) => facts.name,
      testEntries: 'required',
    });
    const of = async (name: string) => (await check.examine({ name }, { dns, clock }, signal())).result;
    expect(new Set(await each(sample(1_000), (n) => of(host(n))))).toEqual(new Set(['fail']));
    expect(new Set(await each(sample(1_000), (n) => of(`x${host(n)}`)))).toEqual(new Set(['none']));
  });

  test("the list's own words → in the reply, with the subject", async () => {
    const check = dnsbl({ zone: zen, label: 'ZEN', reason: 'reply' });
    expect((await find(check, v4(5))).explanation).toBe(
      `Client host [${v4(5)}] blocked using ZEN (Listed, see https://lookup.example/${v4(5)})`,
    );
  });

  test('a zone that the server does not have → temperror, and good mail is taken', async () => {
    const check = dnsbl({ zone: 'nowhere.example', label: 'Nowhere' });
    expect(await find(check, v4(5))).toMatchObject({ result: 'temperror' });
  });

  test('the server stops answering, the resolver does not → suspended after a few questions; answers again → back by itself', async () => {
    // Here the list's server is asked directly. A resolver has an answer for other names, whatever the list does.
    const resolver: DnsResolver = {
      resolve: (name, type, options) =>
        name.endsWith('.invalid') ? Promise.resolve({ status: 'nxdomain', ttl: 0 }) : dns.resolve(name, type, options),
    };
    const events: ListEvent[] = [];
    const watch = listWatch({ backOffMs: 500, onEvent: (event) => events.push(event) });
    const check = dnsbl({ zone: zen, label: 'ZEN', timeoutMs: 300, watch });
    const ask = async (ip: string) => check.examine(about(ip), { dns: resolver, clock }, signal());
    expect((await ask(v4(1))).result).toBe('fail');
    server.stop();
    try {
      const results: string[] = [];
      for (let i = 0; i < 40 && events.length === 0; i++) results.push((await ask(v4(1))).result);
      expect(new Set(results)).toEqual(new Set(['temperror']));
      expect(events.map(({ state }) => state)).toEqual(['suspended']);
      expect(await ask(v4(1))).toMatchObject({ result: 'permerror', detail: { trouble: 'suspended' } });
    } finally {
      server.resume();
    }
    await expect.poll(async () => (await ask(v4(1))).result, { timeout: 15_000, interval: 200 }).toBe('fail');
    expect(events.map(({ state }) => state)).toEqual(['suspended', 'recovered']);
  });

  test('the list begins to list everybody → nobody is listed; is mended → back by itself', async () => {
    const watch = listWatch({ backOffMs: 300, longestBackOffMs: 300, provenForMs: 100 });
    const check = dnsbl({ zone: zen, label: 'ZEN', watch });
    expect((await find(check, '12.1.2.3')).result).toBe('none');
    await server.replace(zen, [':127.0.0.2:Listed', '0.0.0.0/0']);
    await expect
      .poll(async () => (await find(check, '12.1.2.3')).result, { timeout: 15_000, interval: 100 })
      .toBe('permerror');
    await server.replace(zen, zenLines());
    await expect.poll(async () => (await find(check, v4(7))).result, { timeout: 15_000, interval: 100 }).toBe('fail');
    expect((await find(check, '12.1.2.3')).result).toBe('none');
  });

  test('500 clients at once, two lists in a score → every one judged rightly', async () => {
    const { evaluate } = await import('postern/core');
    const rule = score(
      { rejectAt: 4 },
      dnsbl({ zone: zen, label: 'ZEN', weight: 4 }),
      dnsbl({ zone: `v6.${zen}`, label: 'ZEN6', ipv4: false, weight: 4 }),
    );
    const clients = Array.from({ length: 500 }, (_, i) => ({
      listed: i % 2 === 0,
      ip: i % 2 === 0 ? v4(i * 13) : ipFromBytes([12, 0, i >> 8, i & 255]),
    }));
    const actions = await Promise.all(
      clients.map(async ({ ip }) => (await evaluate({ rcpt: [rule] }, 'rcpt', about(ip), { dns, clock })).action),
    );
    expect(actions).toEqual(clients.map(({ listed }) => (listed ? 'reject' : 'accept')));
  });

  test.each(['stub', 'impatient'])(
    'this process is stopped for 2 s (resolver: %s) → 100 of 100 listed clients are listed afterwards',
    async (resolver) => {
      const root = fileURLToPath(new URL('../..', import.meta.url));
      const child = spawn(
        process.execPath,
        ['--import', './.config/typescript.mjs', 'test/real/stopped-process.ts', String(server.port), resolver],
        { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
      const limit = setTimeout(() => child.kill('SIGKILL'), 60_000);
      try {
        let said = '';
        child.stdout.on('data', (text) => (said += text));
        await expect.poll(() => said, { timeout: 30_000 }).toContain('asking');
        const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
        await wait(500);
        child.kill('SIGSTOP');
        await wait(2_000);
        child.kill('SIGCONT');
        await wait(300);
        child.kill('SIGUSR2');
        expect(await ended).toBe(0);
        const { during, after, events } = JSON.parse(said.slice(said.indexOf('{'))) as {
          during: Record<string, number>;
          after: string[];
          events: ListEvent[];
        };
        // With so little patience the stop may cost answers (on an idle machine it need not); none of them is held
        // against the list. That a stop which does cost them suspends nothing is tested with a clock that jumps.
        const borne = resolver === 'impatient' ? ['none', 'temperror'] : ['none'];
        expect(Object.keys(during).filter((result) => !borne.includes(result))).toEqual([]);
        expect(after.filter((result) => result === 'fail')).toHaveLength(100);
        expect(events.filter(({ state }) => state === 'suspended')).toEqual([]);
      } finally {
        clearTimeout(limit);
        child.kill('SIGKILL');
      }
    },
  );
});
