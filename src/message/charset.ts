import { joinBytes } from './transfer.ts';

/** Decodes bytes to text in pieces. Never throws: invalid bytes become U+FFFD. */
export interface CharsetDecoder {
  write(bytes: Uint8Array): string;
  end(): string;
}

type WebTextDecoder = InstanceType<typeof TextDecoder>;

const EMPTY = new Uint8Array(0);
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/**
 * Returns a decoder for a charset label. Tries the label as written, then without the prefixes `x-` and
 * `cs`, then with `cp`, `ms` and `win` read as `windows-`. An unknown charset is read as windows-1252. Without a label,
 * text is read as UTF-8 while it is valid, then as windows-1252.
 */
export function charsetDecoder(label: string | undefined): CharsetDecoder {
  const written = (label ?? '').trim().toLowerCase();
  const bare = written.replace(/^(?:x-|cs)/, '');
  return (
    knownDecoder(written) ??
    knownDecoder(bare) ??
    knownDecoder(bare.replace(/^(?:cp|ms|win-?)(?=\d)/, 'windows-')) ??
    knownDecoder('windows-1252') ??
    new Utf8Decoder(true)
  );
}

/** Returns the decoder with exactly this label: built in, or from the Encoding Standard. */
function knownDecoder(name: string): CharsetDecoder | undefined {
  switch (name) {
    case 'utf-8':
    case 'utf8':
      return new Utf8Decoder(false);
    case '':
    case 'us-ascii':
    case 'ascii':
    case 'default':
    case 'default_charset':
    case 'unknown-8bit':
      return new Utf8Decoder(true);
    case 'utf-7':
    case 'unicode-1-1-utf-7':
      return new Utf7Decoder();
    case 'hz-gb-2312':
    case 'hz':
      return new ShiftedDecoder('gbk', 'hz');
    case 'iso-2022-kr':
    case 'csiso2022kr':
      return new ShiftedDecoder('euc-kr', 'iso-2022-kr');
    case 'utf-32':
    case 'utf-32be':
    case 'utf-32le':
    case 'ucs-4':
      return new Utf32Decoder(name === 'utf-32le');
    default: {
      const decoder = webDecoder(name);
      return decoder === undefined ? undefined : new WebDecoder(decoder);
    }
  }
}

/** Decodes a complete byte sequence. */
export function decodeOctets(bytes: Uint8Array, label: string | undefined): string {
  const decoder = charsetDecoder(label);
  return decoder.write(bytes) + decoder.end();
}

/** Charsets that the Encoding Standard maps to `replacement` throw and count as unknown. */
function webDecoder(label: string): WebTextDecoder | undefined {
  try {
    return new TextDecoder(label);
  } catch {
    return undefined;
  }
}

/**
 * Detects the charset from the bytes, in preference to the declared one: by a byte order mark, by the zero bytes of
 * UTF-16 and UTF-32, or by an HTML `meta` element if no charset is declared.
 */
export function sniffCharset(head: Uint8Array, declared: string | undefined, html: boolean): string | undefined {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return 'utf-8';
  if (head[0] === 0xff && head[1] === 0xfe) return head[2] === 0 && head[3] === 0 ? 'utf-32le' : 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  const zeros = [0, 0, 0, 0];
  const looked = Math.min(head.length, 256) & ~3;
  for (let i = 0; i < looked; i++) if (head[i] === 0) zeros[i & 3] = (zeros[i & 3] as number) + 1;
  return zeros[0] === 0 && zeros[1] === 0 && zeros[2] === 0 && zeros[3] === 0
    ? (declared ?? (html ? metaCharset(head) : undefined))
    : (byZeros(zeros, looked) ?? declared);
}

function byZeros(zeros: readonly number[], looked: number): string | undefined {
  const many = looked / 10;
  const [a, b, c, d] = zeros.map((count) => count > many) as [boolean, boolean, boolean, boolean];
  if (b && c && d && !a) return 'utf-32le';
  if (a && b && c && !d) return 'utf-32be';
  if (b && d && !a && !c) return 'utf-16le';
  if (a && c && !b && !d) return 'utf-16be';
  return undefined;
}

function metaCharset(head: Uint8Array): string | undefined {
  const text = utf8.decode(head.subarray(0, 1_024));
  const match = /<meta\b[^>]{0,256}?charset\s{0,8}=\s{0,8}["']?([\w:.-]{1,40})/i.exec(text);
  // A page that can be read this far is not in UTF-16, whatever it says (HTML §13.2.3.3).
  return match === null ? undefined : /^utf-16/i.test(match[1] as string) ? 'utf-8' : match[1];
}

class WebDecoder implements CharsetDecoder {
  private readonly decoder: WebTextDecoder;

  constructor(decoder: WebTextDecoder) {
    this.decoder = decoder;
  }

  write(bytes: Uint8Array): string {
    return this.decoder.decode(bytes, { stream: true });
  }

  end(): string {
    return this.decoder.decode();
  }
}

/** UTF-8 in pieces that end between characters: the one-shot path of `TextDecoder` is several times the faster. */
class Utf8Decoder implements CharsetDecoder {
  private carry: Uint8Array = EMPTY;
  /** The charset is a guess: what is not UTF-8 is windows-1252 from there on. */
  private guess: boolean;
  private other: CharsetDecoder | undefined;

  constructor(guess: boolean) {
    this.guess = guess;
  }

  write(bytes: Uint8Array): string {
    if (this.other !== undefined) return this.other.write(bytes);
    const joined = joinBytes(this.carry, bytes);
    const whole = joined.length - openCharacter(joined);
    this.carry = whole === joined.length ? EMPTY : joined.slice(whole);
    return this.decode(joined.subarray(0, whole));
  }

  end(): string {
    if (this.other !== undefined) return this.other.end();
    return this.carry.length === 0 ? '' : this.decode(this.carry);
  }

  private decode(bytes: Uint8Array): string {
    if (!this.guess) return utf8.decode(bytes);
    try {
      return strictUtf8.decode(bytes);
    } catch {
      this.other = charsetDecoder('windows-1252');
      const rest = this.other.write(joinBytes(bytes, this.carry));
      this.carry = EMPTY;
      return rest;
    }
  }
}

/** Octets at the end that begin a character of UTF-8 without ending it. */
function openCharacter(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const c = bytes[length - back] as number;
    if (c < 0x80) return 0;
    if (c >= 0xc0) return back < (c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}

/** UTF-7 (RFC 2152): `+` begins UTF-16 in base64, `-` or anything else ends it. */
class Utf7Decoder implements CharsetDecoder {
  private shifted = false;
  private first = false;
  private bits = 0;
  private count = 0;

  write(bytes: Uint8Array): string {
    const units: string[] = [];
    for (const c of bytes) {
      if (!this.shifted) {
        if (c === 43) {
          this.shifted = true;
          this.first = true;
          this.bits = 0;
          this.count = 0;
        } else units.push(String.fromCharCode(c));
        continue;
      }
      const sextet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.indexOf(String.fromCharCode(c));
      if (sextet < 0) {
        this.shifted = false;
        if (c === 45) {
          if (this.first) units.push('+');
        } else units.push(String.fromCharCode(c));
        continue;
      }
      this.first = false;
      this.bits = ((this.bits << 6) | sextet) & 0x3fffff;
      this.count += 6;
      if (this.count >= 16) {
        this.count -= 16;
        units.push(String.fromCharCode((this.bits >> this.count) & 0xffff));
      }
    }
    return units.join('');
  }

  end(): string {
    return '';
  }
}

/** Seven-bit encodings that shift between ASCII and a double-byte set: HZ (RFC 1843) and ISO-2022-KR (RFC 1557). */
class ShiftedDecoder implements CharsetDecoder {
  private readonly decoder: CharsetDecoder;
  private readonly kind: 'hz' | 'iso-2022-kr';
  private shifted = false;
  private carry: Uint8Array = EMPTY;

  constructor(charset: string, kind: 'hz' | 'iso-2022-kr') {
    this.decoder = charsetDecoder(charset);
    this.kind = kind;
  }

  write(bytes: Uint8Array): string {
    const joined = joinBytes(this.carry, bytes);
    const out = new Uint8Array(joined.length);
    let at = 0;
    let i = 0;
    for (; i < joined.length; i++) {
      const c = joined[i] as number;
      if (this.kind === 'hz') {
        if (c === 126) {
          if (i + 1 >= joined.length) break;
          const next = joined[++i] as number;
          if (next === 123) this.shifted = true;
          else if (next === 125) this.shifted = false;
          else if (next === 126) out[at++] = 126;
          continue;
        }
        if (c === 10) this.shifted = false;
      } else if (c === 14 || c === 15) {
        this.shifted = c === 14;
        continue;
      }
      out[at++] = this.shifted && c > 32 ? c | 128 : c;
    }
    this.carry = joined.slice(i);
    return this.decoder.write(out.subarray(0, at));
  }

  end(): string {
    return this.decoder.end();
  }
}

class Utf32Decoder implements CharsetDecoder {
  private readonly little: boolean;
  private carry: Uint8Array = EMPTY;

  constructor(little: boolean) {
    this.little = little;
  }

  write(bytes: Uint8Array): string {
    const joined = joinBytes(this.carry, bytes);
    const characters: string[] = [];
    let i = 0;
    for (; i + 3 < joined.length; i += 4) {
      const [a, b, c, d] = [
        joined[i] as number,
        joined[i + 1] as number,
        joined[i + 2] as number,
        joined[i + 3] as number,
      ];
      const code = this.little
        ? ((d << 24) | (c << 16) | (b << 8) | a) >>> 0
        : ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
      characters.push(code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? '\ufffd' : String.fromCodePoint(code));
    }
    this.carry = joined.slice(i);
    return characters.join('');
  }

  end(): string {
    return this.carry.length > 0 ? '\ufffd' : '';
  }
}
