import { parseDomain } from '../net/index.ts';
import { claims } from './trace.ts';

const NAME = 'authentication-results';
/** A field that is longer is judged by its beginning: the name of the service stands there. */
const MAX_FIELD = 65_536;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

/**
 * The message as it may be handed on: without the Authentication-Results fields that bear our own name, which only a forger
 * or an earlier pass through us can have written (RFC 8601 §5). {@link strippedHeaders} is the same for fields that are
 * already read.
 *
 * No more than one field is held back, and of that 64 KiB; the body goes through as it is. A line ends with LF, with CR LF,
 * and, since some readers take it for one, with a bare CR.
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

class HeaderFilter {
  readonly #own: string;
  /** What the line at hand is: its name is being read, a field that may be ours, one that is, anything else. */
  #state: 'name' | 'colon' | 'suspect' | 'dropped' | 'other' | 'blank' | 'body' = 'other';
  #last = LF;
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
    if (begins && octet !== SPACE && octet !== TAB) {
      this.#conclude();
      this.#state = octet === CR ? 'blank' : 'name';
      if (octet === LF) this.#state = 'body';
    }
    switch (this.#state) {
      case 'name':
        if (lower(octet) !== NAME.charCodeAt(this.#size)) break;
        this.#hold(octet);
        if (this.#size === NAME.length) this.#state = 'colon';
        return;
      case 'colon':
        if (octet !== SPACE && octet !== TAB && octet !== COLON) break;
        this.#hold(octet);
        if (octet === COLON) this.#state = 'suspect';
        else if (this.#size === MAX_FIELD) this.#state = 'dropped';
        return;
      case 'suspect':
        this.#hold(octet);
        if (this.#size === MAX_FIELD) this.#state = this.#conclude() ? 'other' : 'dropped';
        return;
      case 'dropped':
        return;
      case 'blank':
        if (octet === LF) this.#state = 'body';
        break;
      default:
    }
    if (this.#size > 0 || this.#state === 'name' || this.#state === 'colon') {
      // What is held is no field of ours after all.
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
  }

  /** Lets through what is held, unless it is a field that claims to be ours; says whether it did. */
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

const lower = (octet: number): number => (octet >= 65 && octet <= 90 ? octet + 32 : octet);
