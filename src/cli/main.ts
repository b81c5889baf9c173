#!/usr/bin/env node
import { readFile, writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { exitCodes } from './io.ts';
import { run } from './run.ts';

const end = new AbortController();
process.once('SIGINT', () => end.abort());
process.once('SIGTERM', () => end.abort());
// A reader that has seen enough (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? 0 : exitCodes.couldNotCheck),
);

const readOctets = (path: string): Promise<Uint8Array> => (path === '-' ? buffer(process.stdin) : readFile(path));
process.exitCode = await run(process.argv.slice(2), {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  readOctets,
  readFile: async (path) => Buffer.from(await readOctets(path)).toString('utf8'),
  writeFile: (path, text) => writeFile(path, text),
  env: process.env,
  isTerminal: { stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true },
  columns: process.stdout.columns,
  signal: end.signal,
});
