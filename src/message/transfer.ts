/**
 * Decodes a content transfer encoding (RFC 2045 §6) in pieces. Never throws: invalid input is skipped (base64) or kept
 * unchanged (quoted-printable).
 */
export interface TransferDecoder {
  /** Returns the decoded bytes. The next call reuses the array. */
  write(bytes: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

const EMPTY = new Uint8Array(0);

export const identity: TransferDecoder = { write: (bytes) => bytes, end: () => EMPTY };

const INVALID = -1;
const PADDING = -2;
const SEXTETS = new Int32Array(256).fill(INVALID);
for (const [i, c] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  SEXTETS[c.charCodeAt(0)] = i;
SEXTETS[61] = PADDING;

/** Reports whether the byte is in the base64 alphabet, including padding. */
export const isBase64Octet = (octet: number): boolean => SEXTETS[octet] !== INVALID;

export class Base64Decoder implements TransferDecoder {
  private buffer: Uint8Array = EMPTY;
  private bits = 0;
  private count = 0;

  write(bytes: Uint8Array): Uint8Array {
    const needed = ((bytes.length * 3) >> 2) + 6;
    if (this.buffer.length < needed) this.buffer = new Uint8Array(needed);
    const out = this.buffer;
    let { bits, count } = this;
    let at = 0;
    let i = 0;
    const { length } = bytes;
    while (i < length) {
      if (count === 0) {
        for (; i + 3 < length; i += 4) {
          const a = SEXTETS[bytes[i] as number] as number;
          const b = SEXTETS[bytes[i + 1] as number] as number;
          const c = SEXTETS[bytes[i + 2] as number] as number;
          const d = SEXTETS[bytes[i + 3] as number] as number;
          if ((a | b | c | d) < 0) break;
          out[at] = (a << 2) | (b >> 4);
          out[at + 1] = (b << 4) | (c >> 2);
          out[at + 2] = (c << 6) | d;
          at += 3;
        }
        if (i >= length) break;
      }
      const sextet = SEXTETS[bytes[i++] as number] as number;
      if (sextet >= 0) {
        bits = (bits << 6) | sextet;
        if (++count === 4) {
          out[at] = bits >> 16;
          out[at + 1] = bits >> 8;
          out[at + 2] = bits;
          at += 3;
          bits = 0;
          count = 0;
        }
      } else if (sextet === PADDING) {
        // Padding ends a group; what follows is base64 again (parts that were encoded apart and put together).
        at = flush(out, at, bits, count);
        bits = 0;
        count = 0;
      }
    }
    this.bits = bits;
    this.count = count;
    return out.subarray(0, at);
  }

  end(): Uint8Array {
    const out = new Uint8Array(3);
    const length = flush(out, 0, this.bits, this.count);
    this.bits = 0;
    this.count = 0;
    return out.subarray(0, length);
  }
}

function flush(out: Uint8Array, from: number, bits: number, count: number): number {
  let at = from;
  if (count === 2) out[at++] = bits >> 4;
  if (count === 3) {
    out[at++] = bits >> 10;
    out[at++] = bits >> 2;
  }
  return at;
}

/** White space between `=` and the end of the line that is waited for. */
const MAX_TRAILING_SPACE = 128;

const hexDigit = (c: number): number =>
  c >= 48 && c <= 57 ? c - 48 : (c | 32) >= 97 && (c | 32) <= 102 ? (c | 32) - 87 : -1;

export class QuotedPrintableDecoder implements TransferDecoder {
  private buffer: Uint8Array = EMPTY;
  private carry: Uint8Array = EMPTY;

  write(bytes: Uint8Array): Uint8Array {
    return this.decode(joinBytes(this.carry, bytes), false);
  }

  end(): Uint8Array {
    const left = this.carry;
    this.carry = EMPTY;
    return left.length === 0 ? EMPTY : this.decode(left, true);
  }

  private decode(bytes: Uint8Array, last: boolean): Uint8Array {
    if (this.buffer.length < bytes.length) this.buffer = new Uint8Array(bytes.length);
    const out = this.buffer;
    const { length } = bytes;
    this.carry = EMPTY;
    let at = 0;
    let i = 0;
    while (i < length) {
      const c = bytes[i] as number;
      if (c !== 61) {
        out[at++] = c;
        i++;
        continue;
      }
      let end = i + 1;
      while (end < length && (bytes[end] === 32 || bytes[end] === 9) && end - i <= MAX_TRAILING_SPACE) end++;
      if (
        end >= length ||
        (bytes[end] === 13 && end + 1 >= length) ||
        (end === i + 1 && end + 1 >= length && bytes[end] !== 10)
      ) {
        // The rest of the escape is in the next piece.
        if (!last && length - i <= MAX_TRAILING_SPACE) {
          this.carry = bytes.slice(i);
          break;
        }
      }
      if (end >= length) {
        // `=` at the very end: a line that was to go on.
        if (!last) out[at++] = c;
        i = last ? length : i + 1;
      } else if (bytes[end] === 10) i = end + 1;
      else if (bytes[end] === 13) i = bytes[end + 1] === 10 ? end + 2 : end + 1;
      else {
        const high = hexDigit(bytes[i + 1] as number);
        const low = i + 2 < length ? hexDigit(bytes[i + 2] as number) : -1;
        if (high >= 0 && low >= 0) {
          out[at++] = (high << 4) | low;
          i += 3;
        } else {
          out[at++] = c;
          i++;
        }
      }
    }
    return out.subarray(0, at);
  }
}

/** uuencode (POSIX): between `begin` and `end`, each line says its length. */
export class UuDecoder implements TransferDecoder {
  private carry: Uint8Array = EMPTY;
  private begun = false;

  write(bytes: Uint8Array): Uint8Array {
    const joined = joinBytes(this.carry, bytes);
    const out = new Uint8Array(joined.length);
    let at = 0;
    let start = 0;
    for (let end = joined.indexOf(10); end >= 0; end = joined.indexOf(10, start)) {
      at = this.line(joined.subarray(start, end), out, at);
      start = end + 1;
    }
    // No line is longer than 62 octets; more of one is not kept.
    this.carry = joined.slice(start, start + 256);
    return out.subarray(0, at);
  }

  end(): Uint8Array {
    return this.write(new Uint8Array([10]));
  }

  private line(line: Uint8Array, out: Uint8Array, from: number): number {
    if (!this.begun) {
      this.begun = startsWith(line, 'begin ');
      return from;
    }
    if (startsWith(line, 'end')) {
      this.begun = false;
      return from;
    }
    const length = ((line[0] ?? 32) - 32) & 63;
    let at = from;
    for (let i = 1; at - from < length && i < line.length; i += 4) {
      const [a, b, c, d] = [0, 1, 2, 3].map((k) => ((line[i + k] ?? 32) - 32) & 63) as [number, number, number, number];
      for (const octet of [(a << 2) | (b >> 4), (b << 4) | (c >> 2), (c << 6) | d])
        if (at - from < length) out[at++] = octet;
    }
    return at;
  }
}

export function joinBytes(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  const joined = new Uint8Array(one.length + other.length);
  joined.set(one);
  joined.set(other, one.length);
  return joined;
}

export function startsWith(bytes: Uint8Array, ascii: string): boolean {
  if (bytes.length < ascii.length) return false;
  for (let i = 0; i < ascii.length; i++) if (((bytes[i] as number) | 32) !== (ascii.charCodeAt(i) | 32)) return false;
  return true;
}
