import type { Mailbox } from '../../net/index.ts';
import { parseMailbox } from '../../net/index.ts';

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
    const found = addressesIn(raw ?? value);
    if (found === undefined) return undefined;
    authors.push(...found);
    if (authors.length > MAX_AUTHORS) return undefined;
  }
  return authors;
}

/**
 * Reads a mailbox-list, groups included (RFC 5322 §3.4, RFC 6854), in one pass.
 *
 * @returns undefined for anything that is not plainly a list of addresses
 */
export function addressesIn(field: string): Mailbox[] | undefined {
  if (field.length > MAX_FIELD) return undefined;
  const found: Mailbox[] = [];
  /** Text of the entry outside angle brackets and comments; what is quoted keeps its quotes. */
  let text = '';
  let angle: string | undefined;
  let inGroup = false;

  const end = (): boolean => {
    const bare = text.trim();
    if (angle === undefined && bare === '') return true;
    const address = parseMailbox(angle === undefined ? bare.replace(/\s*([.@])\s*/g, '$1') : angle.trim());
    text = '';
    angle = undefined;
    if (address === undefined) return false;
    found.push(address);
    return true;
  };

  for (let i = 0; i < field.length; i++) {
    const c = field[i] as string;
    if (c === '"') {
      const close = endOfQuoted(field, i);
      if (close < 0 || angle !== undefined) return undefined;
      text += field.slice(i, close + 1);
      i = close;
    } else if (c === '(') {
      const close = endOfComment(field, i);
      if (close < 0) return undefined;
      text += ' ';
      i = close;
    } else if (c === '<') {
      if (angle !== undefined) return undefined;
      const close = endOfAngle(field, i);
      if (close < 0) return undefined;
      angle = field.slice(i + 1, close);
      i = close;
    } else if (c === '>' || c === ')') return undefined;
    else if (c === ':' && angle === undefined) {
      // The display name of a group; its members follow.
      if (inGroup) return undefined;
      inGroup = true;
      text = '';
    } else if (c === ',' || c === ';') {
      if (!end()) return undefined;
      if (c === ';') {
        if (!inGroup) return undefined;
        inGroup = false;
      }
    } else if (angle !== undefined && c.trim() !== '') return undefined;
    else text += c;
  }
  return end() && !inGroup ? found : undefined;
}

function endOfQuoted(field: string, from: number): number {
  for (let i = from + 1; i < field.length; i++) {
    if (field[i] === '\\') i++;
    else if (field[i] === '"') return i;
  }
  return -1;
}

function endOfComment(field: string, from: number): number {
  let depth = 0;
  for (let i = from; i < field.length; i++) {
    if (field[i] === '\\') i++;
    else if (field[i] === '(') depth++;
    else if (field[i] === ')' && --depth === 0) return i;
  }
  return -1;
}

/** The `>` that closes, not the one inside a quoted local part. */
function endOfAngle(field: string, from: number): number {
  for (let i = from + 1; i < field.length; i++) {
    if (field[i] === '"') {
      i = endOfQuoted(field, i);
      if (i < 0) return -1;
    } else if (field[i] === '>') return i;
    else if (field[i] === '<') return -1;
  }
  return -1;
}
