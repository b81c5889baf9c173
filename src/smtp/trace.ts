/**
 * What a message carries on of its examination: one Authentication-Results field, made of all findings.
 *
 * **Answers**: how is it written (RFC 8601 §2.2), and which fields of a message claim to be written by us (§5)?
 * **Knows**: findings, as plain data. **Asks**: nothing.
 * **Standards**: RFC 8601; RFC 7208 §9; RFC 5322 §2.1.1 and §2.2.3 (lines).
 * **Limits**: it knows the findings of the library by their names, and of others what their detail lists under
 * `authentication`. `withoutOwnResults` removes them from a stream; of fields that are already read, `strippedHeaders` says
 * which they are.
 *
 * @example
 * ```ts
 * import { authenticationResults, printField } from 'postern/smtp';
 *
 * const spf = { check: 'spf', result: 'pass', detail: { identity: 'mailfrom', domain: 'example.org' } } as const;
 * printField(authenticationResults('mx.example.com', [spf]));
 * // 'Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=example.org\r\n'
 * ```
 *
 * @module
 */
import type { Finding, HeaderField, Result } from '../core/index.ts';
import { decodeWords } from '../message/index.ts';
import { parseDomain } from '../net/index.ts';
import type { ConnectFacts, MailFacts } from './facts.ts';

/** One `method=result` with what it is about (RFC 8601 §2.2). Plain JSON. */
export interface AuthenticationResult {
  /** As registered: `spf`, `dkim`, `dmarc`, `arc`, `iprev`, `auth`. */
  readonly method: string;
  /** As registered for the method. */
  readonly result: string;
  readonly reason?: string;
  /** `['header.d', 'example.org']` */
  readonly properties?: readonly (readonly [string, string])[];
}

/** The facts that a result is about, where the finding does not say it. */
export type TraceFacts = Partial<Pick<ConnectFacts, 'client'> & Pick<MailFacts, 'auth' | 'reversePath'>>;

/** Longer values are cut: a field of a stranger's making must not grow ours. */
const MAX_VALUE = 255;
/** RFC 8601 has no limit; a message with a thousand signatures must not make a header of a megabyte. */
const MAX_RESULTS = 50;

/**
 * One Authentication-Results field for all findings, on one line; `printField` folds it.
 *
 * @param authservId the name under which this service writes: a host name, the same on every host of the service
 * @throws TypeError where `authservId` is not a host name
 */
export function authenticationResults(
  authservId: string,
  findings: Iterable<Finding>,
  facts: TraceFacts = {},
): HeaderField {
  const id = parseDomain(authservId);
  if (id === undefined)
    throw new TypeError(
      `authenticationResults: authservId ${JSON.stringify(authservId)} is not a host name; give it like "mx.example.org"`,
    );
  const results: string[] = [];
  const all = [
    ...(facts.auth ? [authOf(facts.auth)] : []),
    ...[...findings].flatMap((found) => resultsOf(found, facts)),
  ];
  for (const result of all) {
    const text = write(result);
    if (results.length < MAX_RESULTS && !results.includes(text)) results.push(text);
  }
  return { name: 'Authentication-Results', value: [id, ...(results.length > 0 ? results : ['none'])].join('; ') };
}

const authOf = ({ identity }: { readonly identity: string }): AuthenticationResult => ({
  method: 'auth',
  result: 'pass',
  properties: [['smtp.auth', identity]],
});

interface Detail {
  readonly authentication?: unknown;
  readonly identity?: unknown;
  readonly domain?: unknown;
}

/** The results that a finding stands for; none where it is not about authentication. */
function resultsOf(finding: Finding, facts: TraceFacts): AuthenticationResult[] {
  const detail: Detail = typeof finding.detail === 'object' && finding.detail !== null ? finding.detail : {};
  if (Array.isArray(detail.authentication)) return detail.authentication.filter(isResult);
  switch (finding.check) {
    case 'spf': {
      const domain = typeof detail.domain === 'string' ? detail.domain : undefined;
      const ptype = detail.identity === 'helo' ? 'smtp.helo' : 'smtp.mailfrom';
      return [
        { method: 'spf', result: finding.result, ...(domain === undefined ? {} : { properties: [[ptype, domain]] }) },
      ];
    }
    case 'reverse-dns': {
      // Nobody has looked the address up.
      if (finding.result === 'none') return [];
      const ip = facts.client?.ip;
      // RFC 8601 §2.7.3 has no softfail: a confirmed name that looks generic is confirmed all the same.
      const words: { readonly [R in Result]?: string } = { softfail: 'pass', neutral: 'pass' };
      const result = words[finding.result] ?? finding.result;
      return [{ method: 'iprev', result, ...(ip === undefined ? {} : { properties: [['policy.iprev', ip]] }) }];
    }
    default:
      return [];
  }
}

function isResult(value: unknown): value is AuthenticationResult {
  const { method, result, properties = [] } = (value ?? {}) as Partial<AuthenticationResult>;
  return (
    isKeyword(method) &&
    isKeyword(result) &&
    Array.isArray(properties) &&
    properties.every(
      (one) =>
        Array.isArray(one) && /^[A-Za-z][\w-]*\.[A-Za-z][\w-]*$/.test(String(one[0])) && typeof one[1] === 'string',
    )
  );
}

const isKeyword = (word: unknown): word is string =>
  typeof word === 'string' && /^[A-Za-z](?:[\w-]*[A-Za-z0-9])?$/.test(word);

function write({ method, result, reason, properties = [] }: AuthenticationResult): string {
  const words = [`${method}=${result}`];
  if (reason !== undefined && reason !== '') words.push(`reason=${value(reason)}`);
  for (const [name, about] of properties) if (about !== '') words.push(`${name}=${propertyValue(about)}`);
  return words.join(' ');
}

/** Cut before it is quoted, so that no quote is lost; printable ASCII. */
const plain = (text: string): string => text.slice(0, MAX_VALUE).replace(/[^\x20-\x7e]/gu, '?');

/** RFC 8601 §2.2 `value`: a token of RFC 2045 §5.1 as it is, everything else as a quoted string. */
function value(text: string): string {
  const short = plain(text);
  return /^[\w!#$%&'*+^`{|}~.-]+$/.test(short) ? short : `"${short.replace(/["\\]/g, '\\$&')}"`;
}

/** RFC 8601 §2.2 `pvalue`: also an address, or a domain behind `@`, as it is. */
function propertyValue(text: string): string {
  const address =
    /^(?:[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*)?@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/i;
  const short = plain(text);
  return address.test(short) ? short : value(short);
}

/**
 * The places of the header fields that have to be removed before ours is added: Authentication-Results fields that bear
 * our own name, which only a forger or an earlier pass through us can have written (RFC 8601 §5), and those whose writer
 * cannot be read.
 *
 * @param fields the message's own fields in order, decoded or not; if both forms are there, both are looked at
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

/** Of the text of a field, so much is looked at for the name of the service. */
const MAX_HEAD = 65_536;
/** A longer name of a service is not one. */
const MAX_ID = 1_024;
/** Control characters, white space, and what is not ASCII. */
const UNSEEN = /[^!-~]/g;

/**
 * Whether some reader can take the field's text for one that the service of this name has written. Readers differ about
 * comments and quotes inside the name, about characters that cannot be seen, and about encoded words.
 */
export function claims(text: string, own: string): boolean {
  const seen = text.slice(0, MAX_HEAD);
  return [seen, decodeWords(seen)].some((form) => {
    const head = headOf(form)?.normalize('NFKC');
    const id = head?.trim().split(/[\s=]/, 1)[0] ?? '';
    if (head === undefined || id === '' || id.length > MAX_ID) return true;
    // What looks like a comment inside quotes is one to a reader who does not know quotes.
    const bare = head
      .replace(UNSEEN, '')
      .replace(/\([^()]*\)/g, '')
      .toLowerCase();
    return parseDomain(id) === own || names(id.replace(UNSEEN, '').toLowerCase(), own) || beginsWith(bare, own);
  });
}

/** Up to the first semicolon, a space for each comment, quotes and backslashes taken off; undefined if one does not end. */
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

/** Whether the name stands in the word, with no letter of a longer name before or behind it. */
function names(word: string, own: string): boolean {
  for (let at = word.indexOf(own); at >= 0; at = word.indexOf(own, at + 1)) {
    if (!/[\w.-]/.test(word.charAt(at - 1)) && ends(word, at + own.length)) return true;
  }
  return false;
}

/** Whether no longer name goes on here. */
const ends = (word: string, at: number): boolean => !/^(?:[\w-]|\.\w)/.test(word.slice(at, at + 2));

/** Whether the text begins with the name, perhaps with a version behind it (RFC 8601 §2.2). */
function beginsWith(text: string, own: string): boolean {
  const begin = text.replace(/^[^a-z0-9]+/, '');
  return begin.startsWith(own) && (ends(begin, own.length) || /^\d+(?:[^\w.-]|$)/.test(begin.slice(own.length)));
}

/** RFC 5322 §2.1.1: what a line should not exceed. */
const LINE = 78;

/** The field as it stands in a message: folded at spaces, with CR LF at the end. */
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
