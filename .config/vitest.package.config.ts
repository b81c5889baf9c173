import { defineConfig } from 'vitest/config';
import { reporting, root } from './vitest.shared.ts';

/** The package as it is published: nothing here is resolved to the sources. */
export default defineConfig({
  root,
  test: {
    ...reporting('package'),
    include: ['test/package/**/*.test.ts', 'test/runtimes/**/*.test.ts'],
    globalSetup: ['test/package/pack.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
