import { parseDomain } from '../net/index.ts';
import { claims } from './trace.ts';

const NAME = 'authentication-results';
/** So much of a field is held back; if the name of the service cannot be read from that, the field is removed. */
const MAX_HELD = 65_536;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const DELETE = 127;

/**
 * Removes from a message the Authentication-Results fields that bear our own name, which only a forger or an earlier pass
 * through us can have written (RFC 8601 §5), and those whose writer cannot be read. {@link strippedHeaders} does the same
 * for fields that are already read.
 *
 * What a careless reader takes for such a field is removed as well: control characters, octets outside ASCII and folds in
 * and around its name, a first line that begins with white space, a bare CR as the end of a line. Every other octet stays
 * as it is. At most 64 KiB of one field are held back; the body passes through.
 *
 * @param message the octets in chunks
 * @param authservId the name under which this service writes
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

/** What the line at hand is. `name` and `colon`: it may still become a field of that name. `suspect`: it is one. */
type State = 'name' | 'colon' | 'suspect' | 'dropped' | 'other' | 'blank' | 'body';

class HeaderFilter {
  readonly #own: string;
  #state: State = 'other';
  #last = LF;
  /** No field has begun: a line that begins with white space continues nothing. */
  #first = true;
  /** How many letters of the name have been read. */
  #matched = 0;
  #held: Uint8Array = new Uint8Array(1_024);
  #size = 0;
  /** What is let through of the chunk at hand. */
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
        // The only fold that a name can have stands before its colon.
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
      // What is held is not such a field after all.
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

  /** Lets through what is held, unless it is a field that claims to be ours; tells whether it did. */
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

/** What some reader skips in a field's name: control characters, blanks and what is not ASCII, but no end of a line. */
const ignorable = (octet: number): boolean => (octet <= SPACE && octet !== CR && octet !== LF) || octet >= DELETE;

const lower = (octet: number): number => (octet >= 65 && octet <= 90 ? octet + 32 : octet);
