import { defineConfig } from 'vitest/config';
import { alias, reporting, root } from './vitest.shared.ts';

/** Real parts: other people's servers and clients, on loopback. One file at a time, since each starts its own. */
export default defineConfig({
  root,
  resolve: { alias },
  test: {
    ...reporting('real'),
    include: ['test/real/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    passWithNoTests: false,
  },
});
