/**
 * Splits the header from the body, within limits.
 *
 * **Answers**: what are the fields of the header, and is it small enough to be examined?
 * **Knows**: the message. **Asks**: nothing.
 * **Standards**: RFC 5322 §2.1 and §2.2; RFC 5321 §2.3.8 (lines end in CR LF).
 *
 * @module
 */

export type RawSource = Uint8Array | AsyncIterable<Uint8Array>;

export interface HeaderLimits {
  /** Limit of the header in bytes. */
  readonly headerBytes: number;
  /** Limit of its lines, including continuation lines. */
  readonly headerLines: number;
}

export interface Split {
  /** The header with its final empty line. All line ends are CR LF. */
  readonly header: Uint8Array;
  /** The unchanged body. */
  readonly body: Body;
}

/** A body that is read in pieces. Not an async generator, which is slower for each piece. */
export interface Body {
  /** The start of the body, which arrived with the end of the header. */
  readonly first: Uint8Array;
  readonly rest: AsyncIterator<Uint8Array>;
}

const CR = 13;
const LF = 10;

/**
 * Reads the header.
 *
 * @returns undefined if the header exceeds the limits. The source is not read any further then.
 */
export async function splitHeader(source: RawSource, limits: HeaderLimits): Promise<Split | undefined> {
  const pieces = source instanceof Uint8Array ? once(source) : source[Symbol.asyncIterator]();
  const header = new HeaderOctets(limits);
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    const taken = header.take(next.value);
    if (header.tooLarge) {
      await pieces.return?.();
      return undefined;
    }
    if (header.ended) return { header: header.octets, body: { first: next.value.subarray(taken), rest: pieces } };
  }
  return { header: header.octets, body: { first: new Uint8Array(0), rest: pieces } };
}

/** Collects the header. Pieces may be as small as one byte. */
class HeaderOctets {
  ended = false;
  tooLarge = false;
  readonly #limits: HeaderLimits;
  readonly #buffer: Uint8Array;
  #length = 0;
  #lines = 0;
  /** Start of the current line. */
  #line = 0;

  constructor(limits: HeaderLimits) {
    this.#limits = limits;
    this.#buffer = new Uint8Array(limits.headerBytes + 2);
  }

  get octets(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Takes a piece, and returns how many of its bytes belong to the header. */
  take(piece: Uint8Array): number {
    for (let at = 0; at < piece.length; at++) {
      const octet = piece[at]!;
      if (octet === LF && this.#buffer[this.#length - 1] !== CR) this.#buffer[this.#length++] = CR;
      this.#buffer[this.#length++] = octet;
      if (this.#length > this.#limits.headerBytes) {
        this.tooLarge = true;
        return at + 1;
      }
      if (octet !== LF) continue;
      this.ended = this.#length - this.#line === 2;
      this.#line = this.#length;
      this.tooLarge = ++this.#lines > this.#limits.headerLines;
      if (this.ended || this.tooLarge) return at + 1;
    }
    return piece.length;
  }
}

async function* once(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  yield octets;
}

/** A field in the form that mailauth expects. */
export interface Field {
  /** The name in lower case, or undefined for a line without one. */
  readonly key: string | undefined;
  readonly casedKey: string | undefined;
  readonly line: Line;
}

/** The bytes of a field, one character for each, in the form of a Node `Buffer`. */
export class Line {
  readonly octets: string;

  constructor(octets: string) {
    this.octets = octets;
  }

  get length(): number {
    return this.octets.length;
  }

  /** @param encoding `'binary'`: one character for each byte; otherwise UTF-8 */
  toString(encoding?: string): string {
    if (encoding === 'binary') return this.octets;
    const bytes = new Uint8Array(this.octets.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.octets.charCodeAt(at);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  }
}

/** RFC 5322 §2.2 and §4.5.8: a name, blanks or a fold, a colon. */
const FIELD_START = /^[\x21-\x39\x3b-\x7e]+[ \t\r\n]*:/;

/**
 * Returns the fields of a header. A line that is not a field belongs to the field above it, whatever it begins with: mail
 * clients treat such lines differently, and bytes added to a signed field can only break its signature.
 */
export function fieldsOf(header: string): Field[] {
  const lines = header.replace(/[\r\n]+$/, '').split('\r\n');
  if (lines.length === 1 && lines[0] === '') return [];
  const fields: Field[] = [];
  let field: string[] = [];
  const finish = (): void => {
    const octets = field.join('\r\n');
    // RFC 5322 allows a fold between the name and the colon.
    const casedKey = /^[^:]+/
      .exec(octets)?.[0]
      .replaceAll('\r\n', '')
      .replace(/^[ \t]+|[ \t]+$/g, '');
    fields.push({ key: casedKey?.replace(/[A-Z]+/g, (name) => name.toLowerCase()), casedKey, line: new Line(octets) });
  };
  for (const [at, line] of lines.entries()) {
    if (at > 0 && FIELD_START.test(at + 1 < lines.length ? `${line}\r\n${lines[at + 1]}` : line)) {
      finish();
      field = [];
    }
    field.push(line);
  }
  finish();
  return fields;
}

/** Decodes each byte to one character. `TextDecoder` has no such encoding: its `latin1` is windows-1252. */
export function latin1(octets: Uint8Array): string {
  let text = '';
  for (let at = 0; at < octets.length; at += 8_192)
    text += String.fromCharCode.apply(null, octets.subarray(at, at + 8_192) as unknown as number[]);
  return text;
}
