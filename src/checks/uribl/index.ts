/**
 * **Answers**: what does a URI list (SURBL, URIBL, DBL …) say about the links in this message?
 *
 * **Knows**: the message's links, as `postern/message` reads them: out of text and HTML, whatever their encoding, and out of
 * wrapped links; other names where `also` gives them. **Asks**: `dns` once for each name, all at the same time; `clock`.
 *
 * **Standards**: RFC 5782 §2 and §3 (names), §5 (test entries).
 *
 * | what is so | result |
 * | --- | --- |
 * | no name is listed | `none` |
 * | a name is listed | `fail` |
 * | the list did not answer | `temperror` |
 * | the list answers with an error code, or is no list | `permerror`: never a listing |
 *
 * **Limits**: at most `most` names are asked about, the first and the last ones. `detail.unasked` lists the names that were
 * left out, and why. It follows no redirect and resolves no host.
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
export type { UriListPreset, UriPresetName } from './presets.ts';
export { uriPresets } from './presets.ts';
export type { AlsoNames, UriblDetail, UriblFacts, UriblListing, UriblOptions, UriblResult } from './uribl.ts';
export { uribl } from './uribl.ts';
