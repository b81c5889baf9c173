/**
 * postern: a policy engine for mail servers. This is its face: the language of policies, the vocabulary of SMTP and of
 * logins, and the ten protections. What belongs to one server, runtime or store has a subpath of its own under
 * `postern/adapters/…`, and what tests need is in `postern/testing`.
 *
 * @example
 * ```ts
 * import { ipBlocklist, relayControl, smtpPolicy } from 'postern';
 *
 * export const policy = smtpPolicy({
 *   relay: relayControl({ localDomains: ['example.com'] }),
 *   connect: [ipBlocklist({ block: ['192.0.2.0/24'] })],
 * });
 * ```
 *
 * @module
 */
export * from './access/index.ts';
export * from './checks/connection-limits/index.ts';
export * from './checks/dnsbl/index.ts';
export * from './checks/encrypted-auth/index.ts';
export * from './checks/ip-blocklist/index.ts';
export * from './checks/mx-redundancy/index.ts';
export * from './checks/relay-control/index.ts';
export * from './checks/reverse-dns/index.ts';
// Two keys of limits have these names too; they are in `postern/checks/connection-limits`.
export { recipientDomain, senderDomain } from './checks/reverse-dns/index.ts';
export * from './checks/smtp-auth/index.ts';
export * from './checks/spf/index.ts';
export * from './checks/uribl/index.ts';
export * from './core/index.ts';
export type * from './env/index.ts';
export * from './net/index.ts';
export * from './smtp/index.ts';
