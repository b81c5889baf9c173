/**
 * Takes the last build away, so that a module which was deleted is not published.
 *
 * @module
 */
import { rmSync } from 'node:fs';
import { root } from './subpaths.mjs';

rmSync(`${root}dist`, { recursive: true, force: true });
