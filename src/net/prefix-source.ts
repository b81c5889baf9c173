import type { PrefixSet } from './prefix-set.ts';

/**
 * Where a list of prefixes comes from when it may change: a file, a URL, another process. It always has one whole set at
 * hand, and replaces it by another whole one.
 */
export interface PrefixSource {
  /** What the list is called in findings and logs. */
  readonly name?: string;
  /** The set in force now; undefined as long as none could be loaded. */
  current(): PrefixSet | undefined;
}
