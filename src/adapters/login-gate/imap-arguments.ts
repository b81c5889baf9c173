import type { Peer } from './peer.ts';

const CRLF = Buffer.from('\r\n');
/** What a name or a password may take as a literal. */
const MAX_ARGUMENT = 4_096;
/** What is read and forgotten behind one refused command. */
const MAX_SWALLOWED = 65_536;
const MAX_COMMAND = 8_192;

/** Name and password, as octets. */
export type Astrings = readonly [name: Buffer, password: Buffer];

/**
 * Reads the two arguments of LOGIN: atoms, quoted strings, or literals, which are asked for where the client waits for it
 * (RFC 9051 §4.3, RFC 7888).
 */
export async function readAstrings(client: Peer, first: string): Promise<Astrings | 'malformed' | 'closed'> {
  const found: Buffer[] = [];
  let text = first;
  for (;;) {
    const literal = /^\{(\d{1,9})(\+?)\}$/.exec(text);
    if (literal !== null) {
      const count = Number(literal[1]);
      // Octets that come unasked cannot be refused one by one, so the line of thought is lost.
      if (count > MAX_ARGUMENT)
        return literal[2] === '+' ? ((await client.skip(MAX_SWALLOWED)) ? 'malformed' : 'closed') : 'malformed';
      if (literal[2] === '' && !(await client.say('+ Ready for literal data'))) return 'closed';
      const octets = await client.octets(count);
      const rest = typeof octets === 'string' ? octets : await client.line(MAX_COMMAND);
      if (typeof octets === 'string' || typeof rest === 'string') return 'closed';
      found.push(Buffer.from(octets));
      text = rest.toString('latin1');
    } else {
      const quoted = /^"((?:[^"\\\r\n\0]|\\["\\])*)"/.exec(text);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: an atom holds no control characters
      const atom = quoted === null ? /^[^\x00-\x20(){%*"\\\x7f]+/.exec(text) : null;
      const whole = quoted?.[0] ?? atom?.[0];
      if (whole === undefined) return 'malformed';
      found.push(Buffer.from(quoted === null ? whole : (quoted[1] as string).replace(/\\(.)/g, '$1'), 'latin1'));
      text = text.slice(whole.length);
    }
    if (found.length === 2)
      return text === '' && !found.some((each) => each.includes(0)) ? (found as unknown as Astrings) : 'malformed';
    if (!text.startsWith(' ')) return 'malformed';
    text = text.slice(1);
  }
}

/**
 * Reads and forgets what belongs to a refused command: literals that come unasked, and the lines behind them. A literal that
 * waits to be asked for is not asked for, so nothing of it comes.
 *
 * @returns false where the client is gone, or sends too much
 */
export async function swallowLiterals(client: Peer, line: string): Promise<boolean> {
  let text = line;
  let swallowed = 0;
  for (;;) {
    const literal = /\{(\d{1,9})\+\}$/.exec(text);
    if (literal === null) return true;
    swallowed += Number(literal[1]);
    if (swallowed > MAX_SWALLOWED) {
      client.end('* BYE Too much');
      return false;
    }
    if (!(await client.skip(Number(literal[1])))) return false;
    const next = await client.line(MAX_COMMAND);
    if (typeof next === 'string') return false;
    text = next.toString('latin1');
  }
}

/** A string as a backend reads it: quoted where it can be, else a literal, after whose announcement it must be asked for. */
export function imapString(before: string, value: Buffer): { readonly text: Buffer; readonly endsLine: boolean }[] {
  const text = value.toString('latin1');
  if (/^[\x20-\x7e]*$/.test(text))
    return [{ text: Buffer.from(`${before}"${text.replace(/["\\]/g, '\\$&')}"`, 'latin1'), endsLine: false }];
  return [
    { text: Buffer.concat([Buffer.from(`${before}{${value.length}}`, 'latin1'), CRLF]), endsLine: true },
    { text: value, endsLine: false },
  ];
}
