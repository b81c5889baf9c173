/**
 * What checks ask of a resolver.
 *
 * @module
 */

export * from './cached.ts';
export * from './dnsxl.ts';
export * from './forward-confirm.ts';
export * from './list-health.ts';
export type { ListAnswer, ListEnv } from './list-question.ts';
export { askList } from './list-question.ts';
export * from './list-weight.ts';
export * from './list-zone.ts';
export * from './mail-hosts.ts';
export * from './public-resolvers.ts';
export * from './question-name.ts';
export * from './secret.ts';
export * from './stall.ts';
