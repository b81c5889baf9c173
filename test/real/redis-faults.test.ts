import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { RedisStore, RedisStoreOptions } from 'postern/adapters/redis';
import { redisStore } from 'postern/adapters/redis';
import { systemClock } from 'postern/adapters/system';
import type { OnStoreDown } from 'postern/checks/connection-limits';
import { connectionLimits } from 'postern/checks/connection-limits';
import { examine } from 'postern/core';
import type { Usage } from 'postern/env';
import { parseIp } from 'postern/net';
import { PrefixSet } from 'postern/prefix-set';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort, haveRedis, RedisServer } from './redis-server.ts';

const clock = systemClock();
const hourly = (rate: number) => ({ rate, periodMs: 3_600_000 });
const root = fileURLToPath(new URL('../..', import.meta.url));

let server: RedisServer;
let opened: RedisStore[] = [];
let children: ChildProcess[] = [];

async function store(options: Partial<RedisStoreOptions> = {}): Promise<RedisStore> {
  const made = redisStore({ url: server.url, clock, prefix: 'fleet:', ...options });
  opened.push(made);
  await made.ready;
  return made;
}

/** A process of the fleet, and the lines it prints. */
function worker(...args: (string | number)[]): { child: ChildProcess; line: () => Promise<string> } {
  const child = spawn(
    process.execPath,
    ['--import', './.config/typescript.mjs', 'test/real/redis-worker.ts', ...args.map(String)],
    { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  children.push(child);
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let rest = '';
  child.stdout?.on('data', (data) => {
    rest += data;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      const next = waiting.shift();
      if (next === undefined) lines.push(line);
      else next(line);
    }
  });
  const line = (): Promise<string> =>
    new Promise((resolve) => {
      const ready = lines.shift();
      if (ready === undefined) waiting.push(resolve);
      else resolve(ready);
    });
  return { child, line };
}

/** Asks again and again until it is so. */
async function until(so: () => unknown): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await so()) return;
    await sleep(25);
  }
  throw new Error(`it never came to ${so}`);
}

/** A connection to one server that can be turned to another, as the address of a primary is. */
class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port: number;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((client) => {
      const inner = connect(this.#port, '127.0.0.1');
      for (const socket of [client, inner]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          client.destroy();
          inner.destroy();
        });
      }
      client.pipe(inner).pipe(client);
    });
  }

  static async to(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await new Promise<void>((done) => relay.#server.listen(0, '127.0.0.1', done));
    return relay;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  turnTo(port: number): void {
    this.#port = port;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  close(): void {
    this.turnTo(this.#port);
    this.#server.close();
  }
}

beforeEach(async () => {
  server = await RedisServer.start();
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await Promise.all(opened.map((each) => each.close()));
  opened = [];
  await server.remove();
});

describe.skipIf(!haveRedis)('a fleet', () => {
  test('4 processes charge 500 times each on 100 points → exactly 100 are allowed', async () => {
    const fleet = Array.from({ length: 4 }, () => worker('charge', server.url, 100, 500));
    for (const { line } of fleet) expect(await line()).toBe('ready');
    for (const { child } of fleet) child.stdin?.write('go\n');
    const said = await Promise.all(fleet.map(async ({ line }) => JSON.parse(await line())));
    expect(said.map(({ degraded }) => degraded)).toEqual([0, 0, 0, 0]);
    expect(said.reduce((sum, { allowed }) => sum + allowed, 0)).toBe(100);
  });

  test('a process that holds all places is killed with -9 → they are free within the lease, and not before', async () => {
    const leaseMs = 2_000;
    const { child, line } = worker('hold', server.url, 5, leaseMs);
    expect(await line()).toBe('holding');
    const other = await store({ leaseMs, deadlineMs: 5_000 });
    // It renews what it holds: more than a lease later the places are still taken.
    await sleep(leaseMs * 1.5);
    expect(await other.counters.acquire('places', 5, 'other')).toMatchObject({ allowed: false, used: 5 });
    child.kill('SIGKILL');
    await sleep(leaseMs + 200);
    expect(await other.counters.acquire('places', 5, 'other')).toMatchObject({ allowed: true, used: 1 });
  });

  test('a session ends → its places are free for the others at once', async () => {
    const [one, two] = [await store(), await store()];
    await one.counters.acquireAll(
      [
        { key: 'a', limit: 1 },
        { key: 'b', limit: 1 },
      ],
      'session',
    );
    expect(await two.counters.acquire('a', 1, 'x')).toMatchObject({ allowed: false });
    await one.counters.release('session');
    expect(await two.counters.acquire('a', 1, 'x')).toMatchObject({ allowed: true });
    expect(await two.counters.acquire('b', 1, 'x')).toMatchObject({ allowed: true });
  });

  test('what the fleet refuses is taken back from the own count', async () => {
    const [one, two] = [await store(), await store()];
    for (let i = 0; i < 3; i++) await one.counters.charge('k', hourly(3));
    for (let i = 0; i < 10; i++) expect(await two.counters.charge('k', hourly(3))).toMatchObject({ allowed: false });
    await one.counters.clear('k');
    for (let i = 0; i < 3; i++) expect(await two.counters.charge('k', hourly(3))).toMatchObject({ allowed: true });
  });

  test('a ban is announced: every process knows it; lifted by another, it is lifted for all', async () => {
    const [one, two] = [await store(), await store()];
    await one.bans.add('192.0.2.1', 'guessed');
    await until(() => two.bans.lookup('192.0.2.1'));
    expect(await two.bans.lookup('192.0.2.1')).toMatchObject({ prefix: '192.0.2.1/32', reason: 'guessed', times: 1 });
    expect(await two.bans.lift('192.0.2.1')).toBe(true);
    await until(async () => (await one.bans.lookup('192.0.2.1')) === undefined);
    const third = await store();
    expect(await third.bans.list()).toEqual([]);
  });

  test('a process that comes later reads the bans that are there', async () => {
    const one = await store();
    for (let i = 0; i < 2_500; i++) await one.bans.add(`10.1.${i >> 8}.${i & 255}`, `reason ${i % 7}`);
    const late = await store();
    expect((await late.bans.list()).length).toBe(2_500);
  });

  test('a list is published → every process that has it looks in the new one', async () => {
    const [one, two] = [await store(), await store()];
    const source = two.list('drop');
    expect(source.current()).toBeUndefined();
    expect(await one.publishList('drop', PrefixSet.from(['192.0.2.0/24']))).toBe(true);
    await until(() => source.current()?.has('192.0.2.7'));
    await one.publishList('drop', PrefixSet.from(['198.51.100.0/24']));
    await until(() => source.current()?.has('198.51.100.7'));
    expect(source.current()?.has('192.0.2.7')).toBe(false);
    const late = (await store()).list('drop');
    await until(() => late.current()?.has('198.51.100.7'));
  });
});

describe.skipIf(!haveRedis)('a server in trouble', () => {
  const deadlineMs = 50;

  /** A hundred sessions at a time; what is allowed is counted, and nobody may be made to wait. */
  async function load(counters: RedisStore['counters'], key: string, rounds: number): Promise<Usage[]> {
    const usages: Usage[] = [];
    for (let round = 0; round < rounds; round++) {
      const asked = Array.from({ length: 100 }, async (_, i) => {
        // A timer that was set later and runs longer cannot fire first, however busy the machine is.
        let patience: NodeJS.Timeout | undefined;
        const answer = Promise.resolve(counters.charge(i === 0 ? 'free' : key, hourly(i === 0 ? 1e9 : 50)));
        const tooLong = new Promise<never>((_, reject) => {
          patience = setTimeout(() => reject(new Error('a session waited longer than its deadline')), deadlineMs * 2);
        });
        usages.push(await Promise.race([answer, tooLong]));
        clearTimeout(patience);
        await Promise.resolve(counters.acquire('places', 10, `session-${round}-${i}`));
      });
      await Promise.all(asked);
      for (let i = 0; i < 100; i++) void counters.release(`session-${round}-${i}`);
      await sleep(5);
    }
    return usages;
  }

  test('stopped, paused, killed and started again under load → nobody waits, nothing is thrown, the floor holds', async () => {
    const { counters } = await store({ deadlineMs });
    const all: Usage[] = [];
    all.push(...(await load(counters, 'k', 5)));
    server.signal('SIGSTOP');
    all.push(...(await load(counters, 'k', 20)));
    server.signal('SIGCONT');
    all.push(...(await load(counters, 'k', 20)));
    await server.down();
    all.push(...(await load(counters, 'k', 20)));
    await server.up();
    await until(() => opened[0]?.state === 'up');
    all.push(...(await load(counters, 'k', 5)));
    const limited = all.filter(({ limit }) => limit === 50);
    expect(limited.filter(({ allowed }) => allowed).length).toBe(50);
    const free = all.filter(({ limit }) => limit === 1e9);
    expect(free.every(({ allowed }) => allowed)).toBe(true);
    expect(free.some(({ degraded }) => degraded)).toBe(true);
    await until(async () => (await counters.charge('free', hourly(1e9))).degraded === undefined);
    // No place has leaked.
    await until(async () => (await counters.acquire('places', 10, 'last')).used === 1);
  });

  test('it swallows everything → after three deadlines nobody is made to wait at all', async () => {
    const { counters } = await store({ deadlineMs });
    server.signal('SIGSTOP');
    for (let i = 0; i < 3; i++) expect(await counters.charge('k', hourly(50))).toMatchObject({ degraded: true });
    const at = counters.charge('k', hourly(50));
    expect(at).not.toBeInstanceOf(Promise);
    expect(at).toMatchObject({ allowed: true, used: 4, degraded: true });
    server.signal('SIGCONT');
    await until(async () => (await counters.charge('k', hourly(50))).degraded === undefined);
  });

  test('all is flushed → places are taken again, bans come back, and the own floor still refuses', async () => {
    const leaseMs = 600;
    const one = await store({ leaseMs, deadlineMs: 2_000 });
    for (let i = 0; i < 3; i++) await one.counters.acquire('places', 3, `s${i}`);
    for (let i = 0; i < 5; i++) await one.counters.charge('k', hourly(5));
    await one.bans.add('192.0.2.1', 'guessed');
    const admin = new Redis(server.url);
    await admin.flushall();
    await admin.script('FLUSH');
    await admin.quit();
    expect(await one.counters.charge('k', hourly(5))).toMatchObject({ allowed: false, used: 5 });
    const two = await store({ leaseMs, deadlineMs: 2_000 });
    await until(async () => {
      const usage = await two.counters.acquire('places', 4, 'probe');
      await two.counters.release('probe');
      return usage.used === 4;
    });
    expect(await two.counters.acquire('places', 3, 'x')).toMatchObject({ allowed: false, used: 3 });
    await until(() => two.bans.lookup('192.0.2.1'));
    expect(await one.bans.lookup('192.0.2.1')).toMatchObject({ reason: 'guessed' });
  });

  test('a ban made while it is away reaches the others when it is back', async () => {
    const [one, two] = [await store(), await store()];
    await server.down();
    await until(() => one.state === 'down');
    expect(await one.bans.add('192.0.2.1', 'while away')).toMatchObject({ times: 1 });
    expect(await one.bans.lookup('192.0.2.1')).toMatchObject({ reason: 'while away' });
    await server.up();
    await until(() => two.bans.lookup('192.0.2.1'));
  });

  const bans = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `10.9.${from + i}.1`);
  const known = async (of: RedisStore, addresses: string[]): Promise<boolean> => {
    for (const address of addresses) if ((await of.bans.lookup(address)) === undefined) return false;
    return true;
  };

  test('restored from an older snapshot → no live ban is lost anywhere, and the server has them all again', async () => {
    const [one, two] = [await store(), await store()];
    const [early, late] = [bans(0, 3), bans(10, 5)];
    for (const address of early) await one.bans.add(address, 'early');
    const admin = new Redis(server.url);
    await admin.save();
    admin.disconnect();
    for (const address of late) await one.bans.add(address, 'late');
    await one.bans.lift(early[0] as string);
    await until(async () => (await known(two, late)) && (await two.bans.lookup(early[0] as string)) === undefined);
    await server.down();
    await server.up();
    // Others may ban more than was lost before this process is back: the number alone does not show it.
    const third = await store();
    for (const address of bans(30, 20)) await third.bans.add(address, 'since');
    await until(() => opened.every(({ state }) => state === 'up'));
    await until(() => known(third, late));
    for (const process of [one, two, third]) expect(await known(process, [...early.slice(1), ...late])).toBe(true);
    const fresh = await store();
    expect(await known(fresh, [...late, ...bans(30, 20)])).toBe(true);
  });

  test('a failover to a replica that lagged behind → the same; a ban that was lifted meanwhile stays lifted', async () => {
    const replica = await RedisServer.start();
    const relay = await Relay.to(server.port);
    try {
      const [one, two] = [await store({ url: relay.url }), await store({ url: relay.url })];
      await one.bans.add('192.0.2.1', 'before');
      const admin = new Redis(replica.url);
      await admin.replicaof('127.0.0.1', server.port);
      await until(async () => (await admin.exists('fleet:bans')) === 1);
      await admin.replicaof('NO', 'ONE');
      for (const address of bans(0, 5)) await one.bans.add(address, 'not replicated');
      await until(() => known(two, bans(0, 5)));
      // On the new primary, before anybody of the fleet is there: lifted by the command.
      const there = await store({ url: replica.url });
      await there.bans.lift('192.0.2.1');
      relay.turnTo(replica.port);
      const fresh = await store({ url: replica.url });
      await until(() => known(fresh, bans(0, 5)));
      await until(async () => (await one.bans.lookup('192.0.2.1')) === undefined);
      for (const process of [one, two, fresh]) expect(await known(process, bans(0, 5))).toBe(true);
      expect(await fresh.bans.lookup('192.0.2.1')).toBeUndefined();
      admin.disconnect();
    } finally {
      await Promise.all(opened.map((each) => each.close()));
      opened = [];
      relay.close();
      await replica.remove();
    }
  });

  test('the same server loses changes while everybody is connected → seen by the first number that is too low', async () => {
    const [one, two] = [await store(), await store()];
    for (const address of bans(0, 8)) await one.bans.add(address, 'r');
    await until(() => known(two, bans(0, 8)));
    const admin = new Redis(server.url);
    for (const address of bans(2, 6)) await admin.hdel('fleet:bans', `${address}/32`);
    await admin.set('fleet:bans:number', 2);
    await one.bans.add('192.0.2.1', 'one more');
    await until(async () => (await admin.hlen('fleet:bans')) === 9);
    for (const process of [one, two]) expect(await known(process, [...bans(0, 8), '192.0.2.1'])).toBe(true);
    // Numbers are trusted again: lifts are heard by everybody.
    await two.bans.lift('10.9.3.1');
    await until(async () => (await one.bans.lookup('10.9.3.1')) === undefined);
    admin.disconnect();
  });

  test('what it kept was written by a clock an hour ahead → nobody waits longer for it', async () => {
    const { counters, bans: kept } = await store();
    const admin = new Redis(server.url);
    const [seconds, micros] = await admin.time();
    const earliest = (Number(seconds) * 1e6 + Number(micros) + 3_600e6).toFixed(0);
    const second = { rate: 1, periodMs: 1_000 };
    const daily = { rate: 86_400, periodMs: 86_400_000, burst: 3 };
    // Three of three used up, an hour from now.
    await admin.set('fleet:rate:k', `${Number(earliest) + 3e6} ${earliest}`);
    const usage = await counters.peek('k', daily);
    expect(usage).toMatchObject({ allowed: false, used: 3 });
    expect(usage.retryAfterMs).toBeLessThanOrEqual(1_000);
    // As a version without the second time wrote it: more than may be owed at all.
    await admin.set('fleet:rate:old', earliest);
    expect(await counters.charge('old', second)).toMatchObject({ allowed: true });
    await admin.zadd('fleet:places:p', Number(earliest) / 1_000, 'a process that is gone');
    await counters.acquire('p', 2, 'x');
    expect(Number(await admin.zscore('fleet:places:p', 'a process that is gone'))).toBeLessThan(
      Number(earliest) / 1_000 - 3e6,
    );
    await admin.zadd('fleet:values:v', Number(earliest) / 1_000, 'a value');
    expect(await counters.distinct('v', 'another', 1, 1_000)).toMatchObject({ allowed: true, used: 1 });
    const since = Math.round(Number(earliest) / 1_000);
    await admin.hset('fleet:bans', '192.0.2.1/32', `${since} ${since + 60_000} 1 from the future`);
    const again = await kept.add('192.0.2.1', 'again', 60_000);
    expect((again?.until ?? 0) - Date.now()).toBeLessThanOrEqual(121_000);
    admin.disconnect();
  });

  test.each<[OnStoreDown, string]>([
    ['open', 'pass'],
    ['defer', 'temperror'],
    ['closed', 'fail'],
  ])('onStoreDown %s, and it is away → %s', async (onStoreDown, result) => {
    const { counters } = await store();
    await server.down();
    const check = connectionLimits({ onStoreDown });
    const facts = { session: { id: 's', role: 'mx' as const }, client: { ip: parseIp('192.0.2.1')! } };
    expect(await examine(check, facts, { counters })).toMatchObject({ result, detail: { degraded: true } });
  });

  test('it was never there → the own counters decide, at once', async () => {
    const made = redisStore({ url: `redis://127.0.0.1:${await freePort()}`, clock });
    opened.push(made);
    const usage = made.counters.charge('k', hourly(1));
    expect(usage).toEqual({ allowed: true, limit: 1, used: 1, retryAfterMs: 0, degraded: true });
    expect(made.counters.charge('k', hourly(1))).toMatchObject({ allowed: false });
    expect(made.state).toBe('down');
  });
});
