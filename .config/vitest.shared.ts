import type { ViteUserConfig } from 'vitest/config';
import { root, subpaths } from './subpaths.mjs';

export { root };

/** `postern/...` means the sources in tests, so that a test reads as a user's code does. */
export const alias: { find: RegExp; replacement: string }[] = subpaths.map(({ name, source }) => ({
  find: new RegExp(`^${name}$`),
  replacement: root + source,
}));

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
