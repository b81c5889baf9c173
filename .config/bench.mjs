/**
 * Runs the benchmarks in test/bench one by one, each in its own process. `npm run bench` runs all of them,
 * `npm run bench -- spf limits` only these two. Numbers and arguments that begin with a dash are passed to the benchmarks.
 * Exits with 1 if a benchmark does, which means that it missed its target.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { root } from './subpaths.mjs';

const folder = `${root}test/bench`;
const files = existsSync(folder) ? readdirSync(folder).filter((file) => /^[^_.].*[.](ts|mjs)$/.test(file)) : [];
const texts = files.map((file) => readFileSync(`${folder}/${file}`, 'utf8'));
/** The benchmarks. A file that another one in the folder imports is a helper, not a benchmark. */
const benches = new Map(
  files
    .filter((file) => !texts.some((text) => text.includes(`'./${file}'`)))
    .map((file) => [file.replace(/[.]\w+$/, ''), file])
    .sort(),
);

const handedOn = process.argv.slice(2).filter((argument) => /^-|^\d/.test(argument));
const named = process.argv.slice(2).filter((argument) => !handedOn.includes(argument));
const unknown = named.filter((name) => !benches.has(name));
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(', ')}; there are: ${[...benches.keys()].join(', ')}`);
  process.exit(2);
}

const missed = [];
for (const bench of named.length > 0 ? named : benches.keys()) {
  console.log(`\n== ${bench}`);
  const { status } = spawnSync(
    process.execPath,
    ['--expose-gc', '--import', `${root}.config/typescript.mjs`, `${folder}/${benches.get(bench)}`, ...handedOn],
    { cwd: root, stdio: 'inherit' },
  );
  if (status !== 0) missed.push(bench);
}
if (missed.length > 0) console.error(`\nbench: missed: ${missed.join(', ')}`);
process.exitCode = missed.length > 0 ? 1 : 0;
