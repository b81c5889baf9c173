/**
 * Reads one list and hands the set's bytes over: the worker's side of `build.ts`.
 *
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { BuildAnswer, BuildRequest } from './build.ts';
import { buildHere } from './build.ts';

const { set, ...summary } = buildHere(workerData as BuildRequest);
const bytes = set?.toBytes();
const answer: BuildAnswer = bytes === undefined ? summary : { ...summary, set: bytes };
parentPort?.postMessage(answer, bytes === undefined ? [] : [bytes.buffer]);
