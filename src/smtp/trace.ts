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
import { parseDomain } from '../net/index.ts';
import type { ConnectFacts, MailFacts } from './facts.ts';

/** One `method=result` with what it is about (RFC 8601 §2.2). Plain JSON. */
export interface AuthenticationResult {
  /** As registered: `spf`, `dkim`, `dmarc`, `arc`, `iprev`, `auth`. */
  readonly method: string;
  /** As registered for the method. */
  readonly result: string;
  readonly reason?: string | undefined;
  /** `['header.d', 'example.org']` */
  readonly properties?: readonly (readonly [string, string])[] | undefined;
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
      const ip = facts.client?.ip;
      // RFC 8601 §2.7.3 has no softfail: a confirmed name that looks made up is confirmed all the same.
      const words: { readonly [R in Result]?: string } = { softfail: 'pass', none: 'permerror', neutral: 'pass' };
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
  for (const [name, about] of properties) if (about !== '') words.push(`${name}=${value(about)}`);
  return words.join(' ');
}

/** A token, an address or a domain as it is; everything else as a quoted string of printable ASCII. */
function value(text: string): string {
  const short = text.length > MAX_VALUE ? text.slice(0, MAX_VALUE) : text;
  const plain = short.replace(/[^\x20-\x7e]/gu, '?');
  if (/^[\w!#$%&'*+^`{|}~.-]+$/.test(plain)) return plain;
  if (/^(?:[\w!#$%&'*+/^`{|}~-]+(?:\.[\w!#$%&'*+/^`{|}~-]+)*)?@[\w-]+(?:\.[\w-]+)*$/.test(plain)) return plain;
  return `"${plain.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * The places of the header fields that have to be removed before ours is added: Authentication-Results fields that bear
 * our own name, which only a forger or an earlier pass through us can have written (RFC 8601 §5).
 *
 * A field whose name of the service cannot be read is removed where ours occurs in it at all.
 *
 * @param fields the message's own fields in order, decoded or not; where both forms are there, both are looked at
 * @returns indices into `fields`, ascending
 */
export function strippedHeaders(
  fields: readonly { readonly name: string; readonly value: string; readonly raw?: string | undefined }[],
  authservId: string,
): number[] {
  const own = parseDomain(authservId) ?? authservId.toLowerCase();
  return fields.flatMap(({ name, value: text, raw }, at) =>
    name.trim().toLowerCase() === 'authentication-results' &&
    [text, raw].some((form) => form !== undefined && claims(form, own))
      ? [at]
      : [],
  );
}

/** Whether a field's text says that the service of this name has written it. */
export function claims(text: string, own: string): boolean {
  const id = servId(text);
  if (id === undefined) return text.toLowerCase().includes(own);
  return (parseDomain(id) ?? id.toLowerCase()) === own;
}

/** The service's name at the start of a field, comments skipped; undefined where there is none. */
function servId(text: string): string | undefined {
  let at = 0;
  let depth = 0;
  for (; at < text.length; at++) {
    const char = text[at]!;
    if (char === '\\' && depth > 0) at++;
    else if (char === '(') depth++;
    else if (char === ')' && depth > 0) depth--;
    else if (depth === 0 && !/\s/.test(char)) break;
  }
  if (text[at] !== '"') return /^[^\s;()"\\/=]+/.exec(text.slice(at, at + 1024))?.[0];
  let name = '';
  for (at++; at < text.length && text[at] !== '"'; at++) {
    if (text[at] === '\\') at++;
    name += text[at] ?? '';
  }
  return at < text.length && name !== '' ? name : undefined;
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
