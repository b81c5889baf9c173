/**
 * The hash of a body, computed as it arrives.
 *
 * **Answers**: what is the hash of the canonicalized body, or of its first bytes (`l=`)?
 * **Knows**: the body, in pieces. **Asks**: nothing.
 * **Standards**: RFC 6376 §3.4.3 (simple), §3.4.4 (relaxed), §3.4.5 (body length). A bare LF ends a line; a bare CR does
 * not.
 * **Limits**: linear time and 64 KiB of memory, however long a line is and however small the pieces are.
 *
 * @module
 */

/** A running hash as in `node:crypto`. */
export interface RunningHash {
  update(octets: Uint8Array): unknown;
  copy(): RunningHash;
  digest(encoding: 'base64'): string;
}

export type Canonicalization = 'simple' | 'relaxed';

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;

const BUFFER = 1 << 16;
/** Limit of counted line ends. Beyond it they are hashed tentatively, since a body may consist of nothing else. */
const MAX_LINES = 1 << 14;
/** One byte of content adds at most itself and one space. */
const ROOM = 2;

export class BodyHash {
  /** Length of the canonicalized body in bytes. */
  length = 0;
  readonly #relaxed: boolean;
  #hash: RunningHash;
  /** The requested values of `l=`, ascending. */
  readonly #lengths: readonly number[];
  readonly #hashes: Map<number, string> = new Map();
  readonly #out: Uint8Array = new Uint8Array(BUFFER);
  #size = 0;
  /** Pending line ends, which count only if content follows. */
  #lines = 0;
  /** The state before tentatively hashed line ends. */
  #before: { readonly hash: RunningHash; readonly length: number } | undefined;
  #cr = false;
  #space = false;
  #whole = '';

  /** @param lengths the values of `l=` that will be passed to {@link hash} */
  constructor(canonicalization: Canonicalization, hash: RunningHash, lengths: Iterable<number> = []) {
    this.#relaxed = canonicalization === 'relaxed';
    this.#hash = hash;
    this.#lengths = [...new Set(lengths)].sort((a, b) => a - b);
  }

  write(octets: Uint8Array): void {
    const out = this.#out;
    const least = this.#relaxed ? SPACE : CR;
    for (let at = 0; at < octets.length; at++) {
      const octet = octets[at] as number;
      if (octet > least && this.#lines === 0 && !this.#cr && !this.#space) {
        out[this.#size++] = octet;
        if (this.#size > BUFFER - ROOM) this.#flush();
      } else this.#take(octet);
    }
  }

  end(): void {
    if (this.#cr) this.#content(CR);
    if (this.#before !== undefined) this.#withdraw(this.#before);
    this.#flush();
    // §3.4.3: an empty body is one CRLF if it is simple; §3.4.4: nothing if it is relaxed.
    if (this.length > 0 || !this.#relaxed) {
      this.#out.set([CR, LF]);
      this.#size = 2;
      this.#flush();
    }
    this.#whole = this.#hash.digest('base64');
  }

  /** Returns the hash in base64. Call it after {@link end}. */
  hash(length?: number): string {
    return length === undefined ? this.#whole : (this.#hashes.get(length) ?? this.#whole);
  }

  #take(octet: number): void {
    if (octet === LF) {
      this.#cr = false;
      this.#space = false;
      if (++this.#lines === MAX_LINES) this.#hashOnTrial();
      return;
    }
    if (this.#cr) {
      this.#cr = false;
      this.#content(CR);
    }
    if (octet === CR) this.#cr = true;
    else if (this.#relaxed && (octet === SPACE || octet === TAB)) this.#space = true;
    else this.#content(octet);
  }

  #content(octet: number): void {
    this.#breaks(0);
    this.#before = undefined;
    if (this.#space) this.#out[this.#size++] = SPACE;
    this.#space = false;
    this.#out[this.#size++] = octet;
    if (this.#size > BUFFER - ROOM) this.#flush();
  }

  /** Writes pending line ends until `left` are left. */
  #breaks(left: number): void {
    for (; this.#lines > left; this.#lines--) {
      this.#out[this.#size++] = CR;
      this.#out[this.#size++] = LF;
      if (this.#size > BUFFER - ROOM) this.#flush();
    }
  }

  /** Leaves one line end pending, so that the next content is still known to follow line ends. */
  #hashOnTrial(): void {
    this.#flush();
    this.#before ??= { hash: this.#hash.copy(), length: this.length };
    this.#breaks(1);
  }

  #withdraw({ hash, length }: { readonly hash: RunningHash; readonly length: number }): void {
    this.#hash = hash;
    this.length = length;
    this.#size = 0;
    for (const one of this.#hashes.keys()) if (one > length) this.#hashes.delete(one);
  }

  #flush(): void {
    let from = 0;
    for (const length of this.#lengths) {
      if (length < this.length || length >= this.length + this.#size || this.#hashes.has(length)) continue;
      const until = length - this.length;
      this.#hash.update(this.#out.subarray(from, until));
      from = until;
      this.#hashes.set(length, this.#hash.copy().digest('base64'));
    }
    this.#hash.update(this.#out.subarray(from, this.#size));
    this.length += this.#size;
    this.#size = 0;
  }
}
