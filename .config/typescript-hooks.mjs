/**
 * The module hooks that typescript.mjs registers. Node runs them in a separate thread.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { folder, oldest } from './oldest-peers.mjs';
import { root, subpaths } from './subpaths.mjs';

const sources = new Map(subpaths.map(({ name, source }) => [name, pathToFileURL(root + source).href]));

export async function resolve(specifier, context, nextResolve) {
  const source = sources.get(specifier);
  if (process.env.POSTERN_OLDEST_PEERS && specifier.split('/')[0] in oldest)
    return nextResolve(specifier, { ...context, parentURL: pathToFileURL(`${folder}/a.js`).href });
  return source === undefined ? nextResolve(specifier, context) : { url: source, shortCircuit: true };
}

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !new URL(url).pathname.endsWith('.ts')) return nextLoad(url, context);
  const file = fileURLToPath(url);
  const { code } = await transform(await readFile(file, 'utf8'), {
    loader: 'ts',
    format: 'esm',
    target: 'node20',
    sourcefile: file,
    sourcemap: 'inline',
  });
  return { format: 'module', source: code, shortCircuit: true };
}
