/**
 * Limits for clients: connections at once and per minute, by nested prefixes; messages, recipients, bytes, logins and
 * handshakes by any key; distinct recipients; commands and errors of a session. Clients that continue are delayed (tarpit) or
 * banned.
 *
 * **Answers**: does this client exceed a limit?
 *
 * **Knows**: the facts of its stage. Each key names the facts it needs, and does not compile without them.
 *
 * **Asks**: `env.counters`, which answer synchronously if they are in memory; `tarpit` also the clock; `banAfter` also
 * `env.bans`. `ip-blocklist` checks whether a client is banned, with the same bans.
 *
 * **Standards**: RFC 5321 §4.5.3.1.8 and .10 (recipients: at least 100, 452 for more), RFC 4954, RFC 3207; the generic
 * cell rate algorithm of ITU-T I.371. No standard defines the numbers: the defaults are those of servers in use.
 *
 * **Limits**: these limits are meant against abuse, not for shaping legitimate mail. A rate recovers evenly: one unit every
 * `periodMs / rate`, not all at a full minute. Two sessions that check with `when-accepted` at the same time may both pass
 * although only one unit was left.
 *
 * @example
 * ```ts
 * import { client, connectionLimits, login, messageLimit, perDay, perMinute, recipientLimit, recipientRate } from 'postern/checks/connection-limits';
 * import { relayControl } from 'postern/checks/relay-control';
 * import { authenticated, smtpPolicy } from 'postern/smtp';
 * import { unless, when } from 'postern/core';
 *
 * export const policy = smtpPolicy({
 *   relay: relayControl({ localDomains: ['example.com'] }),
 *   connect: [connectionLimits({ concurrent: 30, perMinute: 300, total: 2_000, exempt: ['192.0.2.0/24'] })],
 *   mail: [messageLimit()],
 *   rcpt: [
 *     recipientLimit(),
 *     unless(authenticated, recipientRate(client(), perMinute(600), { charge: 'when-accepted' })),
 *     when(authenticated, recipientRate(login, perDay(1_000, 200))),
 *   ],
 * });
 * ```
 *
 * @module
 */

export type { LimitEvidence, OnStoreDown } from './answers.ts';
export type { BanAfterOptions, BanRule, Offence } from './ban-feed.ts';
export { banAfter } from './ban-feed.ts';
export type { ConnectionLimitsOptions, TarpitOptions } from './connections.ts';
export { connectionLimits, tarpit } from './connections.ts';
export type { DistinctLimitOptions } from './distinct.ts';
export { distinctLimit, distinctRecipients, distinctSenders } from './distinct.ts';
export type { Prefixes } from './exemption.ts';
export type { CountedKey, KeyOf } from './keys.ts';
export {
  asn,
  both,
  client,
  everybody,
  keyOf,
  login,
  nullSender,
  recipient,
  recipientDomain,
  sender,
  senderDomain,
  session,
} from './keys.ts';
export type { PrefixClass } from './prefix-classes.ts';
export { prefixClasses } from './prefix-classes.ts';
export type { Counted, RateLimitOptions } from './rates.ts';
export {
  authRate,
  messageRate,
  octetRate,
  perDay,
  perHour,
  perMinute,
  rateLimit,
  recipientRate,
  startTlsRate,
} from './rates.ts';
export type { SessionLimitsOptions } from './session-limits.ts';
export { messageLimit, recipientLimit, sessionLimits } from './session-limits.ts';
