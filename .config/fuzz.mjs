/**
 * Runs every property-based test of the unit suite with a new seed, for a given time. Prints the seed, and for each failure
 * the command that reproduces it. Exits with 1 if a test fails.
 *
 * ```sh
 * npm run fuzz                      # 5 minutes
 * npm run fuzz -- 30                # 30 minutes
 * npm run fuzz -- 10 relay fold     # 10 minutes, only files whose paths contain these words
 * npm run fuzz -- --runs 5000       # also ends each property after 5,000 cases
 * npm run fuzz -- --seed 42 fold    # the cases of an earlier run
 * ```
 *
 * The time is divided evenly among the properties, so a run is shorter if some of them end early.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './subpaths.mjs';

const CONFIG = '.config/vitest.config.ts';
const NOT_OF_THE_UNIT_SUITE = /^(real|bench|package|runtimes)\//;
const GENERATED = /fc\.assert\(|\.prop\(|upTo\(/g;

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string' }, runs: { type: 'string' } },
  allowPositionals: true,
});
/** @param {string} what @param {string} text */
const positive = (what, text) => {
  const value = Number(text);
  if (value > 0) return value;
  console.error(`fuzz: ${what} must be a positive number, got ${text}`);
  process.exit(2);
};
const minutes = positive('minutes', positionals.find((word) => /^[\d.]+$/.test(word)) ?? '5');
const seed = positive('--seed', values.seed ?? String(randomInt(1, 0x7fff_ffff)));
const runs = positive('--runs', values.runs ?? '1000000000');
const names = positionals.filter((word) => !/^[\d.]+$/.test(word));

const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts') && !NOT_OF_THE_UNIT_SUITE.test(file))
  .map((file) => ({ file: `test/${file}`, text: readFileSync(join(root, 'test', file), 'utf8') }))
  .filter(({ text }) => text.includes('POSTERN_FUZZ_RUNS') || text.includes("'fast-check'"))
  .filter(({ file }) => names.length === 0 || names.some((name) => file.includes(name)));
if (files.length === 0) {
  console.error(`fuzz: no generated test has ${names.join(' or ')} in its path`);
  process.exit(2);
}
const properties = files.reduce((sum, { text }) => sum + Math.max(1, text.match(GENERATED)?.length ?? 0), 0);
const limitMs = Math.ceil((minutes * 60_000) / properties);
console.log(`fuzz: seed ${seed}, ${properties} properties in ${files.length} files, ${limitMs} ms each`);

const reports = mkdtempSync(join(tmpdir(), 'postern-fuzz-'));
const command = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', CONFIG];
const { status } = spawnSync(
  process.execPath,
  [...command, '--maxWorkers', '1', '--testTimeout', '0', ...files.map(({ file }) => file)],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      POSTERN_FUZZ_SEED: String(seed),
      POSTERN_FUZZ_RUNS: String(runs),
      POSTERN_FUZZ_MS: String(limitMs),
      POSTERN_TEST_REPORTS: reports,
    },
  },
);

for (const report of readdirSync(reports)) {
  const { testResults } = JSON.parse(readFileSync(join(reports, report), 'utf8'));
  for (const { name, assertionResults } of testResults)
    for (const { status: result, fullName } of assertionResults)
      if (result === 'failed')
        console.error(
          `fuzz: failed: ${fullName}\n  repeat: POSTERN_FUZZ_SEED=${seed} POSTERN_FUZZ_RUNS=${runs} npx vitest run --config ${CONFIG} --testTimeout 0 ${relative(root, name)}`,
        );
}
rmSync(reports, { recursive: true, force: true });
console.log(`fuzz: seed ${seed}: ${status === 0 ? 'passed' : 'FAILED'}`);
process.exitCode = status === 0 ? 0 : 1;
