import { charsetDecoder, decodeOctets } from './charset.ts';
import { base64Text } from './escapes.ts';

/** A field of a header block: unfolded, not decoded. */
export interface RawField {
  readonly name: string;
  readonly raw: string;
}

export interface HeaderBlock {
  readonly fields: readonly RawField[];
  /** Lines that belong to no field. */
  readonly stray: string;
}

/** Parses a header block (RFC 5322 §2.2). Lines without a field name are stray and are read as text. */
export function parseHeader(block: string): HeaderBlock {
  const fields: { name: string; raw: string }[] = [];
  const stray: string[] = [];
  const folded: string[] = [];
  const finish = (): void => {
    const last = fields.at(-1);
    if (last !== undefined && folded.length > 0) last.raw = [last.raw, ...folded].join('').trim();
    folded.length = 0;
  };
  for (const line of block.split('\n')) {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (text === '') continue;
    const first = text.charCodeAt(0);
    if ((first === 32 || first === 9) && fields.length > 0) {
      folded.push(` ${text.trimStart()}`);
      continue;
    }
    finish();
    const colon = fieldNameEnd(text);
    if (colon > 0) fields.push({ name: text.slice(0, colon).trimEnd(), raw: text.slice(colon + 1).trim() });
    else if (!(fields.length === 0 && text.startsWith('From '))) stray.push(text);
  }
  finish();
  return { fields, stray: stray.join('\n') };
}

/** Returns the position of the colon after a field name; 0 if the line does not start a field. */
export function fieldNameEnd(line: string): number {
  for (let i = 0; i < line.length && i < 128; i++) {
    const c = line.charCodeAt(i);
    // `http://…` begins a text, not a field.
    if (c === 58) return line.startsWith('//', i + 1) ? 0 : i;
    if (c === 32 || c === 9) {
      // White space before the colon is obsolete, but taken (RFC 5322 §4.5).
      const rest = line.slice(i, i + 8).trimStart();
      return rest.startsWith(':') ? i + line.slice(i).indexOf(':') : 0;
    }
    if (c < 33 || c > 126) return 0;
  }
  return 0;
}

interface Word {
  readonly charset: string;
  readonly octets: string;
}

/** Decodes encoded words (RFC 2047). Words separated by white space are joined, even within a character. */
export function decodeWords(raw: string): string {
  if (!raw.includes('=?')) return raw;
  let text = '';
  let position = 0;
  let words: Word[] = [];
  for (let found = wordAfter(raw, 0); found !== undefined; found = wordAfter(raw, found.next)) {
    if (found.word === undefined) continue;
    const between = raw.slice(position, found.start);
    if (words.length > 0 && between.trim() !== '') {
      text += wordsText(words) + between;
      words = [];
    } else if (words.length === 0) text += between;
    words.push(found.word);
    position = found.next;
  }
  return text + wordsText(words) + raw.slice(position);
}

/** Finds the next encoded word from `from` on; `word` is absent if the match is not valid. */
function wordAfter(raw: string, from: number): { start: number; next: number; word?: Word } | undefined {
  const start = raw.indexOf('=?', from);
  if (start < 0) return undefined;
  const second = raw.indexOf('?', start + 2);
  const third = second < 0 ? -1 : raw.indexOf('?', second + 1);
  const end = third < 0 ? -1 : raw.indexOf('?', third + 1);
  // A question mark is missing, so no later word can be complete.
  if (end < 0) return undefined;
  const charset = (raw.slice(start + 2, Math.min(second, start + 66)).split('*')[0] as string).toLowerCase();
  const encoding = raw.slice(second + 1, Math.min(third, second + 3)).toLowerCase();
  if (second - start > 66 || /\s/.test(charset) || !/^[bq]$/.test(encoding) || raw.charCodeAt(end + 1) !== 61) {
    return { start, next: start + 2 };
  }
  const code = raw.slice(third + 1, end);
  const octets = encoding === 'b' ? base64Text(code.replace(/\s/g, '')) : quotedText(code);
  const next = end + 2;
  return octets === undefined ? { start, next } : { start, next, word: { charset, octets } };
}

function wordsText(words: readonly Word[]): string {
  let text = '';
  for (let i = 0; i < words.length; ) {
    const { charset } = words[i] as Word;
    let octets = '';
    for (; i < words.length && (words[i] as Word).charset === charset; i++) octets += (words[i] as Word).octets;
    text += decodeOctets(octetsOf(octets), charset);
  }
  return text;
}

const quotedText = (code: string): string =>
  code
    .replace(/_/g, ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

function octetsOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export interface Parameterised {
  /** In lower case, without its parameters. */
  readonly value: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const NOTHING: Parameterised = { value: '', parameters: new Map() };

/**
 * Parses a value with parameters (RFC 2045 §5.1), including continued and encoded ones (RFC 2231). Lenient: a
 * missing semicolon, quote or value does not hide the next parameter.
 */
export function parseParameters(raw: string): Parameterised {
  if (raw === '') return NOTHING;
  const semicolon = raw.search(/[;\s]/);
  const value = (semicolon < 0 ? raw : raw.slice(0, semicolon)).trim().toLowerCase();
  const written = new Map<string, string>();
  let i = semicolon < 0 ? raw.length : semicolon;
  while (i < raw.length && written.size < 64) {
    const c = raw.charCodeAt(i);
    if (c === 59 || c <= 32) {
      i++;
      continue;
    }
    if (c === 40) {
      const close = raw.indexOf(')', i);
      i = close < 0 ? raw.length : close + 1;
      continue;
    }
    const nameEnd = endOf(raw, i, '=; \t');
    const name = raw.slice(i, nameEnd).toLowerCase();
    i = skipBlank(raw, nameEnd);
    if (raw.charCodeAt(i) !== 61) continue;
    i = skipBlank(raw, i + 1);
    let text = '';
    if (raw.charCodeAt(i) === 34) {
      for (i++; i < raw.length && raw.charCodeAt(i) !== 34; i++) {
        if (raw.charCodeAt(i) === 92 && i + 1 < raw.length) i++;
        text += raw[i];
      }
      i++;
    } else {
      const end = endOf(raw, i, '; \t');
      text = raw.slice(i, end);
      i = end;
    }
    if (!written.has(name)) written.set(name, text);
  }
  return { value, parameters: joinContinuations(written) };
}

function endOf(text: string, from: number, stops: string): number {
  let i = from;
  while (i < text.length && !stops.includes(text[i] as string)) i++;
  return i;
}

function skipBlank(text: string, from: number): number {
  let i = from;
  while (text.charCodeAt(i) === 32 || text.charCodeAt(i) === 9) i++;
  return i;
}

/** RFC 2231 §3 and §4: `name*0=`, `name*1*=`, `name*=charset'language'text`. */
function joinContinuations(written: ReadonlyMap<string, string>): Map<string, string> {
  const joined = new Map<string, string>();
  for (const [name, text] of written) {
    const star = name.indexOf('*');
    if (star < 0) {
      joined.set(name, decodeWords(text));
      continue;
    }
    const base = name.slice(0, star);
    if (joined.has(base) || written.has(base)) continue;
    if (name === `${base}*`) joined.set(base, extendedText(text));
    else if (/\*0\*?$/.test(name)) {
      let whole = '';
      let encoded = false;
      for (let i = 0; i < 64; i++) {
        const plain = written.get(`${base}*${i}`);
        const coded = plain === undefined ? written.get(`${base}*${i}*`) : undefined;
        if (plain === undefined && coded === undefined) break;
        encoded ||= coded !== undefined;
        whole += plain ?? coded;
      }
      joined.set(base, encoded ? extendedText(whole) : whole);
    }
  }
  return joined;
}

function extendedText(text: string): string {
  const [charset, , ...rest] = text.split("'");
  const coded = rest.length === 0 ? text : rest.join("'");
  const octets = coded.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return decodeOctets(octetsOf(octets), rest.length === 0 ? undefined : charset);
}

/** Decodes the bytes of a header block as UTF-8 (RFC 6532), or as windows-1252 if they are not valid UTF-8. */
export function headerText(octets: Uint8Array): string {
  if (octets.length <= 1_024 && octets.every((octet) => octet < 128)) return String.fromCharCode(...octets);
  const decoder = charsetDecoder(undefined);
  return decoder.write(octets) + decoder.end();
}

/** Returns the mailbox domains of an address list (RFC 5322 §3.4), in order, from angle brackets or bare addresses. */
export function addressDomains(raw: string): string[] {
  const found: string[] = [];
  for (const mailbox of splitAddresses(raw)) {
    const open = mailbox.lastIndexOf('<');
    const close = mailbox.indexOf('>', open);
    const address = open < 0 ? mailbox : mailbox.slice(open + 1, close < 0 ? mailbox.length : close);
    const at = address.lastIndexOf('@');
    if (at > 0) found.push(address.slice(at + 1).trim());
  }
  return found;
}

/** Splits an address list at commas and semicolons, without comments and quoted strings. */
function splitAddresses(raw: string): string[] {
  const parts: string[] = [];
  let current = '';
  let comments = 0;
  let quoted = false;
  for (let i = 0; i < raw.length && parts.length < 1_000; i++) {
    const c = raw[i] as string;
    if (c === '\\') i++;
    else if (quoted) quoted = c !== '"';
    else if (c === '(') comments++;
    else if (c === ')' && comments > 0) comments--;
    else if (comments > 0) continue;
    else if (c === '"') {
      quoted = true;
      current += 'x';
    } else if (c === ',' || c === ';') {
      parts.push(current);
      current = '';
    } else current += c;
  }
  parts.push(current);
  return parts;
}
