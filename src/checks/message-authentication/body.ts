/**
 * The hash of a body, while it arrives.
 *
 * **Answers**: what is the hash of the body, or of its first octets (`l=`), as RFC 6376 canonicalizes it?
 * **Standards**: RFC 6376 §3.4.3 (simple), §3.4.4 (relaxed), §3.4.5 (body length). A bare LF ends a line; a bare CR does not.
 * **Limits**: each octet is looked at once and 64 KiB are kept, however long a line is and however small the pieces are.
 *
 * @module
 */

/** A running hash, as `node:crypto` has it. */
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
/** So many line ends are counted before they are hashed on trial: a body may be nothing else. */
const MAX_LINES = 1 << 14;
/** One octet of content brings at most itself and one space. */
const ROOM = 2;

export class BodyHash {
  /** How many octets the canonicalized body has. */
  length = 0;
  readonly #relaxed: boolean;
  #hash: RunningHash;
  /** The lengths of which the hash is wanted, ascending. */
  readonly #lengths: readonly number[];
  readonly #hashes: Map<number, string> = new Map();
  readonly #out: Uint8Array = new Uint8Array(BUFFER);
  #size = 0;
  /** Line ends that count only if something follows them. */
  #lines = 0;
  /** The state before the line ends that are hashed on trial. */
  #before: { readonly hash: RunningHash; readonly length: number } | undefined;
  #cr = false;
  #space = false;
  #whole = '';

  /** @param lengths values of `l=` for which {@link hash} will be asked */
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

  /** The hash, in base64. To be asked after {@link end}. */
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

  /** Writes line ends until so many are left. */
  #breaks(left: number): void {
    for (; this.#lines > left; this.#lines--) {
      this.#out[this.#size++] = CR;
      this.#out[this.#size++] = LF;
      if (this.#size > BUFFER - ROOM) this.#flush();
    }
  }

  /** Leaves one line end, so that what follows is seen to follow line ends. */
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
