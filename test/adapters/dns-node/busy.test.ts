import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { cached } from 'postern/dns';
import { nodeResolver, type StubResolver, stubResolver } from 'postern/dns/node';
import type { DnsResolver } from 'postern/env';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { selfSigned } from './certificate.ts';

type Counts = { udp: number; tcp: number; tls: number; https: number };

const tls = selfSigned();
/** How many answers the server has sent; shared with its thread. */
const answered = new Int32Array(new SharedArrayBuffer(4));
let worker: Worker;
let ports: Counts;
beforeAll(async () => {
  worker = new Worker(new URL('./busy-server.mjs', import.meta.url), { workerData: { ...tls, answered } });
  [ports] = (await once(worker, 'message')) as [Counts];
});
afterAll(() => worker.terminate());
const counts = async (): Promise<Counts> => {
  worker.postMessage('count');
  return ((await once(worker, 'message')) as [Counts])[0];
};

/**
 * The event loop of this thread stands still, no timer, no socket, for so long and until the server has sent so many
 * answers: then they have arrived, however slow the machine is.
 */
function block(ms: number, answers = 0): void {
  const until = performance.now() + ms;
  const giveUp = until + 20_000;
  for (
    let now = performance.now();
    now < until || (Atomics.load(answered, 0) < answers && now < giveUp);
    now = performance.now()
  ) {
    Atomics.wait(answered, 0, Atomics.load(answered, 0), Math.min(50, Math.max(1, until - now)));
  }
}
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};
const waysOf = (timeoutMs: number): [string, StubResolver][] => {
  const retryMs = Math.max(20, timeoutMs / 5);
  const base = { address: '127.0.0.1', ca: tls.cert } as const;
  return [
    ['UDP', stubResolver({ timeoutMs, retryMs, servers: [{ ...base, port: ports.udp }] })],
    ['TCP', stubResolver({ timeoutMs, retryMs, servers: [{ ...base, port: ports.tcp, transport: 'tcp' }] })],
    ['TLS', stubResolver({ timeoutMs, retryMs, servers: [{ ...base, port: ports.tls, transport: 'tls' }] })],
    ['HTTPS', stubResolver({ timeoutMs, retryMs, servers: [{ ...base, port: ports.https, transport: 'https' }] })],
  ];
};
const ask = (dns: DnsResolver, times: number, label: string, signal?: AbortSignal): Promise<string[]> =>
  Promise.all(
    Array.from({ length: times }, async (_, i) => {
      const answer = await dns.resolve(`${label}-${i}.test`, 'A', { signal });
      return answer.status === 'temperror' ? answer.reason : answer.status;
    }),
  );
const all = (times: number): string[] => Array(times).fill('found');

describe('an answer that has arrived is not turned into a timeout', () => {
  // The deadline passes while the loop stands still, and its timer falls due before the sockets are read.
  test.each([
    [100, 60],
    [700, 300],
    [1_500, 1_000],
    [5_500, 5_000],
  ])('loop blocked for %i ms, questions given %i ms', async (blockMs, timeoutMs) => {
    const ways = waysOf(timeoutMs);
    const node = nodeResolver({ servers: [`127.0.0.1:${ports.udp}`] });
    // Opens the connections; on a slow machine a short deadline may need several.
    for (const [, dns] of ways) while ((await dns.resolve('warm.test', 'A')).status !== 'found');
    const before = Atomics.load(answered, 0);
    const questions = [
      ...ways.map(([name, dns]) => [name, ask(dns, 60, 'warm')] as const),
      ["Node's resolver", ask(node, 60, 'node')] as const,
    ];
    await turns(3);
    block(blockMs, before + 5 * 60);
    for (const [name, answers] of questions) expect([name, await answers]).toEqual([name, all(60)]);
    for (const [, dns] of ways) dns.close();
  });

  test('a connection that was being opened while the loop stood still has its time given back', async () => {
    const ways = waysOf(2_000);
    const questions = ways.map(([name, dns]) => [name, ask(dns, 60, 'cold')] as const);
    await turns(1);
    block(2_200);
    for (const [name, answers] of questions) expect([name, await answers]).toEqual([name, all(60)]);
    for (const [, dns] of ways) dns.close();
  });

  test('AbortSignal.timeout is a timer too', async () => {
    const [[, udp]] = waysOf(5_000) as [[string, StubResolver]];
    const clock = {
      now: () => performance.now(),
      after: (ms: number, run: () => void) => clearTimeout.bind(undefined, setTimeout(run, ms)),
    };
    const before = Atomics.load(answered, 0);
    const answers = [
      ask(udp, 60, 'signal', AbortSignal.timeout(200)),
      ask(cached(udp, { clock }), 60, 'cached', AbortSignal.timeout(200)),
    ];
    await turns(5);
    block(400, before + 120);
    for (const one of answers) expect(await one).toEqual(all(60));
    udp.close();
  });

  test('a loop that is blocked again and again, 60 ms out of every 65', async () => {
    const ways = waysOf(4_000);
    const questions = ways.map(([name, dns]) => [name, ask(dns, 20, 'again')] as const);
    for (let i = 0; i < 20; i++) {
      block(60);
      await new Promise((done) => setTimeout(done, 5));
    }
    for (const [name, answers] of questions) expect([name, await answers]).toEqual([name, all(20)]);
    for (const [, dns] of ways) dns.close();
  });
});

describe('five hundred sessions at once lose nothing', () => {
  test('while the loop stands still, every answer has room in a socket: nothing is asked twice', async () => {
    const [[, udp]] = waysOf(5_000) as [[string, StubResolver]];
    const before = (await counts()).udp;
    const sent = Atomics.load(answered, 0);
    const answers = ask(udp, 500, 'session');
    await turns(10);
    block(1_500, sent + 500);
    expect(await answers).toEqual(all(500));
    expect((await counts()).udp - before).toBe(500);
    udp.close();
  });

  test('two questions each, at every way to ask', async () => {
    for (const [name, dns] of waysOf(10_000)) {
      expect([name, await ask(dns, 1_000, 'many')]).toEqual([name, all(1_000)]);
      dns.close();
    }
  });
});
