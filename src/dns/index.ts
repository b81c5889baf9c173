/**
 * What checks use of a resolver: DNS lists, confirmed reverse DNS, mail hosts, a cache, and each question asked once.
 *
 * @module
 */
export * from './cached.ts';
export type {
  CodeMeaning,
  CodeRule,
  ListCodes,
  ListedCode,
  ListReading,
  ListZone,
  ListZoneOptions,
  TestEntries,
} from './dns-list.ts';
export { listZone } from './dns-list.ts';
export * from './forward-confirm.ts';
export type { ListCheckOptions, ListKind, ListTrouble } from './list-check.ts';
export * from './list-health.ts';
export type { ListPreset } from './list-presets.ts';
export type { ListAnswer, ListEnv } from './list-query.ts';
export * from './mail-hosts.ts';
export * from './public-resolvers.ts';
export * from './questions.ts';
export * from './secret.ts';

// Only for the project: stripped from the published types.

/** @internal */
export { readAnswers, readListZone, withoutZone } from './dns-list.ts';
/** @internal */
export { type CheckedList, concludeAnswers, type ListConclusion, listingWeight, readListCheck } from './list-check.ts';
/** @internal */
export { spamhausDbl, spamhausDblKey, spamhausTerms } from './list-presets.ts';
/** @internal */
export { askList } from './list-query.ts';
/** @internal */
export * from './option-lists.ts';
/** @internal */
export * from './stall.ts';
