/**
 * Everything a test of a policy needs: a DNS that is a literal, a clock that stands still.
 *
 * @module
 */

export type { AddressForm } from './address-forms.ts';
export { relayForms } from './address-forms.ts';
export * from './bans-contract.ts';
export type { ContractCase } from './contract.ts';
export * from './counters-contract.ts';
export * from './fixed-clock.ts';
export * from './proves-closed.ts';
export * from './resolver-contract.ts';
export * from './zone.ts';
