import { parseDomain } from '../net/index.ts';
import { claims } from './trace.ts';

const NAME = 'authentication-results';
/** Maximum number of bytes held back per field. A longer field is removed if this much does not reveal its authserv-id. */
const MAX_HELD = 65_536;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const DELETE = 127;

/**
 * Removes the Authentication-Results fields that carry our own authserv-id, and those whose authserv-id cannot be read.
 * Fields with our ID are forged, or come from an earlier pass through this service (RFC 8601 §5). {@link strippedHeaders}
 * does the same for fields that are already parsed.
 *
 * Also removes malformed fields that a lenient parser would accept as such: those with control characters, non-ASCII bytes
 * or folds in or around the name, a first line that begins with white space, or a bare CR as line ending. All other bytes
 * are left unchanged. At most 64 KiB of a field are held back. The body passes through.
 *
 * @param message the message in chunks
 * @param authservId the authserv-id of this service
 */
export async function* withoutOwnResults(
  message: AsyncIterable<Uint8Array>,
  authservId: string,
): AsyncGenerator<Uint8Array> {
  const header = new HeaderFilter(parseDomain(authservId) ?? authservId.toLowerCase());
  for await (const chunk of message) {
    const kept = header.push(chunk);
    if (kept.length > 0) yield kept;
  }
  const rest = header.end();
  if (rest.length > 0) yield rest;
}

/** State of the current line. `name` and `colon`: it may still become a field of that name. `suspect`: it is one. */
type State = 'name' | 'colon' | 'suspect' | 'dropped' | 'other' | 'blank' | 'body';

class HeaderFilter {
  readonly #own: string;
  #state: State = 'other';
  #last = LF;
  /** No field has begun yet, so a line that begins with white space is not a continuation. */
  #first = true;
  /** Number of characters of the name matched so far. */
  #matched = 0;
  #held: Uint8Array = new Uint8Array(1_024);
  #size = 0;
  /** Output for the current chunk. */
  #out: Uint8Array = new Uint8Array(0);
  #length = 0;

  constructor(own: string) {
    this.#own = own;
  }

  push(chunk: Uint8Array): Uint8Array {
    if (this.#state === 'body') return chunk;
    this.#out = new Uint8Array(chunk.length + this.#size);
    this.#length = 0;
    for (let at = 0; at < chunk.length; at++) {
      this.#take(chunk[at] as number);
      if (this.#isBody()) {
        this.#out.set(chunk.subarray(at + 1), this.#length);
        this.#length += chunk.length - at - 1;
        break;
      }
    }
    return this.#out.subarray(0, this.#length);
  }

  end(): Uint8Array {
    this.#out = new Uint8Array(this.#size);
    this.#length = 0;
    if (this.#state !== 'body') this.#conclude();
    return this.#out.subarray(0, this.#length);
  }

  #isBody(): boolean {
    return this.#state === 'body';
  }

  #take(octet: number): void {
    const begins = this.#last === LF || (this.#last === CR && octet !== LF);
    this.#last = octet;
    const blank = octet === SPACE || octet === TAB;
    if (begins && (!blank || this.#first)) {
      this.#conclude();
      this.#matched = 0;
      this.#state = octet === LF ? 'body' : octet === CR ? 'blank' : 'name';
      if (!blank) this.#first = false;
    }
    switch (this.#state) {
      case 'name':
        if (lower(octet) === NAME.charCodeAt(this.#matched)) {
          if (++this.#matched === NAME.length) this.#state = 'colon';
        } else if (!ignorable(octet)) break;
        this.#hold(octet);
        return;
      case 'colon':
        // A name can only be folded before its colon.
        if (octet !== COLON && !ignorable(octet) && octet !== CR && octet !== LF) break;
        this.#hold(octet);
        if (octet === COLON) this.#state = 'suspect';
        return;
      case 'suspect':
        this.#hold(octet);
        return;
      case 'dropped':
        return;
      case 'blank':
        if (octet === LF) this.#state = 'body';
        break;
      default:
    }
    if (this.#size > 0 || this.#state === 'name' || this.#state === 'colon') {
      // The held bytes are not such a field after all.
      this.#state = 'other';
      this.#conclude();
    }
    this.#out[this.#length++] = octet;
  }

  #hold(octet: number): void {
    if (this.#size === this.#held.length) {
      const longer = new Uint8Array(this.#size * 2);
      longer.set(this.#held);
      this.#held = longer;
    }
    this.#held[this.#size++] = octet;
    if (this.#size < MAX_HELD) return;
    const passes = this.#state === 'suspect' && this.#conclude();
    this.#size = 0;
    this.#state = passes ? 'other' : 'dropped';
  }

  /** Outputs the held bytes, unless they are a field that claims to be ours. Returns whether they were output. */
  #conclude(): boolean {
    const held = this.#held.subarray(0, this.#size);
    this.#size = 0;
    if (this.#state === 'dropped') return false;
    if (this.#state === 'suspect') {
      const text = new TextDecoder().decode(held);
      if (claims(text.slice(text.indexOf(':') + 1), this.#own)) return false;
    }
    this.#out.set(held, this.#length);
    this.#length += held.length;
    return true;
  }
}

/** Reports whether some parsers skip the byte in a field name: controls, blanks and non-ASCII, but not line endings. */
const ignorable = (octet: number): boolean => (octet <= SPACE && octet !== CR && octet !== LF) || octet >= DELETE;

const lower = (octet: number): number => (octet >= 65 && octet <= 90 ? octet + 32 : octet);
