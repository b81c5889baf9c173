// Whether a guarded server keeps its memory flat: the policy of the session bench, with clean sessions, strangers' relay attempts
// and clients that vanish, on loopback.
//
//   npm run soak                 # 60 minutes
//   npm run soak -- 10           # 10 minutes
//
// Prints the heap after a forced collection every minute. Ends with 1 if the heap grows: the criterion is the slope of a
// straight line through the minutes of the second half, at most 50 KiB a minute or 0.5 % of the heap a minute.
// The clients and the DNS are processes of their own, so that only the server's memory counts.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const AT_ONCE = 20;
const PAUSE_MS = 100;
const MOST_KIB_A_MINUTE = 50;
const MOST_PART_A_MINUTE = 0.005;
const LEAST_SAMPLES = 4;

const bench = fileURLToPath(new URL('../bench/sessions.mjs', import.meta.url));
const minutes = Number(process.argv[2] ?? 60);
if (!(minutes >= LEAST_SAMPLES)) {
  console.error(`soak: minutes must be a number of at least ${LEAST_SAMPLES}, got ${process.argv[2]}`);
  process.exit(2);
}

async function child(...given) {
  const running = fork(bench, given.map(String), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [{ port }] = await once(running, 'message');
  return { running, port };
}
async function asked(running, what) {
  running.send(what);
  const [answer] = await once(running, 'message');
  return answer;
}

/** Least squares: the change of `y` for each step. */
function slope(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = (values.length - 1) / 2;
  const rise = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0);
  return rise / values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
}

const dns = await child('--dns', 0);
const server = await child('--server', 'guarded', dns.port);
const clients = fork(bench, ['--clients', server.port, AT_ONCE, PAUSE_MS].map(String), {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});

console.log(`soak: ${minutes} minutes, ${AT_ONCE} sessions at once, Node ${process.version}`);
console.log('minute  sessions  heap KiB  outside the heap KiB  RSS MiB');
const heaps = [];
for (let minute = 1; minute <= minutes; minute++) {
  await new Promise((resolve) => setTimeout(resolve, 60_000));
  const { sessions, failed } = await asked(clients, 'count');
  const { heapUsed, external, arrayBuffers, rss } = await asked(server.running, 'memory');
  if (failed > 0) throw new Error(`soak: ${failed} sessions ended otherwise than expected`);
  heaps.push((heapUsed + external) / 1024);
  console.log(
    [
      String(minute).padStart(6),
      String(sessions).padStart(8),
      (heapUsed / 1024).toFixed(0).padStart(8),
      ((external + arrayBuffers) / 1024).toFixed(0).padStart(20),
      (rss / 2 ** 20).toFixed(0).padStart(7),
    ].join('  '),
  );
}
for (const running of [clients, server.running, dns.running]) running.kill();

const half = heaps.slice(Math.floor(heaps.length / 2));
const grows = slope(half);
const limit = Math.max(MOST_KIB_A_MINUTE, MOST_PART_A_MINUTE * half[0]);
const flat = grows <= limit;
console.log(
  `soak: ${grows.toFixed(1)} KiB a minute over the last ${half.length} minutes (at most ${limit.toFixed(0)})${flat ? '' : '  THE HEAP GROWS'}`,
);
process.exitCode = flat ? 0 : 1;
