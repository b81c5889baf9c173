/**
 * Runs mutation tests: StrykerJS mutates the code of a room, and the room's tests run against each mutant.
 * `npm run mutation` covers all rooms, `npm run mutation -- core budgets` only these two. Prints the surviving mutants and
 * the score of each room. Exits with 1 if a score is below 85.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stryker } from '@stryker-mutator/core';
import { root } from './subpaths.mjs';

const BREAK = 85;

/** The code of each room, and the tests that should kill its mutants. */
const rooms = {
  core: { mutate: ['src/core/*.ts'], tests: ['test/core/*.test.ts', 'test/oracle/*.test.ts'] },
  reply: { mutate: ['src/smtp/reply.ts'], tests: ['test/smtp/reply.test.ts'] },
  'relay-control': {
    mutate: ['src/checks/relay-control/*.ts'],
    tests: ['test/checks/relay-control/*.test.ts', 'test/property/{relay,subdomains}.test.ts'],
  },
  domain: { mutate: ['src/net/{domain,registrable}.ts'], tests: ['test/net/{domain,registrable}.test.ts'] },
  budgets: { mutate: ['src/checks/smtp-auth/budgets.ts'], tests: ['test/checks/smtp-auth/*.test.ts'] },
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => !(name in rooms));
if (unknown.length > 0) {
  console.error(`mutation: unknown room ${unknown.join(', ')} (known: ${Object.keys(rooms).join(', ')})`);
  process.exit(2);
}

process.chdir(root);
// Property-based tests kill the same mutants with fewer cases.
process.env.POSTERN_FUZZ_RUNS ??= '100';
const scores = [];
for (const [name, { mutate, tests }] of Object.entries(rooms)) {
  if (named.length > 0 && !named.includes(name)) continue;
  process.env.POSTERN_MUTATION_TESTS = tests.join(' ');
  const folder = mkdtempSync(join(tmpdir(), 'postern-mutation-'));
  try {
    const results = await new Stryker({
      mutate,
      testRunner: 'vitest',
      vitest: { configFile: '.config/vitest.mutation.config.ts', related: false },
      plugins: ['@stryker-mutator/vitest-runner'],
      coverageAnalysis: 'perTest',
      // A mutant in code that only runs at import time cannot be assigned to single tests, so it would need a full run.
      ignoreStatic: true,
      concurrency: 1,
      ignorePatterns: ['dist', '.ci'],
      tempDirName: folder,
      reporters: ['clear-text'],
      clearTextReporter: { allowColor: false, allowEmojis: false, logTests: false, reportTests: false },
      allowConsoleColors: false,
      timeoutMS: 30_000,
    }).runMutationTest();
    const mutants = results.filter(({ status }) => !['Ignored', 'CompileError', 'RuntimeError'].includes(status));
    const found = mutants.filter(({ status }) => status === 'Killed' || status === 'Timeout').length;
    scores.push({ room: name, found, mutants: mutants.length, score: (100 * found) / mutants.length });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
for (const { room, found, mutants, score } of scores)
  console.log(
    `mutation: ${room}: ${score.toFixed(1)} % (${found} of ${mutants})${score < BREAK ? ` below ${BREAK}` : ''}`,
  );
process.exitCode = scores.every(({ score }) => score >= BREAK) ? 0 : 1;
