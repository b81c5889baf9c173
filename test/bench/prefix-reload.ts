/**
 * What the event loop feels when a list of a million lines is loaded again while it is asked: the longest wait of a timer that
 * should run every millisecond, while idle, while a worker reads the list, and while the loop itself does. Ends with 1 where
 * the worker's is more than 50 ms above the idle one, the time left out that the loop's thread waited for a processor: on a
 * busy machine that is most of it. `POSTERN_BENCH_LINES` (1000000).
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { fileList } from '../../src/adapters/list-sources/index.ts';
import { mix } from './prefix-data.ts';

const lines = Number(process.env.POSTERN_BENCH_LINES ?? 1_000_000);
const folder = await mkdtemp(join(tmpdir(), 'reload-'));
const path = join(folder, 'list');
// The worker as it is published: compiled, in one file.
const worker = pathToFileURL(join(folder, 'worker.mjs'));
buildSync({
  entryPoints: [fileURLToPath(new URL('../../src/adapters/list-sources/build-worker.ts', import.meta.url))],
  outfile: fileURLToPath(worker),
  bundle: true,
  platform: 'node',
  format: 'esm',
  logLevel: 'error',
});
const { questions } = await writeList();

/** The list's lines go to the file, and are not held: a heap of them would be the collector's work. */
async function writeList(): Promise<{ questions: readonly string[] }> {
  const { entries, questions } = mix(lines, 10_000, () => false);
  await writeFile(path, entries.join('\n'));
  return { questions };
}

/** How long the loop's thread has waited for a processor so far, in milliseconds: what other processes took. Linux only. */
function waited(): number {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** The longest delay of the loop during `work`, in milliseconds; it answers a few hundred questions each millisecond. */
async function worst(work: () => Promise<unknown>): Promise<{ stall: number; own: number; took: number }> {
  let stall = 0;
  let own = 0;
  let lastWaited = waited();
  let last = performance.now();
  let at = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const gap = now - last - 1;
    const sinceWaited = waited();
    stall = Math.max(stall, gap);
    own = Math.max(own, gap - (sinceWaited - lastWaited));
    lastWaited = sinceWaited;
    for (let i = 0; i < 200; i++) source.current()?.has(questions[at++ % questions.length]!);
    last = performance.now();
  }, 1);
  const from = performance.now();
  await work();
  const took = performance.now() - from;
  await new Promise((resolve) => setTimeout(resolve, 50));
  clearInterval(timer);
  return { stall, own, took };
}

const source = fileList(path, { format: 'plain', widest: { v4: 0, v6: 0 }, watch: false, worker });
await source.ready;
const here = fileList(path, { format: 'plain', widest: { v4: 0, v6: 0 }, watch: false, worker: false });
await here.ready;
if (source.last?.here !== undefined) throw new Error(`no worker: ${source.last.here}`);

const rounds: { idle: number; stall: number; idleOwn: number; own: number; took: number }[] = [];
const onLoop: number[] = [];
for (let i = 0; i < 7; i++) {
  const quiet = await worst(() => new Promise((resolve) => setTimeout(resolve, 1_500)));
  const busy = await worst(() => source.reload({ force: true }));
  rounds.push({ idle: quiet.stall, stall: busy.stall, idleOwn: quiet.own, own: busy.own, took: busy.took });
  if (i < 2) onLoop.push((await worst(() => here.reload({ force: true }))).stall);
}
const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const shown = (values: number[]): string => values.map((ms) => ms.toFixed(0)).join(' ');
const wall = median(rounds.map(({ stall }) => stall)) - median(rounds.map(({ idle }) => idle));
const own = median(rounds.map((round) => round.own)) - median(rounds.map(({ idleOwn }) => idleOwn));
console.log(
  `${lines} lines under 200,000 questions a second; a reload takes ${shown(rounds.map(({ took }) => took))} ms`,
);
console.log(`longest stall, idle               ${shown(rounds.map(({ idle }) => idle))} ms`);
console.log(`longest stall, read in a worker   ${shown(rounds.map(({ stall }) => stall))} ms`);
console.log(`the same, less waiting for a CPU  ${shown(rounds.map((round) => round.own))} ms`);
console.log(`longest stall, read on the loop   ${shown(onLoop)} ms`);
console.log(
  `above idle (medians): ${wall.toFixed(0)} ms; less waiting for a CPU, which others took: ${own.toFixed(0)} ms (bar 50 ms)`,
);
await source.close();
await here.close();
await rm(folder, { recursive: true });
process.exitCode = own <= 50 ? 0 : 1;
