/**
 * The author of a message.
 *
 * **Answers**: which domain is in From, or why is there not exactly one?
 * **Knows**: the header. **Asks**: nothing.
 * **Standards**: RFC 5322 §3.6 (one From field) and §3.6.2; RFC 9989 §5.3.1 (one Author Domain).
 * **Limits**: a From field that two mail clients may read differently has no author. A domain in a display name does not
 * count.
 *
 * @module
 */
import { decodeWords } from '../../message/index.ts';
import { parseMailboxList } from '../../net/index.ts';
import type { Field } from './header.ts';

/** The domain of the author, or a fixed text why there is none. The sender is at fault then. */
export type Author = { readonly domain: string } | { readonly problem: string };

/** Limit of a From field in characters. */
const MAX_FROM = 16_384;

/**
 * Matches what a lenient mail client takes for a From field: control characters and non-ASCII bytes in the name, a bare CR
 * as the end of a line, a first line that begins with white space. A name can be folded only before the colon.
 */
const LIKE_FROM =
  /(?:^[ \t]*|[\r\n](?![ \t]))[^\x21-\x7e\r\n]*f[^\x21-\x7e\r\n]*r[^\x21-\x7e\r\n]*o[^\x21-\x7e\r\n]*m[^\x21-\x7e\r\n]*(?:\r\n[ \t][^\x21-\x7e\r\n]*)*:/gi;

/** Returns the author of a message. */
export function authorOf(header: string, fields: readonly Field[]): Author {
  const found = fields.filter(({ key }) => key === 'from');
  const [from] = found;
  if (found.length > 1) return { problem: 'multiple From fields' };
  if ((header.match(LIKE_FROM)?.length ?? 0) !== found.length) return { problem: 'malformed From field' };
  if (from === undefined) return { problem: 'no From field' };
  if (from.line.length > MAX_FROM) return { problem: 'From field too long' };
  const text = from.line.toString();
  const value = text.slice(text.indexOf(':') + 1);
  const mailboxes = parseMailboxList(value);
  if (mailboxes === undefined || hides(value)) return { problem: 'malformed From field' };
  const domains = new Set<string>(mailboxes.map(({ domain }) => domain));
  const [domain] = domains;
  if (domain === undefined) return { problem: 'no author domain' };
  return domains.size > 1 ? { problem: 'multiple author domains' } : { domain };
}

/** Returns whether encoded words contain an address followed by a character at which some mail clients cut off the text. */
const hides = (value: string): boolean =>
  value.includes('=?') && /\0|@\S*[\r\n]/.test(decodeWords(value.replace(/\r\n/g, '')));
