/**
 * Writes one Authentication-Results field from what checks prove, and finds the fields of a message that claim to be ours.
 *
 * **Answers**: how is the field written (RFC 8601 §2.2), and which fields claim to be written by us (§5)?
 * **Knows**: the `authentication` of findings, as plain data. **Asks**: nothing.
 * **Standards**: RFC 8601; RFC 7208 §9; RFC 5322 §2.1.1 and §2.2.3 (lines).
 * **Limits**: `withoutOwnResults` removes such fields from a stream; `strippedHeaders` finds them among parsed fields.
 *
 * @example
 * ```ts
 * import { authenticationResults, printField } from 'postern/smtp';
 *
 * const spf = { method: 'spf', result: 'pass', properties: [['smtp.mailfrom', 'example.org']] } as const;
 * printField(authenticationResults('mx.example.com', [{ authentication: [spf] }]));
 * // 'Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=example.org\r\n'
 * ```
 *
 * @module
 */
import type { AuthenticationResult, HeaderField } from '../core/index.ts';
import { wrongOption } from '../core/index.ts';
import { decodeWords } from '../message/index.ts';
import { parseDomain } from '../net/index.ts';
import type { MailFacts } from './facts.ts';

/** Something that may prove a message's origin: a finding, or a `MessageAuthentication`. */
export interface Proof {
  readonly authentication?: readonly AuthenticationResult[];
}

/** Longest value of a result. The sender chooses it, and must not control the size of our field. */
const MAX_VALUE = 255;
/** Most results in a field. RFC 8601 has no limit; a thousand signatures must not make a header of a megabyte. */
const MAX_RESULTS = 50;

/**
 * Makes one Authentication-Results field, on one line; `printField` folds it. A result that occurs twice is written once.
 *
 * @param authservId the name of this service: a host name, the same on all its hosts
 * @param proofs findings and authentications; those without `authentication` add nothing
 * @param facts `auth` adds the login of the client
 * @throws {TypeError} if `authservId` is not a host name
 */
export function authenticationResults(
  authservId: string,
  proofs: Iterable<Proof>,
  facts: Partial<Pick<MailFacts, 'auth'>> = {},
): HeaderField {
  const id = parseDomain(authservId);
  if (id === undefined)
    throw wrongOption('authenticationResults', 'authservId', 'a host name such as "mx.example.org"', authservId);
  const results = new Set<string>();
  const add = (result: AuthenticationResult): void => {
    if (results.size < MAX_RESULTS && isWritable(result)) results.add(write(result));
  };
  if (facts.auth) add({ method: 'auth', result: 'pass', properties: [['smtp.auth', facts.auth.identity]] });
  for (const { authentication = [] } of proofs) authentication.forEach(add);
  return { name: 'Authentication-Results', value: [id, ...(results.size > 0 ? results : ['none'])].join('; ') };
}

/** Whether the words of a result can stand in a field. Findings may come from JSON or from checks of the host. */
const isWritable = ({ method, result, properties = [] }: AuthenticationResult): boolean =>
  isKeyword(method) &&
  isKeyword(result) &&
  properties.every(([name, value]) => /^[A-Za-z][\w-]*\.[A-Za-z][\w-]*$/.test(name) && typeof value === 'string');

const isKeyword = (word: string): boolean => /^[A-Za-z](?:[\w-]*[A-Za-z0-9])?$/.test(word);

function write({ method, result, reason, properties = [] }: AuthenticationResult): string {
  const words = [`${method}=${result}`];
  if (reason !== undefined && reason !== '') words.push(`reason=${value(reason)}`);
  for (const [name, about] of properties) if (about !== '') words.push(`${name}=${propertyValue(about)}`);
  return words.join(' ');
}

/** Shortens before quoting, so that no quote is lost, and keeps printable ASCII only. */
const plain = (text: string): string => text.slice(0, MAX_VALUE).replace(/[^\x20-\x7e]/gu, '?');

/** Writes `value` of RFC 8601 §2.2: a token (RFC 2045 §5.1) unchanged, everything else as a quoted string. */
function value(text: string): string {
  const short = plain(text);
  return /^[\w!#$%&'*+^`{|}~.-]+$/.test(short) ? short : `"${short.replace(/["\\]/g, '\\$&')}"`;
}

/** Writes `pvalue` of RFC 8601 §2.2: also an address, or a domain after `@`, unchanged. */
function propertyValue(text: string): string {
  const address =
    /^(?:[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*)?@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/i;
  const short = plain(text);
  return address.test(short) ? short : value(short);
}

/**
 * Finds the header fields to remove before ours is added: Authentication-Results fields with our own name, which only a
 * forger or an earlier pass through this service can have written (RFC 8601 §5), and those whose name cannot be parsed.
 *
 * @param fields the message's fields in order, decoded, raw or both; if both forms are present, both are examined
 * @returns indices into `fields`, ascending
 */
export function strippedHeaders(
  fields: readonly { readonly name: string; readonly value: string; readonly raw?: string }[],
  authservId: string,
): number[] {
  const own = parseDomain(authservId) ?? authservId.toLowerCase();
  return fields.flatMap(({ name, value: text, raw }, at) =>
    name.replace(/[^!-~]/g, '').toLowerCase() === 'authentication-results' &&
    [text, raw].some((form) => form !== undefined && claims(form, own))
      ? [at]
      : [],
  );
}

/** Characters of a field that are searched for the name of the service. */
const MAX_HEAD = 65_536;
/** Longest name of a service. */
const MAX_ID = 1_024;
/** Control characters, white space, and non-ASCII characters. */
const UNSEEN = /[^!-~]/g;

/**
 * Whether any parser could attribute the field to the service with this name. Parsers differ about comments and quotes inside
 * the name, about invisible characters, and about encoded words.
 */
export function claims(text: string, own: string): boolean {
  const seen = text.slice(0, MAX_HEAD);
  return [seen, decodeWords(seen)].some((form) => {
    const head = headOf(form)?.normalize('NFKC');
    const id = head?.trim().split(/[\s=]/, 1)[0] ?? '';
    if (head === undefined || id === '' || id.length > MAX_ID) return true;
    // To a parser that ignores quotes, a comment inside quotes is a comment.
    const bare = head
      .replace(UNSEEN, '')
      .replace(/\([^()]*\)/g, '')
      .toLowerCase();
    return parseDomain(id) === own || names(id.replace(UNSEEN, '').toLowerCase(), own) || beginsWith(bare, own);
  });
}

/** Returns the text up to the first semicolon, without quotes and comments; undefined if a quote or comment does not end. */
function headOf(text: string): string | undefined {
  let head = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '\\') {
      at++;
      if (depth === 0) head += text[at] ?? '';
    } else if (depth > 0) {
      if (char === '(') depth++;
      else if (char === ')' && --depth === 0) head += ' ';
    } else if (char === '"') quoted = !quoted;
    else if (quoted) head += char;
    else if (char === ';') return head;
    else if (char === '(') depth++;
    else head += char;
  }
  return depth === 0 && !quoted ? head : undefined;
}

/** Whether the word contains the name, and not as part of a longer name. */
function names(word: string, own: string): boolean {
  for (let at = word.indexOf(own); at >= 0; at = word.indexOf(own, at + 1)) {
    if (!/[\w.-]/.test(word.charAt(at - 1)) && ends(word, at + own.length)) return true;
  }
  return false;
}

/** Whether a name ends here. */
const ends = (word: string, at: number): boolean => !/^(?:[\w-]|\.\w)/.test(word.slice(at, at + 2));

/** Whether the text begins with the name, perhaps followed by a version (RFC 8601 §2.2). */
function beginsWith(text: string, own: string): boolean {
  const begin = text.replace(/^[^a-z0-9]+/, '');
  return begin.startsWith(own) && (ends(begin, own.length) || /^\d+(?:[^\w.-]|$)/.test(begin.slice(own.length)));
}

/** Recommended line length (RFC 5322 §2.1.1). */
const LINE = 78;

/** Prints the field as it appears in a message: folded at spaces, with CR LF at the end. */
export function printField({ name, value: text }: HeaderField): string {
  const lines: string[] = [];
  let line = `${name}:`;
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > LINE && line !== `${name}:` && line.trim() !== '') {
      lines.push(line);
      line = '';
    }
    line += ` ${word}`;
  }
  return `${[...lines, line].join('\r\n')}\r\n`;
}
