/**
 * Reads the value of an address field such as From.
 *
 * **Answers**: which mailboxes does it name, and is that the only reading of it?
 * **Standards**: RFC 5322 §3.4 and §4.4, RFC 6854 (groups), RFC 6532 (UTF-8), RFC 2047 §5 (no encoded words in an address).
 * **Limits**: obsolete forms are read if every reader finds the same domain in them: source routes, dots anywhere in a local
 * part, empty list elements. White space or a comment inside a domain is refused. Three forms that the grammar does not allow
 * are also read, because real senders use them: square brackets in a display name, a display name without quotes around its
 * comma (`Doe, John <john@example.org>`), and a display name that repeats the address (`info@example.org
 * <info@example.org>`).
 *
 * @module
 */
import { parseDomain } from './domain.ts';
import { parseAddressLiteral, printAddressLiteral } from './ip.ts';
import type { AddressLiteral, Mailbox } from './mailbox.ts';

interface Token {
  readonly kind: 'atom' | 'quoted' | 'literal' | 'special';
  /** As written; a quoted string without its quotes. */
  readonly text: string;
  /** Whether white space or a comment precedes it. */
  readonly gap: boolean;
}

/**
 * Reads a list of mailboxes, including groups. The text is the value of the field; it may be folded. Encoded words are not
 * decoded: an address cannot contain them.
 *
 * @returns undefined if the text is not a list of mailboxes, or if readers may disagree about the domains in it
 *
 * @example
 * ```ts
 * import { parseMailboxList } from 'postern/net';
 *
 * parseMailboxList('"Doe, Jane" <jane@example.org>, bob@example.net'); // two mailboxes
 * parseMailboxList('<jane@example.org> <bob@example.net>');            // undefined
 * ```
 */
export function parseMailboxList(field: string): Mailbox[] | undefined {
  const tokens = tokensOf(field.replace(/\r?\n(?=[ \t])/g, ''));
  if (tokens === undefined) return undefined;
  const found: Mailbox[] = [];
  let inGroup = false;
  /** A mailbox in angle brackets or a group has ended. Only a separator may follow. */
  let closed = false;
  for (let at = 0; at < tokens.length; ) {
    const start = at;
    while (at < tokens.length && !isOneOf(tokens[at], '<,;:')) at++;
    const words = tokens.slice(start, at);
    const stop = tokens[at++]?.text;
    if (closed && (words.length > 0 || stop === '<' || stop === ':')) return undefined;
    if (stop === '<') {
      const begin = at;
      while (at < tokens.length && !isOneOf(tokens[at], '>')) at++;
      const mailbox = at === tokens.length ? undefined : mailboxOf(withoutRoute(tokens.slice(begin, at)));
      if (mailbox === undefined || !names(words, mailbox)) return undefined;
      found.push(mailbox);
      closed = true;
      at++;
    } else if (stop === ':') {
      if (inGroup || words.length === 0 || !isPlainPhrase(words)) return undefined;
      inGroup = true;
    } else {
      if (words.some((token) => isOneOf(token, '@'))) {
        const mailbox = mailboxOf(words);
        if (mailbox === undefined) return undefined;
        found.push(mailbox);
      } else if (!isPlainPhrase(words)) return undefined;
      if (stop === ';' && !inGroup) return undefined;
      if (stop === ';') inGroup = false;
      closed = stop === ';';
    }
  }
  return inGroup ? undefined : found;
}

const isOneOf = (token: Token | undefined, specials: string): boolean =>
  token?.kind === 'special' && specials.includes(token.text);

/** Whether the words are a display name that no reader can take for an address. */
const isPlainPhrase = (words: readonly Token[]): boolean =>
  words.every(({ text }) => !text.includes('@') && text !== '>');

/** Whether the words can be the display name of the mailbox. */
function names(words: readonly Token[], mailbox: Mailbox): boolean {
  if (words.some((token) => isOneOf(token, '>'))) return false;
  if (!words.some((token) => isOneOf(token, '@'))) return true;
  const shown = mailboxOf(words);
  return shown?.domain === mailbox.domain && shown.localPart.toLowerCase() === mailbox.localPart.toLowerCase();
}

/** Removes an obsolete source route (RFC 5322 §4.4): `@hop,@hop:`. */
function withoutRoute(tokens: readonly Token[]): readonly Token[] {
  if (!isOneOf(tokens[0], '@')) return tokens;
  const colon = tokens.findIndex((token) => isOneOf(token, ':'));
  return tokens.slice(0, Math.max(0, colon)).some(({ kind, text }) => kind !== 'atom' && !'@.,'.includes(text))
    ? []
    : tokens.slice(colon + 1);
}

/** Reads exactly one addr-spec. */
function mailboxOf(words: readonly Token[]): Mailbox | undefined {
  const at = words.findIndex((token) => isOneOf(token, '@'));
  const localPart = localPartOf(words.slice(0, Math.max(0, at)));
  const domain = domainOf(words.slice(at + 1));
  return localPart === undefined || domain === undefined ? undefined : { localPart, domain };
}

function localPartOf(words: readonly Token[]): string | undefined {
  let local = '';
  let joins = true;
  for (const token of words) {
    const dot = isOneOf(token, '.');
    if (!dot && (!joins || !['atom', 'quoted'].includes(token.kind))) return undefined;
    if (token.kind === 'atom' && /[[\]]/.test(token.text)) return undefined;
    joins = dot;
    local += token.text;
  }
  return local === '' || /=\?[^?]*\?[bq]\?/i.test(local) ? undefined : local;
}

function domainOf([first, ...rest]: readonly Token[]): Mailbox['domain'] | undefined {
  if (first === undefined) return undefined;
  if (first.kind === 'literal') {
    const address = rest.length > 0 ? undefined : parseAddressLiteral(first.text);
    return address === undefined ? undefined : (printAddressLiteral(address) as AddressLiteral);
  }
  const whole = [first, ...rest].every((token) => token.kind === 'atom' || isOneOf(token, '.'));
  return whole && !rest.some(({ gap }) => gap)
    ? parseDomain([first, ...rest].map(({ text }) => text).join(''))
    : undefined;
}

/** @returns undefined for control characters, and for quotes or comments that do not end */
function tokensOf(text: string): Token[] | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: looks for control characters
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text)) return undefined;
  const tokens: Token[] = [];
  let gap = false;
  const add = (kind: Token['kind'], value: string): void => {
    tokens.push({ kind, text: value, gap });
    gap = false;
  };
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string;
    if (char === ' ' || char === '\t') {
      gap = true;
      at++;
    } else if (char === '(') {
      at = endOfComment(text, at);
      if (at < 0) return undefined;
      gap = true;
    } else if (char === '"') {
      const end = endOfQuoted(text, at);
      if (end < 0) return undefined;
      add('quoted', text.slice(at + 1, end - 1).replace(/\\(.)/gsu, '$1'));
      at = end;
    } else if (char === '[' && isOneOf(tokens.at(-1), '@')) {
      const end = text.indexOf(']', at);
      if (end < 0) return undefined;
      add('literal', text.slice(at, end + 1));
      at = end + 1;
    } else if ('<>@,;:.'.includes(char)) {
      add('special', char);
      at++;
    } else {
      let end = at;
      while (end < text.length && !' \t()"\\<>@,;:.'.includes(text[end] as string)) end++;
      // A backslash, or a closing bracket outside quotes and comments.
      if (end === at) return undefined;
      add('atom', text.slice(at, end));
      at = end;
    }
  }
  return tokens;
}

/** @returns the position after the comment that begins at `at`; -1 if it does not end */
function endOfComment(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '(') depth++;
    else if (text[i] === ')' && --depth === 0) return i + 1;
  }
  return -1;
}

/** @returns the position after the quoted string that begins at `at`; -1 if it does not end */
function endOfQuoted(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  return -1;
}
