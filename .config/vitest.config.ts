import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/** `postern/...` means the sources in tests, so that a test reads as a user's code does. */
const source = (path: string): string => `${root}src/${path}`;

export default defineConfig({
  root,
  resolve: {
    alias: [
      { find: /^postern$/, replacement: source('index.ts') },
      { find: /^postern\/(core|net|env|dns|message|smtp|access|testing)$/, replacement: source('$1/index.ts') },
      { find: /^postern\/checks\/([\w-]+)$/, replacement: source('checks/$1/index.ts') },
      { find: /^postern\/smtp-session$/, replacement: source('adapters/smtp-session/index.ts') },
      { find: /^postern\/adapters\/([\w-]+)$/, replacement: source('adapters/$1/index.ts') },
      { find: /^postern\/dns\/(node|doh)$/, replacement: source('adapters/dns-$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/real/**', 'test/bench/**', 'node_modules/**'],
    testTimeout: 30_000,
    maxWorkers: 2,
  },
});
