/**
 * Builds the package into `dist`. It removes the previous build first, so that no deleted module is published.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { manifest, root } from './subpaths.mjs';

rmSync(`${root}dist`, { recursive: true, force: true });
const tsc = `${root}node_modules/typescript/bin/tsc`;
const { status } = spawnSync(process.execPath, [tsc, '-p', `${root}.config/tsconfig.build.json`], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
// npm does this when it installs the package; `npx postern` in a clone needs it as well.
for (const command of Object.values(manifest.bin)) chmodSync(root + command, 0o755);
