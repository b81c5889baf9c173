export type { ConnectionLimitsOptions } from './connections.ts';
export { connectionLimits } from './connections.ts';
export type { LimitEvidence, OnStoreDown } from './evidence.ts';
export type { PrefixClass } from './prefix-classes.ts';
export { prefixClasses } from './prefix-classes.ts';
