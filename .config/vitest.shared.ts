import type { ViteUserConfig } from 'vitest/config';
import { root, subpaths } from './subpaths.mjs';

export { root };

/** Resolves `postern/...` to the sources, so that tests import it the way user code does. */
export const alias: { find: RegExp; replacement: string }[] = subpaths.map(({ name, source }) => ({
  find: new RegExp(`^${name}$`),
  replacement: root + source,
}));

type TestConfig = NonNullable<ViteUserConfig['test']>;

/**
 * Adds a JSON report in the folder named by POSTERN_TEST_REPORTS, if it is set. CI adds up the results of all runs from
 * these reports.
 */
export function reporting(suite: string): Pick<TestConfig, 'reporters'> {
  const folder = process.env.POSTERN_TEST_REPORTS;
  if (folder === undefined || folder === '') return {};
  const outputFile = `${folder}/${suite}-node${process.versions.node.split('.')[0]}.json`;
  return { reporters: ['default', ['json', { outputFile }]] };
}
