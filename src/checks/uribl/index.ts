/**
 * DNS lists of domains in links (SURBL, URIBL, DBL).
 *
 * **Answers**: does this message contain a link to a host that is on this list?
 * **Knows**: the links of the message as `postern/message` reads them, from text and HTML in any encoding, and from wrapped
 * links; also the names that `also` returns. **Asks**: `dns` once for each name, in parallel; `clock`.
 * **Standards**: RFC 5782 §2 and §3 (names), §5 (test entries).
 *
 * | result | meaning | recommended |
 * | --- | --- | --- |
 * | `none` | no name is listed | proceed |
 * | `fail` | a name is listed | `flag(weight)`; without a weight `reject()` |
 * | `temperror` | the list did not answer | proceed |
 * | `permerror` | the list answered with an error code, or is not a list: never a listing | proceed |
 *
 * **Limits**: at most `most` names are queried, from the start and the end of the message. `detail.unasked` contains the names
 * that were not queried, and why. Redirects are not followed, and hosts are not resolved.
 *
 * @example
 * ```ts
 * import { flag, on } from 'postern/core';
 * import { uribl } from 'postern/checks/uribl';
 * import type { MailFacts } from 'postern/smtp';
 *
 * export const links = uribl({ zone: 'multi.uri.example', label: 'Multi', codes: { '&8': 'phishing', '&16': 'malware' } });
 * export const softly = on(uribl({ zone: 'new.uri.example', label: 'New' }), { fail: flag(2) });
 * export const sendersToo = uribl({
 *   zone: 'all.uri.example',
 *   label: 'All',
 *   also: ({ reversePath, helo }: MailFacts) => [reversePath?.domain, helo.domain],
 * });
 * ```
 *
 * @module
 */
export type { AddressQuestion, Candidate, Reduction, Selection, SelectionOptions, UnaskedName } from './names.ts';
export { selectNames } from './names.ts';
export type { UriPresetName } from './presets.ts';
export { uriPresets } from './presets.ts';
export type { AlsoNames, UriblDetail, UriblFacts, UriblListing, UriblOptions, UriblResult } from './uribl.ts';
export { uribl } from './uribl.ts';
