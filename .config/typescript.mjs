/**
 * Lets Node run the sources: `node --import ./.config/typescript.mjs file.ts`. esbuild strips the types, and `postern/…`
 * resolves to `src/…`, as in tests. For benchmarks and experiments. The published package does not need it.
 *
 * @module
 */
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
