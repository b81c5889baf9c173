/**
 * postern: a policy engine for mail servers. This entry point has the names that most policies need: the policy language, the
 * stages of SMTP and logins, and the protections. Everything else is in a subpath: `postern/core`, `postern/smtp`,
 * `postern/checks/…`, `postern/adapters/…`, and `postern/testing` for tests.
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
export { accessPolicy } from './access/index.ts';
export { connectionLimits } from './checks/connection-limits/index.ts';
export { dnsbl } from './checks/dnsbl/index.ts';
export { encryptedAuth } from './checks/encrypted-auth/index.ts';
export { ipBlocklist } from './checks/ip-blocklist/index.ts';
export { mxRedundancy } from './checks/mx-redundancy/index.ts';
export { relayControl } from './checks/relay-control/index.ts';
export { reverseDns, senderDomain } from './checks/reverse-dns/index.ts';
export { smtpAuth } from './checks/smtp-auth/index.ts';
export { spf } from './checks/spf/index.ts';
export { uribl } from './checks/uribl/index.ts';
export type { Check } from './core/index.ts';
export {
  defer,
  defineCheck,
  fail,
  flag,
  neutral,
  none,
  on,
  pass,
  permerror,
  permit,
  proceed,
  quarantine,
  reject,
  score,
  shadow,
  softfail,
  tag,
  temperror,
  together,
  unless,
  when,
  within,
} from './core/index.ts';
export type { Env } from './env/index.ts';
export type { ConnectFacts, MailFacts, RcptFacts } from './smtp/index.ts';
export { authenticated, smtpPolicy, toPostmaster } from './smtp/index.ts';
