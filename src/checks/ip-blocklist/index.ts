/**
 * **Answers**: has this site decided about this address?
 *
 * **Knows**: the client's address.
 * **Asks**: the clock, for entries that end; the bans in force, where the environment has any.
 *
 * **Standards**: RFC 4632 (the longest prefix wins), RFC 6052 and RFC 3056 (addresses that carry another), RFC 5321 §3.1
 * (a server that wants no session says 554).
 *
 * The longest prefix decides; at equal length, allow beats block. A ban gives way to any allowance. An IPv6 address that
 * only carries an IPv4 one (NAT64, 6to4) is blocked where the carried one is, and never allowed because of it.
 *
 * A list is replaced as a whole, and read once for each examination. The check is examined when the connection opens
 * (`ahead`), at whatever stage its rule stands: so a session keeps the lists it began with.
 *
 * **Limits**: it believes `client.ip`. A list of bogons holds 10.0.0.0/8 and 127.0.0.0/8, where one's own relays are:
 * allow them. A user who logs in from a listed network is refused before he can say who he is, unless the rule stands at
 * MAIL or RCPT, behind `unless(authenticated, …)`. A list that could not be loaded is `temperror`, and one that another
 * list makes up for is not missed.
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
