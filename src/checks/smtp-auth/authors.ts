import type { Mailbox } from '../../net/index.ts';
import { parseMailboxList } from '../../net/index.ts';

/** More authors than this in one message are none. */
const MAX_AUTHORS = 100;
/** What is read of one field. */
const MAX_FIELD = 16_384;

/**
 * The addresses in all From fields. Encoded words are left as they are: what they decode to is display, never an address.
 *
 * @returns undefined where a field is there and cannot be read: half of it is not enough to trust it
 */
export function authorsOf(
  headers: readonly { readonly name: string; readonly value: string; readonly raw?: string }[],
): Mailbox[] | undefined {
  const authors: Mailbox[] = [];
  for (const { name, value, raw } of headers) {
    if (name.toLowerCase() !== 'from') continue;
    const field = raw ?? value;
    const found = field.length > MAX_FIELD ? undefined : parseMailboxList(field);
    if (found === undefined) return undefined;
    authors.push(...found);
    if (authors.length > MAX_AUTHORS) return undefined;
  }
  return authors;
}
