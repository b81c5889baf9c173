/**
 * **Answers**: where do the lists of this site come from, and which of them is in force now?
 *
 * **Knows**: files, which it watches; URLs, which it asks again; whatever a program hands it as entries.
 *
 * A source always has one whole `PrefixSet` at hand (`current()`) and replaces it by another whole one: whoever took the
 * old one goes on with it. A list that cannot be had, is refused by its format, or has shrunk by more than half, changes
 * nothing: the old one stays in force, and the source says so. Lists are read in a worker, so that a million lines do not
 * keep the event loop waiting.
 *
 * **Limits**: Node only. A list is held in memory once as text while it is read; 256 MiB is the most that is read. Watching
 * needs a file system that tells of changes; where it does not, the file is looked at once a minute.
 *
 * @example
 * ```ts
 * import { fileList, urlList } from 'postern/adapters/list-sources';
 * import { ipBlocklist } from 'postern/checks/ip-blocklist';
 *
 * const local = fileList('/etc/mail/blocked', { format: 'plain' });
 * const drop = urlList('https://www.example.org/drop_v4.json', {
 *   format: 'spamhaus-drop-json',
 *   name: 'drop',
 *   snapshot: '/var/lib/mail/drop.pxs',
 *   onEvent: (event) => console.log(event.list, event.type, event.reason ?? `${event.size} prefixes`),
 * });
 * export const check = ipBlocklist({ block: [local, drop], allow: ['10.0.0.0/8'] });
 * ```
 *
 * @module
 */

export type { EntriesListOptions } from './entries-list.ts';
export { entriesList } from './entries-list.ts';
export type { FileListOptions } from './file-list.ts';
export { fileList } from './file-list.ts';
export type { ListEvent, ListSource, ListSourceOptions } from './list-source.ts';
export type { UrlListOptions } from './url-list.ts';
export { urlList } from './url-list.ts';
