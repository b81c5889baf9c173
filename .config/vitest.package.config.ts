import { defineConfig } from 'vitest/config';
import { reporting, root } from './vitest.shared.ts';

/** Tests of the package as published. `postern/…` does not resolve to the sources here. */
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
