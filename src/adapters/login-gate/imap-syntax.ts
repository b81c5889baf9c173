import type { AccessCapabilities } from '../../access/index.ts';
import { capabilityWords } from '../../access/index.ts';
import type { Credentials } from './dialect.ts';
import type { Peer } from './peer.ts';

const CRLF = Buffer.from('\r\n');
/** Longest name or password in a literal, in bytes. */
const MAX_ARGUMENT = 4_096;
/** Most bytes that are read and discarded after one refused command. */
const MAX_SKIPPED = 65_536;
/** Longest command line; longer arguments come as literals. */
export const MAX_COMMAND = 8_192;
/** Longest line of a backend, and longest SASL response (RFC 4954 §4 requires 12,288 for SMTP). */
export const MAX_LINE = 65_536;
const MAX_LITERAL = 1_048_576;

/**
 * Reads the two arguments of LOGIN: atoms, quoted strings or literals (RFC 9051 §4.3, RFC 7888). A synchronizing literal is
 * requested from the client.
 */
export async function readAstrings(client: Peer, first: string): Promise<Credentials | 'malformed' | 'closed'> {
  const found: Buffer[] = [];
  let text = first;
  for (;;) {
    const literal = /^\{(\d{1,9})(\+?)\}$/.exec(text);
    if (literal !== null) {
      const count = Number(literal[1]);
      // A non-synchronizing literal arrives in any case, so it is read before the command is refused.
      if (count > MAX_ARGUMENT)
        return literal[2] === '+' ? ((await client.skip(MAX_SKIPPED)) ? 'malformed' : 'closed') : 'malformed';
      if (literal[2] === '' && !(await client.say('+ Ready for literal data'))) return 'closed';
      const octets = await client.octets(count);
      const rest = typeof octets === 'string' ? octets : await client.line(MAX_COMMAND);
      if (typeof octets === 'string' || typeof rest === 'string') return 'closed';
      found.push(Buffer.from(octets));
      text = rest.toString('latin1');
    } else {
      const quoted = /^"((?:[^"\\\r\n\0]|\\["\\])*)"/.exec(text);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: an atom contains no control characters
      const atom = quoted === null ? /^[^\x00-\x20(){%*"\\\x7f]+/.exec(text) : null;
      const whole = quoted?.[0] ?? atom?.[0];
      if (whole === undefined) return 'malformed';
      found.push(Buffer.from(quoted === null ? whole : (quoted[1] as string).replace(/\\(.)/g, '$1'), 'latin1'));
      text = text.slice(whole.length);
    }
    if (found.length === 2)
      return text === '' && !found.some((each) => each.includes(0)) ? (found as unknown as Credentials) : 'malformed';
    if (!text.startsWith(' ')) return 'malformed';
    text = text.slice(1);
  }
}

/**
 * Reads and discards what belongs to a refused command: non-synchronizing literals, and the lines after them. A synchronizing
 * literal is not requested, so nothing of it arrives.
 */
export async function skipLiterals(client: Peer, line: string): Promise<'skipped' | 'closed' | 'too-long'> {
  let text = line;
  let skipped = 0;
  for (;;) {
    const literal = /\{(\d{1,9})\+\}$/.exec(text);
    if (literal === null) return 'skipped';
    skipped += Number(literal[1]);
    if (skipped > MAX_SKIPPED) return 'too-long';
    if (!(await client.skip(Number(literal[1])))) return 'closed';
    const next = await client.line(MAX_COMMAND);
    if (typeof next === 'string') return 'closed';
    text = next.toString('latin1');
  }
}

/** Returns LOGIN in parts. The backend must request each part but the first, because it begins with a literal's content. */
export function loginParts(tag: string, credentials: Credentials): Buffer[] {
  const parts: Buffer[] = [];
  let line: Buffer = Buffer.from(`${tag} LOGIN`, 'latin1');
  for (const value of credentials) {
    const text = value.toString('latin1');
    if (/^[\x20-\x7e]*$/.test(text)) {
      line = Buffer.concat([line, Buffer.from(` "${text.replace(/["\\]/g, '\\$&')}"`, 'latin1')]);
    } else {
      parts.push(Buffer.concat([line, Buffer.from(` {${value.length}}\r\n`, 'latin1')]));
      line = value;
    }
  }
  parts.push(Buffer.concat([line, CRLF]));
  return parts;
}

interface Response {
  /** The first line. */
  readonly text: string;
  /** The whole response with its literals and line ends; only if it contains literals. */
  readonly raw?: Buffer;
}

/** Reads one response of the backend. Literals in it are not taken for lines (RFC 9051 §4.3). */
export async function readResponse(peer: Peer): Promise<Response | undefined> {
  const first = await peer.line(MAX_LINE);
  if (typeof first === 'string') return undefined;
  const text = first.toString('latin1');
  let literal = /\{(\d{1,9})\}$/.exec(text);
  if (literal === null || text.startsWith('+')) return { text };
  const parts: Buffer[] = [first, CRLF];
  let size = 0;
  while (literal !== null) {
    const count = Number(literal[1]);
    size += count;
    if (size > MAX_LITERAL) return undefined;
    const octets = await peer.octets(count);
    const next = typeof octets === 'string' ? octets : await peer.line(MAX_LINE);
    if (typeof octets === 'string' || typeof next === 'string') return undefined;
    parts.push(octets, next, CRLF);
    literal = /\{(\d{1,9})\}$/.exec(next.toString('latin1'));
  }
  return { text, raw: Buffer.concat(parts) };
}

const wordsOf = (text: string): string[] => text.split(' ').filter((word) => word !== '');

/** Returns the capabilities without those about TLS and logging in: the ones that remain after a login. */
export const imapCapabilitiesInside = (backend: readonly string[]): string[] =>
  backend.filter((word) => !/^(STARTTLS|LOGINDISABLED|AUTH=.*)$/i.test(word));

/** Returns the capabilities to advertise. Of the backend's mechanisms those remain that the policy allows. */
export function imapCapabilities(backend: readonly string[], can: AccessCapabilities): string[] {
  const offered = backend.filter((word) => /^AUTH=/i.test(word)).map((word) => word.slice(5).toUpperCase());
  const mechanisms = can.mechanisms.filter((mechanism) => offered.includes(mechanism));
  return [...imapCapabilitiesInside(backend), ...capabilityWords('imap', { ...can, mechanisms })];
}

/** Rewrites `* CAPABILITY …`, and `[CAPABILITY …]` at the start of a status response. Other text is left unchanged. */
export function rewriteImapLine(line: string, change: (words: readonly string[]) => string[]): string {
  const untagged = /^(\* CAPABILITY) (.*)$/i.exec(line);
  if (untagged !== null) return `${untagged[1]} ${change(wordsOf(untagged[2] as string)).join(' ')}`;
  const code = /^(\S+ (?:OK|NO|BAD|PREAUTH|BYE) \[CAPABILITY) ([^\]]*)(\].*)$/i.exec(line);
  return code === null ? line : `${code[1]} ${change(wordsOf(code[2] as string)).join(' ')}${code[3]}`;
}

/** Returns a greeting with these capabilities in place of all that it contains, in any letter case and position. */
export function imapGreeting(line: string, words: readonly string[]): string {
  const rest = line.replace(/^\* OK\s*/i, '').replace(/\[CAPABILITY\b[^\]]*\]?\s*/gi, '');
  return `* OK [CAPABILITY ${words.join(' ')}] ${rest}`;
}

/** Returns the capabilities that a line contains, if any. */
export function imapCapabilitiesIn(line: string): string[] | undefined {
  const found = /^\* CAPABILITY (.*)$/i.exec(line) ?? /^\S+ (?:OK|NO|BAD|PREAUTH) \[CAPABILITY ([^\]]*)\]/i.exec(line);
  return found === null ? undefined : wordsOf(found[1] as string);
}
