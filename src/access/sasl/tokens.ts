import { decodeUtf8, encodeUtf8 } from './encoding.ts';
import type { Mechanism, SaslStep } from './exchange.ts';
import { malformed } from './exchange.ts';

/** Ctrl-A separates the fields of both mechanisms. */
const SEPARATOR = '\x01';
/** RFC 6750 §2.1: the characters of a bearer token. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
const MAX_FIELDS = 32;

/**
 * Reads an XOAUTH2 message: `user=` name and `auth=Bearer ` token, each ended by Ctrl-A, and a final Ctrl-A. No RFC defines
 * it; this follows the documentation of Google and Microsoft.
 */
export function parseXoauth2(message: Uint8Array): SaslStep {
  const fields = keyValues(message);
  if (typeof fields === 'string') return malformed(fields);
  const account = fields.get('user');
  const secret = bearer(fields.get('auth'));
  if (account === undefined || account === '' || secret === undefined) return malformed('no user or no bearer token');
  return { state: 'login', login: { mechanism: 'XOAUTH2', account, secret } };
}

/**
 * Reads an OAUTHBEARER message: a GS2 header with the name (`n,a=bob@example.com,`), then fields ended by Ctrl-A
 * (RFC 7628 §3.1, RFC 5801 §4). Without a name (`n,,`) the account is empty: the token identifies it.
 */
export function parseOauthBearer(message: Uint8Array): SaslStep {
  const text = decodeUtf8(message);
  if (text === undefined) return malformed('not UTF-8');
  const end = text.indexOf(SEPARATOR);
  const header = /^([ny]),(?:a=([^,\0]+))?,$/.exec(end < 0 ? text : text.slice(0, end));
  // `p=` requests a channel binding, which this mechanism does not support.
  if (header === null) return malformed('no GS2 header');
  const account = header[2] === undefined ? undefined : decodeSaslName(header[2]);
  if (header[2] !== undefined && account === undefined) return malformed('name is escaped incorrectly');
  const fields = keyValues(encodeUtf8(text.slice(end + 1)));
  if (typeof fields === 'string') return malformed(fields);
  const secret = bearer(fields.get('auth'));
  if (secret === undefined) return malformed('no bearer token');
  return { state: 'login', login: { mechanism: 'OAUTHBEARER', account: account ?? '', secret } };
}

/** RFC 5801 §4: `,` and `=` in a name are written `=2C` and `=3D`; any other `=` is an error. */
export function decodeSaslName(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text)) return undefined;
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function keyValues(message: Uint8Array): Map<string, string> | string {
  const text = decodeUtf8(message);
  if (text === undefined) return 'not UTF-8';
  if (!text.endsWith(SEPARATOR + SEPARATOR)) return 'the final separator is missing';
  const lines = text.slice(0, -2).split(SEPARATOR);
  if (lines.length > MAX_FIELDS) return 'too many fields';
  const fields = new Map<string, string>();
  for (const line of lines) {
    const field = /^([A-Za-z]+)=([\t\n\r -\u{10ffff}]*)$/u.exec(line);
    if (field === null) return 'a field without a name';
    const name = (field[1] as string).toLowerCase();
    // A lenient reader might use the second of two fields.
    if (fields.has(name)) return 'a field occurs twice';
    fields.set(name, field[2] as string);
  }
  return fields;
}

function bearer(field: string | undefined): string | undefined {
  const token = /^bearer +(.*)$/is.exec(field ?? '')?.[1]?.trim();
  return token !== undefined && TOKEN.test(token) ? token : undefined;
}

/** A token mechanism. A rejected token is reported in JSON, which the client answers with a dummy (RFC 7628 §3.2.2). */
export function tokenMechanism(parse: (message: Uint8Array) => SaslStep): Mechanism {
  let refused = false;
  return {
    receive(message) {
      if (refused) return { state: 'done' };
      return message === undefined ? { state: 'challenge', data: new Uint8Array(0) } : parse(message);
    },
    conclude(accepted) {
      if (accepted) return { state: 'done' };
      refused = true;
      return { state: 'challenge', data: encodeUtf8('{"status":"invalid_token"}') };
    },
  };
}
