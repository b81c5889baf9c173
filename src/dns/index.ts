/**
 * What checks ask of a resolver.
 *
 * @module
 */
export * from './question-name.ts';
