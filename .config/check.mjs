/**
 * Type-checks the sources, the neutral sources without Node's types, and everything together with the tests. The check is
 * incremental: code that has not changed since the last run is not checked again.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { root } from './subpaths.mjs';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const projects = { src: 'tsconfig.json', neutral: '.config/tsconfig.neutral.json', test: '.config/tsconfig.test.json' };

for (const [name, project] of Object.entries(projects)) {
  const remembered = ['--incremental', '--tsBuildInfoFile', `node_modules/.cache/tsc/${name}`];
  const { status } = spawnSync(process.execPath, [tsc, '-p', project, ...remembered], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
