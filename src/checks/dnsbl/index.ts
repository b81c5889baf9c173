/**
 * DNS lists of addresses and names.
 *
 * **Answers**: is the client's address, or a name of the session, on this DNS list?
 * **Knows**: `dnsbl()`: the client's address. `nameList()`: the HELO name, the client's address for its PTR names, the sender's
 * domain, or what a function returns from the facts. **Asks**: `dns`, `clock`.
 * **Standards**: RFC 5782 (queries), RFC 6471 (operation of lists), RFC 5321 §3.1.
 *
 * | result | meaning | recommended |
 * | --- | --- | --- |
 * | `none` | not listed, or nothing to query | proceed |
 * | `fail` | on a block list | `flag(weight)`; without a weight `reject()` |
 * | `pass` | on an allow list | `flag(weight)`; without a weight `flag(-1)` |
 * | `temperror` | the list did not answer | proceed |
 * | `permerror` | the list answers with errors, or fails its own test entries | proceed |
 *
 * A list that cannot be trusted refuses no mail: an error code, an answer outside 127.0.0.0/8, and a list that lists 127.0.0.1
 * are `permerror`, whatever the codes of the list are.
 *
 * **Limits**: an allow list lowers the score; it never permits relaying. Clients with private and loopback addresses are not
 * queried. To exempt clients that have logged in, use `unless(authenticated, …)`.
 *
 * @example
 * ```ts
 * import { score, unless } from 'postern/core';
 * import { dnsbl, nameList } from 'postern/checks/dnsbl';
 * import { authenticated } from 'postern/smtp';
 *
 * export const lists = unless(
 *   authenticated,
 *   score(
 *     { rejectAt: 5 },
 *     dnsbl({ zone: 'zen.dnsbl.example', label: 'ZEN', weight: 4, url: 'https://lookup.example/?q={subject}' }),
 *     dnsbl({ zone: 'bl.example', label: 'BL', codes: { '127.0.0.2': 3, '127.0.0.10-11': 1 } }),
 *     dnsbl({ zone: 'good.example', label: 'Good', kind: 'allow', weight: -3 }),
 *     nameList({ zone: 'names.example', label: 'Names', of: 'helo', weight: 2 }),
 *   ),
 * );
 * ```
 *
 * @module
 */
export type { DnsblOptions } from './dnsbl.ts';
export { dnsbl } from './dnsbl.ts';
export type { ClientListOptions, DnsblDetail, DnsblResult } from './listing.ts';
export type { NameListOptions, NameSelector, NameSource } from './name-list.ts';
export { nameList } from './name-list.ts';
export type { PresetName } from './presets.ts';
export { presets } from './presets.ts';
