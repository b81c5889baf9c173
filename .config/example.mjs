/**
 * Runs an example of docs/examples: `npm run example -- server`.
 *
 * @module
 */
import './typescript.mjs';
import { existsSync } from 'node:fs';
import { root } from './subpaths.mjs';

const [name = ''] = process.argv.slice(2);
const file = `${root}docs/examples/${name}.ts`;
if (!/^[\w-]+$/.test(name) || !existsSync(file)) {
  console.error(`example: there is no ${JSON.stringify(name)}; docs/examples/README.md lists them`);
  process.exit(2);
}
const { main } = await import(file);
await main();
