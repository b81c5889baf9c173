import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisStore } from 'postern/adapters/redis';
import { redisStore } from 'postern/adapters/redis';
import { systemClock } from 'postern/adapters/system';
import { bansContract, countersContract } from 'postern/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { haveRedis, RedisServer } from './redis-server.ts';

let server: RedisServer;
let stores = 0;

async function emptyStore(): Promise<RedisStore> {
  // A loaded machine is not what is tested here.
  const store = redisStore({
    url: server.url,
    clock: systemClock(),
    deadlineMs: 2_000,
    prefix: `contract-${stores++}:`,
    never: ['203.0.113.0/24'],
  });
  await store.ready;
  return store;
}
const pass = async (ms: number): Promise<void> => {
  await sleep(ms);
};

describe.skipIf(!haveRedis)('a store in Redis keeps the contract', () => {
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.remove());

  test.each(
    countersContract(async () => {
      const store = await emptyStore();
      return { counters: store.counters, pass, close: () => store.close() };
    }),
  )('counters: $name', ({ run }) => run());

  test.each(
    bansContract(async () => {
      const store = await emptyStore();
      return { bans: store.bans, pass, close: () => store.close() };
    }),
  )('bans: $name', ({ run }) => run());
});
