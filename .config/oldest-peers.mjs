/**
 * Installs the lowest versions of the ranges in `peerDependencies`, next to the newest ones that `npm test` uses.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { manifest, root } from './subpaths.mjs';

/** Install folder. Node does not search it by itself, so programs get these versions only if they name it. */
export const folder = `${root}node_modules/.oldest-peers`;

/** The lowest version of each range: `>=5.4` → `5.4.0`. */
export const oldest = Object.fromEntries(
  Object.entries(manifest.peerDependencies).map(([name, range]) => {
    const [major, minor = '0', patch = '0'] = range.replace(/^(>=|[\^~])/, '').split('.');
    return [name, `${major}.${minor}.${patch}`];
  }),
);

/** Installs the packages, unless the same versions are already installed. Does not run install scripts. */
export default function install() {
  const wanted = JSON.stringify({ private: true, dependencies: oldest });
  const stamp = `${folder}/installed.json`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/package.json`, wanted);
  const options = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', ['install', ...options], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`oldest peers: npm install ended with ${status}`);
  writeFileSync(stamp, wanted);
}
