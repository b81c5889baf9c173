/**
 * Runs an example from docs/examples: `npm run example -- server`. Arguments after the name are passed to the example.
 * `npm start` runs the example `demo`.
 *
 * @module
 */
import './typescript.mjs';
import { existsSync } from 'node:fs';
import { root } from './subpaths.mjs';

const [name = '', ...argv] = process.argv.slice(2);
const file = [`${name}.ts`, `${name}/main.ts`].map((path) => `${root}docs/examples/${path}`).find(existsSync);
if (!/^[\w-]+$/.test(name) || file === undefined) {
  console.error(`example: unknown example ${JSON.stringify(name)}; docs/examples/README.md lists them`);
  process.exit(2);
}
const { main } = await import(file);
await main(argv);
