/**
 * Lets Node run the sources: `node --import ./.config/typescript.mjs file.ts`. Types are taken off by esbuild, and
 * `postern/…` means `src/…`, as it does in tests. For benches, and for trying something out; nothing that is published
 * needs it.
 *
 * @module
 */
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
