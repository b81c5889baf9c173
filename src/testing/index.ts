/**
 * Everything a test of a policy needs: a DNS that is a literal, a clock that stands still.
 *
 * @module
 */
export * from './fixed-clock.ts';
export * from './zone.ts';
