/**
 * Lists the subpaths of the package, as `exports` in package.json defines them.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder that contains package.json. */
export const root = fileURLToPath(new URL('..', import.meta.url));

export const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

/**
 * @typedef {object} Subpath
 * @property {string} name the specifier: `postern/core`
 * @property {string} built the module, from the root: `dist/core/index.js`
 * @property {string} source its source: `src/core/index.ts`
 */

/** @type {readonly Subpath[]} */
export const subpaths = Object.entries(manifest.exports)
  .filter(([, target]) => typeof target === 'object')
  .map(([subpath, target]) => {
    const built = target.default.slice('./'.length);
    return {
      name: subpath.replace(/^\./, manifest.name),
      built,
      source: built.replace(/^dist/, 'src').replace(/\.js$/, '.ts'),
    };
  });
