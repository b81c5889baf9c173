import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';
import type { ListSummary, ReadListOptions } from '../../checks/ip-blocklist/index.ts';
import { readPrefixSet } from '../../checks/ip-blocklist/index.ts';
import { PrefixSet } from '../../prefix-set/index.ts';

/** The most bytes of a list that are read, packed or not. */
export const MAX_LIST_BYTES = 268_435_456;

/** What came of reading a list. */
export interface Built extends ListSummary {
  readonly set: PrefixSet | undefined;
  /** The worker could not be started: the list was read on this thread. */
  readonly here?: string;
}

/** A list to read: its bytes, or the file they are in. */
export interface BuildRequest {
  readonly list: Uint8Array<ArrayBuffer> | { readonly path: string };
  readonly options: ReadListOptions;
}
/** What the worker says when it is there, and what it answers. */
export type BuildAnswer =
  | 'ready'
  | { readonly failed: string }
  | (ListSummary & { readonly set?: Uint8Array<ArrayBuffer> });

/** Reads a list's bytes where it is called. Packed ones (gzip) are unpacked first. */
export function buildFrom(bytes: Uint8Array, options: ReadListOptions): ListSummary & { set: PrefixSet | undefined } {
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

const buildHere = async ({ list, options }: BuildRequest): Promise<Built> =>
  buildFrom(list instanceof Uint8Array ? list : await readFile(list.path), options);

/** The worker's file: beside this one, with the same extension. */
const workerUrl = (): URL =>
  new URL(`./build-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/**
 * Reads a list in a worker, and where none can be started, here.
 *
 * @param worker the worker's file, where a bundler has moved it; false reads here
 * @throws Error where the file cannot be read
 */
export async function build(request: BuildRequest, worker: URL | boolean): Promise<Built> {
  if (worker === false) return buildHere(request);
  const answer = await inWorker(request, worker === true ? workerUrl() : worker);
  if (answer instanceof Error) return { ...(await buildHere(request)), here: answer.message };
  if ('failed' in answer) throw new Error(answer.failed);
  const { set, ...summary } = answer;
  return { ...summary, set: set === undefined ? undefined : PrefixSet.fromBytes(set, { share: true }) };
}

/** An `Error` where the worker did not come so far as to take the list over. */
function inWorker({ list, options }: BuildRequest, file: URL): Promise<Exclude<BuildAnswer, 'ready'> | Error> {
  return new Promise((resolve, reject) => {
    let worker: Worker;
    try {
      worker = new Worker(file);
    } catch (error) {
      resolve(error as Error);
      return;
    }
    let handedOver = false;
    const ended = (error: Error): void => {
      if (handedOver) reject(error);
      else resolve(error);
    };
    worker.on('message', (answer: BuildAnswer) => {
      if (answer === 'ready') {
        // Moved, not copied: a copy would keep the loop waiting.
        worker.postMessage({ list, options }, list instanceof Uint8Array ? [list.buffer] : []);
        handedOver = true;
        return;
      }
      resolve(answer);
      void worker.terminate();
    });
    worker.once('error', ended);
    worker.once('exit', (code) => ended(new Error(`the worker ended with ${code}`)));
  });
}
