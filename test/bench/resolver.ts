/**
 * The resolver beside others: reading messages beside dns-packet, look-ups beside Node's resolver, answers that wait while
 * the event loop is blocked, and what the cache costs. Prints a table; ends with 1 where a bar is missed.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { promises } from 'node:dns';
import { once } from 'node:events';
import packet, { type Answer } from 'dns-packet';
import { nodeResolver, stubResolver } from '../../src/adapters/dns-node/index.ts';
import { readAnswer, readMessage, writeQuery } from '../../src/adapters/dns-wire/index.ts';
import { systemClock } from '../../src/adapters/system/index.ts';
import { cached } from '../../src/dns/index.ts';
import type { DnsResolver } from '../../src/env/index.ts';

const gc = (globalThis as { gc?: () => void }).gc;
let missed = 0;

/** A line of the table, and whether the bar is met. */
function report(what: string, figure: string, bar = '', met = true): void {
  if (!met) missed++;
  console.log(`${what.padEnd(62)} ${figure.padStart(18)}  ${bar}${met ? '' : '  MISSED'}`);
}
const microseconds = (nanoseconds: number): string => `${(nanoseconds / 1000).toFixed(1)} µs`;
const perSecond = (nanoseconds: number): string => `${Math.round(1e9 / nanoseconds).toLocaleString('en')}/cpu-s`;

/** CPU nanoseconds an operation: of each work the least of its windows, which take turns, so that noise meets them all. */
async function costs(
  works: readonly (readonly [operations: number, run: () => unknown])[],
  windows = 9,
): Promise<number[]> {
  const best = works.map(() => Number.POSITIVE_INFINITY);
  for (let window = 0; window < windows; window++) {
    for (const [i, [operations, run]] of works.entries()) {
      const from = process.cpuUsage();
      await run();
      const { user, system } = process.cpuUsage(from);
      best[i] = Math.min(best[i] as number, ((user + system) * 1000) / operations);
    }
  }
  return best;
}

async function messages(): Promise<void> {
  const answers = [
    { type: 'CNAME', name: 'mail.example.org', ttl: 60, data: 'mx.example.org' },
    { type: 'A', name: 'mx.example.org', ttl: 60, data: '192.0.2.1' },
    { type: 'A', name: 'mx.example.org', ttl: 60, data: '192.0.2.2' },
    { type: 'TXT', name: 'example.org', ttl: 60, data: ['v=spf1 include:_spf.example.org ip4:192.0.2.0/24 -all'] },
  ] as Answer[];
  const bytes = packet.encode({
    id: 1,
    type: 'response',
    questions: [{ type: 'A', name: 'mail.example.org' }],
    answers,
  });
  const times = 20_000;
  const repeat =
    (run: () => unknown): (() => void) =>
    () => {
      for (let i = 0; i < times; i++) run();
    };
  const [ours, theirs, asks, theirAsks] = (await costs([
    [
      times,
      repeat(() =>
        readAnswer(readMessage(bytes) as NonNullable<ReturnType<typeof readMessage>>, 'mail.example.org', 'A', true),
      ),
    ],
    [times, repeat(() => packet.decode(bytes))],
    [times, repeat(() => writeQuery('mail.example.org', 'A', { id: 1 }))],
    [
      times,
      repeat(() =>
        packet.encode({
          id: 1,
          type: 'query',
          questions: [{ type: 'A', name: 'mail.example.org' }],
          additionals: [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: 1232,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            } as unknown as Answer,
          ],
        }),
      ),
    ],
  ])) as [number, number, number, number];
  report(
    'message read and answer taken (4 records)',
    perSecond(ours),
    `≤ 1.2 × dns-packet's decode (${perSecond(theirs)})`,
    ours <= 1.2 * theirs,
  );
  report(
    'question written',
    perSecond(asks),
    `≤ 1.2 × dns-packet's encode (${perSecond(theirAsks)})`,
    asks <= 1.2 * theirAsks,
  );
}

/** Answers every question with 192.0.2.1, names that begin with `l` 50 ms later; in a process of its own. */
const SERVER = `
const s = require('node:dgram').createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
s.on('message', (q, peer) => {
  let end = 12;
  while (q[end] !== 0) end += q[end] + 1;
  const head = Buffer.from(q.subarray(0, end + 5));
  head.writeUInt16BE(0x8180, 2); head.writeUInt16BE(1, 6); head.writeUInt16BE(0, 10);
  const send = () => s.send(Buffer.concat([head, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1])]), peer.port, peer.address);
  if (q[13] === 108) setTimeout(send, 50); else send();
});
s.bind(0, '127.0.0.1', () => console.log(s.address().port));
`;

/**
 * CPU time of a look-up as sessions make them: some at once, each with four questions at a time whose answers take 30 ms.
 * The stub and Node's resolver take turns in this process.
 */
async function sessions(port: number): Promise<void> {
  const server = `127.0.0.1:${port}`;
  const stub = stubResolver({ servers: [server] });
  const node = nodeResolver({ servers: [server] });
  const cares = new promises.Resolver();
  cares.setServers([server]);
  const count = 500;
  let next = 0;
  const run = (atOnce: number, look: (name: string) => Promise<unknown>) => async (): Promise<void> => {
    let left = count;
    const session = async (): Promise<void> => {
      while (left-- > 0) {
        for (let round = 0; round < 3; round++)
          await Promise.all(Array.from({ length: 4 }, () => look(`l${next++}.example.org`)));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, session));
  };
  for (const atOnce of [500, 50]) {
    // c-ares puts every question on one socket: of 2,000 at once it would lose many.
    const careful = Math.min(atOnce, 50);
    const works = [
      run(atOnce, (name) => stub.resolve(name, 'A')),
      run(atOnce, (name) => node.resolve(name, 'A')),
      run(careful, (name) => cares.resolve4(name)),
    ].map((work) => [count * 12, work] as const);
    const [ours, theirs, bare] = (await costs(works, 7)) as [number, number, number];
    report(
      `look-up in a session, ${atOnce} sessions at once: stub`,
      microseconds(ours),
      `≤ 0.6 × nodeResolver (${(ours / theirs).toFixed(2)} × ${microseconds(theirs)})`,
      ours <= 0.6 * theirs,
    );
    report(
      `the same, beside c-ares alone (${careful} at once)`,
      microseconds(ours),
      `≤ 0.6 × c-ares (${(ours / bare).toFixed(2)} × ${microseconds(bare)})`,
      ours <= 0.6 * bare,
    );
  }
  stub.close();
}

async function lookups(port: number): Promise<void> {
  const server = `127.0.0.1:${port}`;
  const stub = stubResolver({ servers: [server] });
  const node = nodeResolver({ servers: [server] });
  const times = 2_000;
  const ask = (dns: DnsResolver, atOnce: number) => async (): Promise<void> => {
    for (let i = 0; i < times; i += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, (_, j) => dns.resolve(`n${i + j}.example.org`, 'A')));
    }
  };
  // What node:dgram itself takes: a socket, a table of ids, octets that are not looked at.
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.connect(port, '127.0.0.1', done));
  const waiting = new Map<number, () => void>();
  socket.on('message', (bytes) => waiting.get(bytes.readUInt16BE(0))?.());
  const query = Buffer.from(writeQuery('n1234.example.org', 'A', { id: 0 })?.bytes ?? []);
  const bare = async (): Promise<void> => {
    for (let i = 0; i < times; i += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, j) => {
          const mine = Buffer.from(query);
          mine.writeUInt16BE(j, 0);
          return new Promise<void>((done) => {
            waiting.set(j, done);
            socket.send(mine);
          });
        }),
      );
    }
  };
  const works = [ask(stub, 50), ask(node, 50), bare].map((run) => [times, run] as const);
  const [ours, theirs, least] = (await costs(works)) as [number, number, number];
  socket.close();
  report(
    'look-up by UDP, 50 at once',
    perSecond(ours),
    `≤ 5 × bare node:dgram (${perSecond(least)})`,
    ours <= 5 * least,
  );
  report("the same by Node's resolver, which is no JavaScript", perSecond(theirs));
  const from = performance.now();
  const all = await Promise.all(Array.from({ length: 5_000 }, (_, i) => stub.resolve(`b${i}.example.org`, 'A')));
  const lost = all.filter(({ status }) => status !== 'found').length;
  report(`5,000 questions at once (${Math.round(performance.now() - from)} ms): lost`, String(lost), '0', lost === 0);
  stub.close();
}

/** How many of 60 look-ups that were answered are lost, when the event loop stands still while the answers wait. */
async function blocked(port: number): Promise<void> {
  const server = `127.0.0.1:${port}`;
  for (const ms of [100, 1_500, 5_500]) {
    const stub = stubResolver({ servers: [server], timeoutMs: 1_000, retryMs: 300 });
    const node = nodeResolver({ servers: [server] });
    const once1 = new promises.Resolver({ timeout: 25_000, tries: 1 });
    once1.setServers([server]);
    const questions = [
      ['stub, 1 s a question', 0, (name: string) => stub.resolve(name, 'A').then(({ status }) => status === 'found')],
      [
        "Node's resolver, as nodeResolver sets it",
        0,
        (name: string) => node.resolve(name, 'A').then(({ status }) => status === 'found'),
      ],
      [
        "Node's resolver, 25 s and one try",
        undefined,
        (name: string) =>
          once1.resolve4(name).then(
            () => true,
            () => false,
          ),
      ],
    ] as const;
    const results = questions.map(([, , resolve]) =>
      Promise.all(Array.from({ length: 60 }, (_, i) => resolve(`l${i}.example.org`))),
    );
    for (let i = 0; i < 3; i++) await new Promise(setImmediate);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    for (const [i, [what, bar]] of questions.entries()) {
      const lost = ((await results[i]) as boolean[]).filter((found) => !found).length;
      report(
        `loop blocked ${ms} ms: ${what}: lost`,
        `${lost} of 60`,
        bar === undefined ? '' : '0',
        bar === undefined || lost === bar,
      );
    }
    stub.close();
  }
}

async function cache(): Promise<void> {
  const names = 20_000;
  let made = 0;
  const source: DnsResolver = {
    resolve: async (_, type) => ({
      status: 'found',
      ttl: 3_600,
      authentic: false,
      records: [{ type, address: `192.0.${made >> 8}.${made++ & 255}` } as never],
    }),
  };
  gc?.();
  const before = process.memoryUsage().heapUsed;
  const dns = cached(source, { clock: systemClock(), maxBytes: 1e9 });
  for (let i = 0; i < names; i++) await dns.resolve(`name-${i}.example.org`, 'A');
  gc?.();
  const real = process.memoryUsage().heapUsed - before;
  report(
    `cache, ${names} answers: octets an answer, estimated`,
    (dns.stats.bytes / names).toFixed(0),
    `≥ measured (${(real / names).toFixed(0)})`,
    gc === undefined || dns.stats.bytes >= real,
  );
  const [hit] = (await costs([
    [
      names,
      async () => {
        for (let i = 0; i < names; i++) await dns.resolve(`name-${i}.example.org`, 'A');
      },
    ],
  ])) as [number];
  report('cache, hit', perSecond(hit));
}

const server = spawn(process.execPath, ['-e', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
const [said] = (await once(server.stdout, 'data')) as [Buffer];
const port = Number(said.toString());
await messages();
await sessions(port);
await lookups(port);
await blocked(port);
await cache();
server.kill();
process.exitCode = missed > 0 ? 1 : 0;
