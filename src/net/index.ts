/**
 * Values as they appear on the wire: addresses, prefixes, domain names and mailboxes. Each is parsed once and printed one
 * way.
 *
 * @module
 */
export * from './domain.ts';
export * from './ip.ts';
/** @internal */
export { maskOf, scanAddress, scanned } from './ip-scan.ts';
export * from './mailbox.ts';
export { parseMailboxList } from './mailbox-list.ts';
export { prefixesOfRange } from './prefix-range.ts';
/** @internal */
export {
  BOTH_FAMILIES,
  canonicalForm,
  canonicalPrefix,
  clearHostBits,
  printScanned,
  scanPrefix,
  V6,
} from './prefix-scan.ts';
export * from './registrable.ts';
