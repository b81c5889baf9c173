/**
 * **Answers**: is an address within one of many prefixes that are added and removed at run time, and until when?
 *
 * **Knows**: prefixes, each with its time of expiry and a number whose meaning is the caller's. Time is an argument.
 *
 * It complements a `PrefixSet`, which never changes: it holds bans, and entries added since the last list was loaded. A /32
 * takes a slot of 12 bytes and an IPv6 /64 one of 16 bytes; a tenth to a half of the slots are free. Each addition removes
 * expired entries from a few slots. No single call moves more than a 256th of all entries.
 *
 * **Limits**: times are rounded up to a tenth of a second. At `max` entries, an addition evicts the entry that expires first
 * among a few that it examines. If the new entry expires before all of these, it is not added.
 *
 * @example
 * ```ts
 * import { PrefixOverlay } from 'postern/prefix-set';
 *
 * const now = 1_893_456_000_000;
 * const banned = new PrefixOverlay({ max: 1_000_000 });
 * banned.add('192.0.2.7', now + 600_000, now);
 * banned.has('192.0.2.7', now + 1); // true
 * banned.has('192.0.2.7', now + 600_000); // false
 * ```
 *
 * @module
 */
import type { Prefix } from '../net/index.ts';
import {
  canonicalForm,
  clearHostBits,
  maskOf,
  parsePrefix,
  printScanned,
  scanAddress,
  scanned,
  scanPrefix,
  V6,
} from '../net/index.ts';
import { SlotTable } from './slots.ts';

export interface PrefixOverlayOptions {
  /** Maximum number of prefixes, including expired ones that are not yet removed. */
  readonly max: number;
  /** The usual length of IPv6 entries, which are stored in smaller slots. Default: 64. */
  readonly v6Length?: number;
  /** Four random bytes that key the hash. Default: from the platform. */
  readonly seed?: number;
}

export interface OverlayEntry {
  /** The prefix in canonical form: `192.0.2.7/32`. */
  readonly prefix: string;
  /** When the entry expires, in milliseconds since the epoch. */
  readonly expires: number;
  /** The number given with the entry. */
  readonly value: number;
}

const TICK_MS = 100;
const LAST_TICK = 0xffffffff;
/** How many slots an addition examines for expired entries. */
const SWEPT_PER_ADD = 8;

/** A bounded set of prefixes that expire, each with a number. It changes in place. */
export class PrefixOverlay {
  readonly #max: number;
  readonly #v6Length: number;
  readonly #hosts4: SlotTable;
  readonly #nets6: SlotTable;
  readonly #others: SlotTable;
  /** The lengths in `#others`, longest first, IPv6 from `V6` on. They are reset when `#others` becomes empty. */
  #lengths4: number[] = [];
  #lengths6: number[] = [];
  /** The time of tick 0. */
  #base: number | undefined;
  #foundEnds = 0;
  #foundValue = 0;
  /** The text read last, whose key is still in its table, so that a lookup followed by a change reads it once. */
  #readText: string | undefined;
  #readCode = 0;
  #readForm = '';

  /** @throws {TypeError} if an option is wrong */
  constructor(options: PrefixOverlayOptions) {
    const { max, v6Length = 64, seed = crypto.getRandomValues(new Uint32Array(1))[0]! } = options;
    if (!Number.isInteger(max) || max < 1 || max > 100_000_000)
      throw new TypeError(`PrefixOverlay: max must be a whole number from 1 to 100000000, got ${max}`);
    if (!Number.isInteger(v6Length) || v6Length < 33 || v6Length > 64)
      throw new TypeError(`PrefixOverlay: v6Length must be a whole number from 33 to 64, got ${v6Length}`);
    this.#max = max;
    this.#v6Length = v6Length;
    this.#hosts4 = new SlotTable(1, seed);
    this.#nets6 = new SlotTable(2, seed);
    this.#others = new SlotTable(5, seed);
  }

  /** The number of prefixes, including expired ones that are not yet removed. */
  get size(): number {
    return this.#hosts4.size + this.#nets6.size + this.#others.size;
  }

  get byteLength(): number {
    return this.#hosts4.byteLength + this.#nets6.byteLength + this.#others.byteLength;
  }

  /**
   * Adds a prefix until `expires`. A prefix that is already present gets the new time and value.
   *
   * @param prefix a prefix or address; host bits are cleared
   * @param expires milliseconds since the epoch; `Infinity` for never
   * @param value a whole number from 0 to 2³² − 1
   * @returns false if there is no room, or `expires` has passed
   * @throws {TypeError} if the text is not a prefix
   */
  add(prefix: string | Prefix, expires: number, now: number, value = 0): boolean {
    const code = this.#scan(prefix);
    this.#base ??= Math.floor(now / TICK_MS) * TICK_MS - TICK_MS;
    const tick = this.#tick(now);
    const ends = Math.min(LAST_TICK, Math.ceil((expires - this.#base) / TICK_MS));
    if (!(expires > now) || ends <= 0) return false;
    const table = this.#tableOf(code);
    if (this.size >= this.#max && table.get() === 0 && !this.#makeRoom(table, ends, tick)) return false;
    table.set(ends, value, tick);
    if (table === this.#others) this.#note(code);
    table.sweep(tick, SWEPT_PER_ADD);
    return true;
  }

  /**
   * Whether the address is within a prefix that has not expired.
   *
   * @throws {TypeError} if the text is not an address
   */
  has(address: string, now: number): boolean {
    return this.#lookup(address, now) >= 0;
  }

  /**
   * Returns the entry with the longest prefix that contains the address and has not expired.
   *
   * @throws {TypeError} if the text is not an address
   */
  lookup(address: string, now: number): OverlayEntry | undefined {
    const code = this.#lookup(address, now);
    return code < 0 ? undefined : { prefix: printScanned(code), expires: this.#foundEnds, value: this.#foundValue };
  }

  /** Returns the canonical form of a prefix; undefined if the text is not a prefix. */
  canonical(prefix: string): string | undefined {
    return typeof prefix === 'string' && this.#read(prefix) >= 0 ? this.#readForm : undefined;
  }

  /** Returns the entry for exactly this prefix, even if it has expired but is not yet removed. */
  get(prefix: string | Prefix): OverlayEntry | undefined {
    const table = this.#tableOf(this.#scan(prefix));
    const ends = table.get();
    return ends === 0 ? undefined : { prefix: this.#readForm, expires: this.#time(ends), value: table.value };
  }

  /** Removes exactly this prefix. Returns false if it was not present. */
  delete(prefix: string | Prefix): boolean {
    return this.#tableOf(this.#scan(prefix)).delete();
  }

  /**
   * Examines the next few slots for expired prefixes. Every addition does so as well; a timer may do more.
   *
   * @returns the number of prefixes removed
   */
  sweep(now: number, slots: number): number {
    const tick = this.#tick(now);
    let freed = this.#hosts4.sweep(tick, slots);
    if (this.#nets6.size > 0) freed += this.#nets6.sweep(tick, slots);
    if (this.#others.size > 0) freed += this.#others.sweep(tick, slots);
    if (this.#others.size === 0 && this.#lengths4.length + this.#lengths6.length > 0) {
      this.#lengths4 = [];
      this.#lengths6 = [];
    }
    return freed;
  }

  /** Returns every prefix that has not expired. */
  entries(now: number): OverlayEntry[] {
    const tick = this.#tick(now);
    const found: OverlayEntry[] = [];
    const collect = (codeOf: (key: Uint32Array) => number) => (key: Uint32Array, ends: number, value: number) => {
      if (ends <= tick) return;
      scanned.fill(0);
      for (let i = 0; i < Math.min(4, key.length); i++) scanned[i] = key[i]!;
      found.push({ prefix: printScanned(codeOf(key)), expires: this.#time(ends), value });
    };
    this.#hosts4.each(collect(() => 32));
    this.#nets6.each(collect(() => V6 + this.#v6Length));
    this.#others.each(collect((key) => key[4]!));
    return found;
  }

  /** Returns the code of the longest prefix that contains the address, with its network in `scanned`; -1 for none. */
  #lookup(address: string, now: number): number {
    const version = typeof address === 'string' ? scanAddress(address, 0, address.length) : 0;
    if (version === 0)
      throw new TypeError(`PrefixOverlay: ${String(JSON.stringify(address)).slice(0, 80)} is not an IP address`);
    const tick = this.#tick(now);
    if (version === 4) {
      if (this.#holds(32, tick)) return 32;
      for (let i = 0; i < this.#lengths4.length; i++)
        if (this.#holds(this.#lengths4[i]!, tick)) return this.#lengths4[i]!;
      return -1;
    }
    const usual = V6 + this.#v6Length;
    let asked = this.#nets6.size === 0;
    for (let i = 0; i < this.#lengths6.length; i++) {
      const code = this.#lengths6[i]!;
      if (!asked && code < usual) {
        asked = true;
        if (this.#holds(usual, tick)) return usual;
      }
      if (this.#holds(code, tick)) return code;
    }
    return !asked && this.#holds(usual, tick) ? usual : -1;
  }

  /** Whether the network with that length around the address scanned last is present and has not expired. */
  #holds(code: number, tick: number): boolean {
    const table = this.#tableOf(code);
    this.#put(code);
    const ends = table.get();
    if (ends === 0 || ends <= tick) return false;
    this.#foundEnds = this.#time(ends);
    this.#foundValue = table.value;
    clearHostBits(code);
    return true;
  }

  #tableOf(code: number): SlotTable {
    return code === 32 ? this.#hosts4 : code === V6 + this.#v6Length ? this.#nets6 : this.#others;
  }

  /** Writes the network with that length around the address scanned last into the key of its table. */
  #put(code: number): void {
    this.#readText = undefined;
    if (code === 32) {
      this.#hosts4.key[0] = scanned[0]!;
      return;
    }
    const usual = code === V6 + this.#v6Length;
    const key = usual ? this.#nets6.key : this.#others.key;
    const bits = code >= V6 ? code - V6 : code;
    for (let i = 0; i < (usual ? 2 : 4); i++) key[i] = code < V6 && i > 0 ? 0 : scanned[i]! & maskOf(bits - i * 32);
    if (!usual) key[4] = code;
  }

  /** Reads a prefix and writes it into the key of its table. Returns a negative number if the text is not a prefix. */
  #read(text: string): number {
    if (this.#readText !== undefined && (text === this.#readText || text === this.#readForm)) return this.#readCode;
    const code = scanPrefix(text, 0, text.length);
    if (code < 0) return code;
    const hadHostBits = clearHostBits(code);
    this.#put(code);
    this.#readText = text;
    this.#readCode = code;
    this.#readForm = canonicalForm(text, code, hadHostBits);
    return code;
  }

  #scan(prefix: string | Prefix): number {
    const text = typeof prefix === 'string' ? prefix : `${prefix.address}/${prefix.length}`;
    const code = this.#read(text);
    if (code >= 0) return code;
    parsePrefix(text, { hostBits: 'clear' });
    throw new TypeError(`PrefixOverlay: ${JSON.stringify(text.slice(0, 80))} is not an IP address or prefix`);
  }

  #makeRoom(table: SlotTable, ends: number, tick: number): boolean {
    const others = [this.#hosts4, this.#nets6, this.#others].filter((other) => other !== table);
    return [table, ...others].some((each) => each.evictNear(ends, tick));
  }

  #note(code: number): void {
    const lengths = code >= V6 ? this.#lengths6 : this.#lengths4;
    if (lengths.includes(code)) return;
    lengths.push(code);
    lengths.sort((a, b) => b - a);
  }

  #tick(now: number): number {
    return this.#base === undefined ? 0 : Math.max(0, Math.floor((now - this.#base) / TICK_MS));
  }

  #time(tick: number): number {
    return tick === LAST_TICK ? Number.POSITIVE_INFINITY : this.#base! + tick * TICK_MS;
  }
}
