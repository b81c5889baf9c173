import { defineConfig } from 'vitest/config';
import { alias, root } from './vitest.shared.ts';

/** The tests of the room whose code is mutated: see mutation.mjs, which sets the variable. */
export default defineConfig({
  root,
  resolve: { alias },
  test: {
    include: (process.env.POSTERN_MUTATION_TESTS ?? '').split(' '),
    setupFiles: ['test/fuzz/setup.ts'],
    testTimeout: 60_000,
  },
});
