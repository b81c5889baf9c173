import { defineConfig } from 'vitest/config';
import { folder, oldest } from './oldest-peers.mjs';
import { alias, reporting, root } from './vitest.shared.ts';

/** The adapter suites with the oldest supported version of each peer. `npm test` runs them with the newest. */
export default defineConfig({
  root,
  resolve: { alias },
  plugins: [
    {
      name: 'oldest-peers',
      enforce: 'pre',
      resolveId(source, _, options) {
        return source.split('/')[0]! in oldest
          ? // Vite ignores an importer that does not exist.
            this.resolve(source, `${folder}/package.json`, { ...options, skipSelf: true })
          : null;
      },
    },
  ],
  test: {
    ...reporting('oldest-peers'),
    include: [
      `test/adapters/{redis,lmdb,rate-limiter-flexible,smtp-server}/*.test.ts`,
      'test/real/{redis-contract,redis-faults,smtp}.test.ts',
      'test/package/oldest-peers.ts',
    ],
    globalSetup: ['.config/oldest-peers.mjs'],
    // For child processes of tests: see typescript-hooks.mjs.
    env: { POSTERN_OLDEST_PEERS: '1' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
