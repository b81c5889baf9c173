/**
 * Sets of prefixes: built from lists, searched by address, kept as bytes, and overlaid with entries that change.
 *
 * @module
 */

export type { PrefixNote } from './notes.ts';
export type { OverlayEntry, PrefixOverlayOptions } from './overlay.ts';
export { PrefixOverlay } from './overlay.ts';
export type { PrefixEntry, PrefixFault, PrefixInput, PrefixSetOptions, PrefixSource } from './set.ts';
export { PrefixSet, PrefixSetBuilder } from './set.ts';
