import { defineConfig } from 'vitest/config';
import { alias, reporting, root } from './vitest.shared.ts';

/** Tests with third-party servers and clients on loopback. Files run one at a time, because each starts its own servers. */
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
