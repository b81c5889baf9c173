import { defineConfig } from 'vitest/config';
import { alias, reporting, root } from './vitest.shared.ts';

/** The unit suite: all tests that need neither a built package nor third-party servers. */
export default defineConfig({
  root,
  resolve: { alias },
  test: {
    ...reporting('unit'),
    include: ['test/**/*.test.ts', 'docs/examples/**/*.test.ts'],
    exclude: [
      'test/real/**',
      'test/bench/**',
      'test/package/**',
      'test/runtimes/**',
      '**/node_modules/**',
      '**/.snippets/**',
    ],
    setupFiles: ['test/fuzz/setup.ts'],
    // Load the sources once per worker instead of once per file: loading takes longer than most tests.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
