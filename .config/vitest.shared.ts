import { fileURLToPath } from 'node:url';
import type { ViteUserConfig } from 'vitest/config';

export const root: string = fileURLToPath(new URL('..', import.meta.url));

const source = (path: string): string => `${root}src/${path}`;

/** `postern/...` means the sources in tests, so that a test reads as a user's code does. */
export const alias: { find: RegExp; replacement: string }[] = [
  { find: /^postern$/, replacement: source('index.ts') },
  { find: /^postern\/(core|net|env|dns|message|smtp|access|testing|audit)$/, replacement: source('$1/index.ts') },
  { find: /^postern\/checks\/([\w-]+)$/, replacement: source('checks/$1/index.ts') },
  { find: /^postern\/smtp-session$/, replacement: source('session/index.ts') },
  { find: /^postern\/adapters\/([\w-]+)$/, replacement: source('adapters/$1/index.ts') },
  { find: /^postern\/dns\/(node|doh)$/, replacement: source('adapters/dns-$1/index.ts') },
];

type TestConfig = NonNullable<ViteUserConfig['test']>;

/**
 * Where a run's result is kept besides being printed: in the folder that POSTERN_TEST_REPORTS names, if any. CI adds the
 * runs up from there.
 */
export function reporting(suite: string): Pick<TestConfig, 'reporters'> {
  const folder = process.env.POSTERN_TEST_REPORTS;
  if (folder === undefined || folder === '') return {};
  const outputFile = `${folder}/${suite}-node${process.versions.node.split('.')[0]}.json`;
  return { reporters: ['default', ['json', { outputFile }]] };
}
