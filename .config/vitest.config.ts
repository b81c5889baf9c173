import { defineConfig } from 'vitest/config';
import { alias, reporting, root } from './vitest.shared.ts';

/** The unit suite: everything that needs neither a built package nor other people's servers. */
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
    // The sources are loaded once for each worker, not once for each file: loading costs more than most tests.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
