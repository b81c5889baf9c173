/**
 * One process of a fleet. `charge <url> <points> <times>` says `ready`, waits for a line, charges and prints how many were
 * allowed; `hold <url> <places> <leaseMs>` takes places, says `holding` and stays until it is killed.
 */
import { redisStore } from 'postern/adapters/redis';
import { systemClock } from 'postern/adapters/system';

const [mode, url = '', first = '0', second = '0'] = process.argv.slice(2);
const [a, b] = [Number(first), Number(second)];

if (mode === 'charge') {
  const store = redisStore({ url, clock: systemClock(), deadlineMs: 10_000, prefix: 'fleet:' });
  await store.ready;
  process.stdout.write('ready\n');
  await new Promise((resolve) => process.stdin.once('data', resolve));
  const usages = await Promise.all(
    Array.from({ length: b }, () => store.counters.charge('points', { rate: a, periodMs: 3_600_000 })),
  );
  const allowed = usages.filter((usage) => usage.allowed).length;
  const degraded = usages.filter((usage) => usage.degraded).length;
  process.stdout.write(`${JSON.stringify({ allowed, degraded })}\n`);
  await store.close();
  process.exit(0);
} else {
  const store = redisStore({ url, clock: systemClock(), deadlineMs: 10_000, leaseMs: b, prefix: 'fleet:' });
  await store.ready;
  for (let i = 0; i < a; i++) await store.counters.acquire('places', a, `${process.pid}-${i}`);
  process.stdout.write('holding\n');
  setInterval(() => {}, 1_000);
}
