/**
 * Values as the wire writes them: addresses, prefixes, domain names and mailboxes, parsed once, printed one way.
 *
 * @module
 */
export * from './domain.ts';
export * from './ip.ts';
export * from './mailbox.ts';
export { parseMailboxList } from './mailbox-list.ts';
export type { OverlayEntry, PrefixOverlayOptions } from './prefix-overlay.ts';
export { PrefixOverlay } from './prefix-overlay.ts';
export { prefixesOfRange } from './prefix-range.ts';
export { canonicalPrefix } from './prefix-scan.ts';
export type { PrefixEntry, PrefixFault, PrefixInput, PrefixNote, PrefixSetOptions } from './prefix-set.ts';
export { PrefixSet, PrefixSetBuilder } from './prefix-set.ts';
export type { PrefixSource } from './prefix-source.ts';
export * from './registrable.ts';
