import { defineConfig } from 'vitest/config';
import { alias, root } from './vitest.shared.ts';

/** The tests of the room under mutation. mutation.mjs sets the variable. */
export default defineConfig({
  root,
  resolve: { alias },
  test: {
    include: (process.env.POSTERN_MUTATION_TESTS ?? '').split(' '),
    setupFiles: ['test/fuzz/setup.ts'],
    testTimeout: 60_000,
  },
});
