/**
 * Who the author of a message is.
 *
 * **Answers**: the domain in From, or why no single domain can be read from it.
 * **Standards**: RFC 5322 §3.6 (one From field) and §3.6.2; RFC 9989 §5.3.1 (one Author Domain).
 * **Limits**: what two readers may read differently has no author. A domain in a display name is not the author's.
 *
 * @module
 */
import { decodeWords } from '../../message/index.ts';
import { parseMailboxList } from '../../net/index.ts';
import type { Field } from './header.ts';

/** Either the domain of the author, or in fixed words why there is none. The sender caused it. */
export type Author = { readonly domain: string } | { readonly problem: string };

/** A longer From field is not read. */
const MAX_FROM = 16_384;

/**
 * What a careless reader takes for a From field: control characters and octets outside ASCII in the name, a bare CR as the
 * end of a line, a first line that begins with white space. The fold before the colon is the only one a name can have.
 */
const LIKE_FROM =
  /(?:^[ \t]*|[\r\n](?![ \t]))[^\x21-\x7e\r\n]*f[^\x21-\x7e\r\n]*r[^\x21-\x7e\r\n]*o[^\x21-\x7e\r\n]*m[^\x21-\x7e\r\n]*(?:\r\n[ \t][^\x21-\x7e\r\n]*)*:/gi;

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

/** Whether encoded words hold a character at which some readers cut the text off, behind an address. */
const hides = (value: string): boolean =>
  value.includes('=?') && /\0|@\S*[\r\n]/.test(decodeWords(value.replace(/\r\n/g, '')));
