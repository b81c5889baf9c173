import { Redis } from 'ioredis';
import { redisStore } from 'postern/adapters/redis';
import { fixedClock } from 'postern/testing';
import { expect, test } from 'vitest';

const clock = fixedClock();
const url = 'redis://127.0.0.1:1';

test('a client with its offline queue on → TypeError: it would wait for a dead server for ever', () => {
  const client = new Redis({ lazyConnect: true });
  expect(() => redisStore({ client, clock })).toThrow(/offline queue.*enableOfflineQueue: false/);
  client.disconnect();
});

test.each([
  [{ clock: undefined }, /clock is missing/],
  [{ url: undefined }, /either url or client/],
  [{ url: 'localhost:6379' }, /url begins with "localhost:"/],
  [{ url: 'not a url' }, /url is no URL/],
  [{ url: 'http://127.0.0.1/' }, /url begins with "http:"/],
  [{ deadlineMs: 0 }, /deadlineMs must be a positive number, got 0/],
  [{ leaseMs: Number.NaN }, /leaseMs must be a positive number, got NaN/],
  [{ firstMs: -1 }, /redisStore: firstMs must be a positive number, got -1/],
])('a wrong option %j → TypeError', (wrong, message) => {
  expect(() => redisStore({ url, clock, ...wrong } as never)).toThrow(message);
});

test('a secret in a wrong url is not repeated in the error', () => {
  expect(() => redisStore({ url: 'http://user:hunter2@127.0.0.1/', clock })).not.toThrow(/hunter2/);
});
