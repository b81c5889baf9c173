/**
 * Reads one list and hands the set's bytes over: the worker's side of `build.ts`.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { BuildAnswer, BuildRequest } from './build.ts';
import { buildFrom } from './build.ts';

// Sessions come first where processors are few. Only on Linux does a priority belong to the thread, not to the process.
if (process.platform === 'linux') {
  try {
    setPriority(10);
  } catch {
    // It may not be allowed; then it works at the usual priority.
  }
}

const answer = (said: BuildAnswer, moved: ArrayBuffer[] = []): void => parentPort?.postMessage(said, moved);

parentPort?.once('message', ({ list, options }: BuildRequest) => {
  let bytes: Uint8Array;
  try {
    bytes = list instanceof Uint8Array ? list : readFileSync(list.path);
  } catch (error) {
    answer({ failed: (error as Error).message });
    return;
  }
  const { set, ...summary } = buildFrom(bytes, options);
  const built = set?.toBytes();
  if (built === undefined) answer(summary);
  else answer({ ...summary, set: built }, [built.buffer]);
});
answer('ready');
