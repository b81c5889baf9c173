/**
 * Values as they appear on the wire: addresses, prefixes, domain names and mailboxes. Each is parsed once and printed one
 * way.
 *
 * @module
 */
export * from './domain.ts';
export * from './ip.ts';
export * from './mailbox.ts';
export { parseMailboxList } from './mailbox-list.ts';
export { prefixesOfRange } from './prefix-range.ts';
export { canonicalPrefix } from './prefix-scan.ts';
export * from './registrable.ts';

// Only for the project: stripped from the published types.

/** @internal */
export { explainAddress } from './ip-explanation.ts';
/** @internal */
export { maskOf, scanAddress, scanned } from './ip-scan.ts';
/** @internal */
export { BOTH_FAMILIES, canonicalForm, clearHostBits, printScanned, scanPrefix, V6 } from './prefix-scan.ts';
