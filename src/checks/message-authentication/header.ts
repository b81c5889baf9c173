/**
 * Takes the header off a message before anything expensive sees it.
 *
 * **Answers**: the octets of the header, the rest of the message, and whether the header is small enough to be looked at.
 * **Standards**: RFC 5322 §2.1 and §2.2; RFC 5321 §2.3.8 (lines end in CR LF).
 *
 * @module
 */

export type RawSource = Uint8Array | AsyncIterable<Uint8Array>;

export interface HeaderLimits {
  /** Octets of the header. */
  readonly headerBytes: number;
  /** Lines of the header, continuation lines counted. */
  readonly headerLines: number;
}

export interface Split {
  /** With the empty line that ends it, all line ends CR LF. */
  readonly header: Uint8Array;
  /** The body, in pieces with line ends CR LF. */
  readonly body: AsyncIterable<Uint8Array>;
}

const CR = 13;
const LF = 10;

/** @returns undefined where the header is larger than the limits; the source is then not read any further */
export async function splitHeader(source: RawSource, limits: HeaderLimits): Promise<Split | undefined> {
  const pieces = source instanceof Uint8Array ? once(source) : source[Symbol.asyncIterator]();
  const header = new HeaderOctets(limits);
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    const taken = header.take(next.value);
    if (header.tooLarge) {
      await pieces.return?.();
      return undefined;
    }
    if (header.ended) return { header: header.octets, body: rest(next.value.subarray(taken), pieces) };
  }
  return { header: header.octets, body: nothing() };
}

/** Collects the header, octet by octet: pieces may be as small as a client likes. */
class HeaderOctets {
  ended = false;
  tooLarge = false;
  readonly #limits: HeaderLimits;
  readonly #buffer: Uint8Array;
  #length = 0;
  #lines = 0;
  /** Where the line that is being read began. */
  #line = 0;

  constructor(limits: HeaderLimits) {
    this.#limits = limits;
    this.#buffer = new Uint8Array(limits.headerBytes + 2);
  }

  get octets(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** @returns how many octets of the piece belong to the header */
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

async function* rest(first: Uint8Array, pieces: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const lines = new LineEnds();
  yield* small(lines.crlf(first));
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next())
    yield* small(lines.crlf(next.value));
}

const PIECE = 1 << 16;
function* small(octets: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < octets.length; at += PIECE) yield octets.subarray(at, at + PIECE);
}

/** Makes every bare LF a CR LF, across the borders of pieces. */
class LineEnds {
  #last = 0;

  crlf(octets: Uint8Array): Uint8Array {
    let bare = 0;
    let last = this.#last;
    for (const octet of octets) {
      if (octet === LF && last !== CR) bare++;
      last = octet;
    }
    let before = this.#last;
    this.#last = last;
    if (bare === 0) return octets;
    const out = new Uint8Array(octets.length + bare);
    let at = 0;
    for (const octet of octets) {
      if (octet === LF && before !== CR) out[at++] = CR;
      out[at++] = octet;
      before = octet;
    }
    return out;
  }
}

async function* once(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  yield octets;
}
async function* nothing(): AsyncGenerator<Uint8Array> {}
