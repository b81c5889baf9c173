import { Worker } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';
import type { ListSummary, ReadListOptions } from '../../checks/ip-blocklist/index.ts';
import { readPrefixSet } from '../../checks/ip-blocklist/index.ts';
import { PrefixSet } from '../../net/index.ts';

/** The most bytes of a list that are read, packed or not. */
export const MAX_LIST_BYTES = 268_435_456;

/** What came of reading a list. */
export interface Built extends ListSummary {
  readonly set: PrefixSet | undefined;
  /** The worker could not be started: the list was read on this thread. */
  readonly here?: string | undefined;
}

/** What the worker is asked, and what it answers. */
export interface BuildRequest {
  readonly bytes: Uint8Array;
  readonly options: ReadListOptions;
}
export type BuildAnswer = ListSummary & { readonly set?: Uint8Array<ArrayBuffer> };

/** Reads a list where it is called. A packed one (gzip) is unpacked first. */
export function buildHere({ bytes, options }: BuildRequest): ListSummary & { set: PrefixSet | undefined } {
  let text = bytes;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      text = gunzipSync(bytes, { maxOutputLength: MAX_LIST_BYTES });
    } catch (error) {
      const reason = `it is compressed, and cannot be unpacked: ${(error as Error).message}`;
      return { lines: 0, taken: 0, errors: 1, warnings: 0, problems: [], refused: reason, set: undefined };
    }
  }
  return readPrefixSet(text, options);
}

/** The worker's file: beside this one, with the same extension. */
const workerUrl = (): URL =>
  new URL(`./build-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/**
 * Reads a list in a worker, and where none can be started, here.
 *
 * @param worker the worker's file, where a bundler has moved it; false reads here
 */
export async function build(request: BuildRequest, worker: URL | boolean): Promise<Built> {
  if (worker === false) return buildHere(request);
  const answer = await inWorker(request, worker === true ? workerUrl() : worker);
  if (answer instanceof Error) {
    const built = buildHere(request);
    return { ...built, here: answer.message };
  }
  const { set, ...summary } = answer;
  return { ...summary, set: set === undefined ? undefined : PrefixSet.fromBytes(set, { share: true }) };
}

function inWorker(request: BuildRequest, file: URL): Promise<BuildAnswer | Error> {
  return new Promise((resolve) => {
    let worker: Worker;
    try {
      // The bytes are copied, not moved: where the worker fails, they are still here to be read.
      worker = new Worker(file, { workerData: request });
    } catch (error) {
      resolve(error as Error);
      return;
    }
    worker.once('message', (answer: BuildAnswer) => {
      resolve(answer);
      void worker.terminate();
    });
    worker.once('error', (error) => resolve(error));
    worker.once('exit', (code) => resolve(new Error(`the worker ended with ${code}`)));
  });
}
