/**
 * Everything for a test of a policy: a DNS written as a literal, a clock that the test controls, facts and transcripts.
 *
 * @module
 */

export type { AddressForm } from './address-forms.ts';
export { relayForms } from './address-forms.ts';
export * from './bans-contract.ts';
export type { ContractCase } from './contract.ts';
export * from './counters-contract.ts';
export * from './facts.ts';
export * from './fixed-clock.ts';
export * from './proves-closed.ts';
export * from './quiet-env.ts';
export * from './reply-to.ts';
export * from './resolver-contract.ts';
export * from './transcript.ts';
export * from './zone.ts';
