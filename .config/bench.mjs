/**
 * Runs the benches of test/bench, one after the other and each in a process of its own: `npm run bench` runs all,
 * `npm run bench -- spf limits` those two. Numbers, and what begins with a dash, are handed on to them. Ends with 1 where a
 * bench does, which is where a bar is missed.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { root } from './subpaths.mjs';

const folder = `${root}test/bench`;
const files = existsSync(folder) ? readdirSync(folder).filter((file) => /^[^_.].*[.](ts|mjs)$/.test(file)) : [];
const texts = files.map((file) => readFileSync(`${folder}/${file}`, 'utf8'));
/** What another file of the folder imports is a part of it, not a bench. */
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
