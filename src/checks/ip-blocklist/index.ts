/**
 * Local block and allow lists of addresses.
 *
 * **Answers**: has this site blocked or allowed this address?
 * **Knows**: the client's address. **Asks**: the clock, for entries that expire; active bans, if the environment has any.
 * **Standards**: RFC 4632 (the longest prefix wins), RFC 6052 and RFC 3056 (embedded IPv4 addresses), RFC 5321 §3.1 (554
 * for a refused session).
 *
 * The longest prefix decides; at equal length, allow beats block. Any allow entry overrides a ban. An IPv6 address that
 * only embeds an IPv4 address (NAT64, 6to4) is blocked if the IPv4 address is, and never allowed because of it.
 *
 * A list is replaced as a whole. The check runs when the connection opens, whatever the stage of its rule, so later
 * changes to the lists do not affect the session.
 *
 * **Limits**: `client.ip` is trusted. Bogon lists contain 10.0.0.0/8 and 127.0.0.0/8. If your own relays are there, allow
 * them. A user on a listed network is refused before logging in, unless the rule is at MAIL or RCPT, inside
 * `unless(authenticated, …)`. A list that could not be loaded is `temperror`, unless another list decides.
 *
 * @example
 * ```ts
 * import { ipBlocklist } from 'postern/checks/ip-blocklist';
 * import { smtpPolicy } from 'postern/smtp';
 *
 * export const policy = smtpPolicy({
 *   relay: 'decided-by-the-server',
 *   connect: [
 *     ipBlocklist({
 *       allow: ['10.0.0.0/8', { prefix: '192.0.2.25', reason: 'partner' }],
 *       block: ['192.0.2.0/24', { prefix: '2001:db8::/32', reason: 'spam since May' }],
 *     }),
 *   ],
 * });
 * ```
 *
 * @module
 */
export type {
  AddressMatch,
  BlocklistDetail,
  BlocklistMatch,
  BlocklistResult,
  IpBlocklistOptions,
  ListInput,
} from './blocklist.ts';
export { ipBlocklist, matchAddress } from './blocklist.ts';
export type { ListFormat } from './lists/formats.ts';
export { listFormats } from './lists/formats.ts';
export type {
  ListProblem,
  ListReading,
  ListSummary,
  ListText,
  PrefixSetReading,
  ReadListOptions,
} from './lists/list-reader.ts';
export { readList, readPrefixSet, readPrefixSetStream } from './lists/list-reader.ts';
