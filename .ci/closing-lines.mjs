/**
 * Adds up the results of a CI run from a folder: the test reports and the outcome of each step. Prints a line for each
 * report and `N passed, N failed` at the end. Exits with 1 if anything failed.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
let passed = 0;
let failed = 0;

console.log('\n== closing lines');
for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()) {
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(
    readFileSync(join(folder, file), 'utf8'),
  );
  // A file that failed to load has no failed tests, so count it separately.
  const unloaded = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  passed += numPassedTests;
  failed += numFailedTests + unloaded.length;
  const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
  console.log(
    `${file.replace(/\.json$/, '')}: ${numPassedTests} passed, ${numFailedTests + unloaded.length} failed${skipped}`,
  );
  for (const { name, assertionResults } of testResults) {
    for (const { status, fullName } of assertionResults)
      if (status === 'failed') console.log(`  failed: ${fullName} (${name})`);
  }
  for (const { name, message } of unloaded) console.log(`  failed: ${name}: ${String(message).split('\n')[0]}`);
}

const steps = readFileSync(join(folder, 'steps'), 'utf8').trim().split('\n');
const broken = steps.filter((line) => line.startsWith('failed\t')).map((line) => line.slice('failed\t'.length));
if (broken.length > 0) console.log(`steps that failed: ${broken.join(' · ')}`);
// Count failed steps if no test failed.
if (failed === 0) failed = broken.length;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
