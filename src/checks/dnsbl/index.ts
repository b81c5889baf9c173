/**
 * What DNS lists say about this client, or about a name it uses.
 *
 * **Answers**: is the client's address, or a name of the session, on this DNS list?
 * **Knows**: the client's address; for lists of names: the HELO name, the sender's domain, or what a selector takes from
 * the facts. **Asks**: `dns`, `clock`.
 * **Standards**: RFC 5782 (how lists are asked), RFC 6471 (how they should be run), RFC 5321 §3.1.
 *
 * | result | what is so | recommended |
 * | --- | --- | --- |
 * | `none` | not listed, or nothing to ask | proceed |
 * | `fail` | on a block list | `flag(weight)`; without a weight `reject()` |
 * | `pass` | on an allow list | `flag(weight)`; without a weight `flag(-1)` |
 * | `temperror` | the list did not answer | proceed |
 * | `permerror` | the list answers with errors, or fails its own test entries | proceed |
 *
 * A list that cannot be believed never refuses anybody: an error code, an answer that is none of a list's, and a list
 * that lists its own counter-example are `permerror`, in every list, whatever its codes.
 *
 * **Limits**: an allow list lowers the score; it never grants relaying. Clients with private and loopback addresses are
 * not asked about. Clients that have logged in are a policy's business: `unless(authenticated, …)`.
 *
 * @example
 * ```ts
 * import { score, unless } from 'postern/core';
 * import { dnsbl } from 'postern/checks/dnsbl';
 * import { authenticated } from 'postern/smtp';
 *
 * export const lists = unless(
 *   authenticated,
 *   score(
 *     { rejectAt: 5 },
 *     dnsbl({ zone: 'zen.dnsbl.example', label: 'ZEN', weight: 4, url: 'https://lookup.example/?q={subject}' }),
 *     dnsbl({ zone: 'bl.example', label: 'BL', codes: { '127.0.0.2': 3, '127.0.0.10-11': 1 } }),
 *     dnsbl({ zone: 'names.example', label: 'Names', of: 'helo', weight: 2 }),
 *     dnsbl({ zone: 'good.example', label: 'Good', kind: 'allow', weight: -3 }),
 *   ),
 * );
 * ```
 *
 * @module
 */
export type { DnsblDetail, DnsblOptions, DnsblResult, NameListOptions, NameSource } from './dnsbl.ts';
export { dnsbl } from './dnsbl.ts';
export type { ListPreset, PresetName } from './presets.ts';
export { presets } from './presets.ts';
