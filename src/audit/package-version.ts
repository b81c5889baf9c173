import { readFileSync } from 'node:fs';

/**
 * Reads the version from package.json. The path is the same from `src` and from `dist`.
 *
 * @internal
 */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  return version;
}
