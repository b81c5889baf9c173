/**
 * **Answers**: does an address lie in a set of prefixes, in which of them, and what do they say?
 *
 * **Knows**: the entries it was made of: addresses and prefixes of both families, each with a list, a reason, a time it was
 * added, a time it ends. A set never changes; a new list is a new set.
 *
 * **Standards**: prefixes as in RFC 4632 and RFC 4291 §2.3; the longest prefix wins.
 *
 * **Limits**: the families never match each other, except that an IPv4-mapped address is its IPv4 address. NAT64 and 6to4
 * are not seen through here: what to make of them is for the check to say. Time is an argument: without it an entry
 * counts until the set is replaced.
 *
 * @example
 * ```ts
 * import { PrefixSet } from 'postern/prefix-set';
 *
 * const blocked = PrefixSet.from([
 *   '192.0.2.0/24',
 *   { prefix: '2001:db8::/32', list: 'local', reason: 'spam since May' },
 *   { prefix: '192.0.2.25', allow: true },
 * ]);
 * blocked.has('::ffff:192.0.2.7'); // true
 * blocked.has('192.0.2.25'); // false: the longest prefix wins
 * blocked.lookup('2001:db8::1')?.reason; // 'spam since May'
 * ```
 *
 * @module
 */
import {
  BOTH_FAMILIES,
  clearHostBits,
  ipFromBytes,
  parsePrefix,
  scanAddress,
  scanned,
  scanPrefix,
  V6,
} from '../net/index.ts';
import { PrefixCollector } from './build.ts';
import type { PrefixNote, RowGroups } from './notes.ts';
import { EXCLUDES, EXPIRES, excludes, groupFlags, NoteBook, RowGroupList } from './notes.ts';
import { readSnapshot, writeSnapshot } from './snapshot.ts';
import { PrefixTable } from './table.ts';

/** One entry of a set. */
export interface PrefixEntry extends PrefixNote {
  /** `192.0.2.0/24`, `2001:db8::/32`, or an address, which means its /32 or /128. Canonical in the entries that a set returns. */
  readonly prefix: string;
}

/** An entry, or only its prefix. */
export type PrefixInput = string | PrefixEntry;

export interface PrefixSetOptions {
  /** What to do with host bits that are set (`192.0.2.1/24`): refuse the entry, or clear them. Default: `refuse`. */
  readonly hostBits?: 'refuse' | 'clear';
}

/** The reason why `PrefixSetBuilder.tryAdd` did not add an entry. */
export type PrefixFault = 'syntax' | 'host-bits' | 'both-families' | 'too-wide';

/**
 * The source of a list that can change: a file, a URL, another process. It always holds one complete set, and replaces it by
 * another complete one.
 */
export interface PrefixSource {
  /** The name of the list in findings and logs. */
  readonly name?: string;
  /** Returns the current set; undefined until one is loaded. */
  current(): PrefixSet | undefined;
}

/** An immutable set of prefixes. */
export class PrefixSet implements Iterable<PrefixEntry> {
  /** The number of distinct prefixes. */
  readonly size: number;
  readonly #bytes: Uint8Array;
  readonly #table: PrefixTable;
  readonly #rowGroups: RowGroups;
  readonly #notes: readonly PrefixNote[];
  readonly #groups: readonly (readonly number[])[];
  readonly #flags: Uint8Array;
  readonly #flagged: number;

  private constructor(bytes: Uint8Array) {
    const { arrays, rowGroups, notes } = readSnapshot(bytes);
    this.#bytes = bytes;
    this.#table = new PrefixTable(arrays);
    this.#rowGroups = rowGroups;
    this.size = this.#table.bases.end;
    const book = readNotes(notes);
    this.#notes = book.notes;
    this.#groups = book.groups;
    this.#flags = groupFlags(book.notes, book.groups);
    this.#flagged = this.#flags.reduce((all, flags) => all | flags, 0);
    for (let i = 0; i < rowGroups.length; i++)
      if (rowGroups[i]! >= book.groups.length)
        throw new TypeError("not a prefix set's bytes: a row refers to an unknown group");
  }

  /**
   * Builds a set from entries. They may be in any order, repeated and nested. Entries with the same prefix keep their own notes.
   *
   * @throws {TypeError} if an entry is not a prefix; the message names the first one
   */
  static from(entries: Iterable<PrefixInput>, options: PrefixSetOptions = {}): PrefixSet {
    if (typeof entries === 'string')
      throw new TypeError(`PrefixSet.from: entries must be a list of entries, got ${shown(entries)}`);
    if (entries instanceof PrefixSet) return entries;
    const builder = new PrefixSetBuilder(options);
    for (const entry of entries) builder.add(entry);
    return builder.build();
  }

  /**
   * Loads bytes that `toBytes` wrote on a machine of the same byte order. Takes milliseconds for a million prefixes.
   *
   * @param options.share uses the bytes in place instead of copying them. They must not change any more, and must be aligned to
   * four bytes. For buffers that another thread passes on.
   * @throws {TypeError} if the bytes are not a complete set of this version
   */
  static fromBytes(bytes: Uint8Array, options: { readonly share?: boolean } = {}): PrefixSet {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('PrefixSet.fromBytes: bytes must be a Uint8Array');
    return new PrefixSet(options.share === true && bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes));
  }

  /** @internal */
  static built(bytes: Uint8Array): PrefixSet {
    return new PrefixSet(bytes);
  }

  /** Returns the set as bytes, for a file or another thread. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes);
  }

  /** The size of the set in bytes, without its notes once they are read. */
  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  /**
   * Whether the longest prefix that contains the address is listed, and neither allowed nor an exception.
   *
   * @param address IPv4-mapped IPv6 is read as IPv4; a zone is removed from a link-local address
   * @param now milliseconds since the epoch. Default: entries never expire.
   * @throws {TypeError} if the text is not an address
   */
  has(address: string, now?: number): boolean {
    const version = this.#scan(address, 'has');
    const row = this.#longest(version);
    if (row < 0) return false;
    if (this.#flagged === 0) return true;
    const flags = this.#flags[this.#groupOf(row)]!;
    if (now === undefined || (flags & EXPIRES) === 0) return (flags & EXCLUDES) === 0;
    const entry = this.#entries(version, now, true)[0];
    return entry !== undefined && !excludes(entry);
  }

  /**
   * Returns the entry with the longest prefix that contains the address, allowed or not. Of several entries for one prefix, an
   * allowing one is first, then the one given first.
   *
   * @param now milliseconds since the epoch. Default: entries never expire.
   * @throws {TypeError} if the text is not an address
   */
  lookup(address: string, now?: number): PrefixEntry | undefined {
    const version = this.#scan(address, 'lookup');
    return this.#longest(version) < 0 ? undefined : this.#entries(version, now, true)[0];
  }

  /**
   * Returns every entry whose prefix contains the address, longest prefix first.
   *
   * @param now milliseconds since the epoch. Default: entries never expire.
   * @throws {TypeError} if the text is not an address
   */
  explain(address: string, now?: number): PrefixEntry[] {
    const version = this.#scan(address, 'explain');
    return this.#longest(version) < 0 ? [] : this.#entries(version, now, false);
  }

  /** Iterates over every entry, each with its canonical prefix. */
  [Symbol.iterator](): Iterator<PrefixEntry> {
    return this.entries();
  }

  /** Iterates over every entry: one for each note of a prefix. */
  *entries(): Generator<PrefixEntry, void, undefined> {
    const rows: PrefixEntry[] = [];
    this.#table.each((row, version, words, length) => {
      const prefix = printNetwork(version, words, length);
      for (const note of this.#groups[this.#groupOf(row)]!) rows.push({ prefix, ...this.#notes[note] });
    });
    yield* rows;
  }

  #scan(address: string, verb: string): 4 | 6 {
    const version = typeof address === 'string' ? scanAddress(address, 0, address.length) : 0;
    if (version === 0) throw new TypeError(`PrefixSet.${verb}: ${shown(address)} is not an IP address`);
    return version;
  }

  /** Returns the row of the longest prefix that contains the address scanned last, or -1. */
  #longest(version: 4 | 6): number {
    return version === 4
      ? this.#table.longest4(scanned[0]!)
      : this.#table.longest6(scanned[0]!, scanned[1]!, scanned[2]!, scanned[3]!);
  }

  #groupOf(row: number): number {
    return this.#rowGroups.length === 0 ? 0 : this.#rowGroups[row]!;
  }

  /** Returns the entries that contain the address scanned last. */
  #entries(version: 4 | 6, now: number | undefined, first: boolean): PrefixEntry[] {
    const words = scanned.slice();
    const found: PrefixEntry[] = [];
    const visit = (row: number, length: number): boolean => {
      for (const id of this.#groups[this.#groupOf(row)]!) {
        const note = this.#notes[id]!;
        if (now !== undefined && note.expires !== undefined && note.expires <= now) continue;
        found.push({ prefix: printNetwork(version, words, length), ...note });
        if (first) return true;
      }
      return false;
    };
    if (version === 4) this.#table.visit4(words[0]!, visit);
    else this.#table.visit6(words[0]!, words[1]!, words[2]!, words[3]!, visit);
    return found;
  }
}

/**
 * Collects entries for a `PrefixSet`. Each costs a few bytes, so that a list can be read as a stream.
 */
export class PrefixSetBuilder {
  readonly #collector = new PrefixCollector();
  readonly #book = new NoteBook();
  readonly #clears: boolean;

  constructor(options: PrefixSetOptions = {}) {
    const { hostBits = 'refuse' } = options;
    if (hostBits !== 'refuse' && hostBits !== 'clear')
      throw new TypeError(`PrefixSet: hostBits must be "refuse" or "clear", got ${shown(hostBits)}`);
    this.#clears = hostBits === 'clear';
  }

  /** The number of entries added, repetitions included. */
  get count(): number {
    return this.#collector.count;
  }

  /** @throws {TypeError} if the entry is not a prefix; the message says why */
  add(entry: PrefixInput): void {
    const isText = typeof entry === 'string';
    if (!isText && (typeof entry !== 'object' || entry === null || typeof entry.prefix !== 'string'))
      throw new TypeError(`PrefixSet: entry must be a prefix or an object with one, got ${shown(entry)}`);
    const text = isText ? entry : entry.prefix;
    const code = scanPrefix(text, 0, text.length);
    if (code < 0) throw explained(text);
    if (clearHostBits(code) && !this.#clears) throw explained(text);
    // Interning scans nothing, so the scanned words are still those of the prefix.
    this.#collector.push(code, isText ? 0 : this.#book.intern(entry));
  }

  /**
   * Adds the part of a text from `from` up to `to` as a prefix. Returns the reason if it cannot.
   *
   * @param note the data of the entry besides its prefix; a frozen note that is passed again is not examined again
   * @param widest the shortest prefix lengths that are accepted
   */
  tryAdd(
    text: string,
    from: number,
    to: number,
    note?: PrefixNote,
    widest?: { readonly v4: number; readonly v6: number },
  ): PrefixFault | undefined {
    const code = scanPrefix(text, from, to);
    if (code < 0) return code === BOTH_FAMILIES ? 'both-families' : 'syntax';
    if (widest !== undefined && (code < V6 ? code < widest.v4 : code - V6 < widest.v6)) return 'too-wide';
    const cleared = clearHostBits(code);
    if (cleared && !this.#clears) return 'host-bits';
    this.#collector.push(code, note === undefined ? 0 : this.#book.intern(note));
    return cleared ? 'host-bits' : undefined;
  }

  /** Builds the set. Entries can be added afterwards, and another set built. */
  build(): PrefixSet {
    const rows = new RowGroupList();
    const arrays = this.#collector.build((notes, count) => rows.push(this.#book.group(notes), count));
    const { notes, groups } = this.#book;
    const said = new TextEncoder().encode(JSON.stringify({ notes, groups }));
    return PrefixSet.built(writeSnapshot({ arrays, rowGroups: rows.done(groups.length), notes: said }));
  }
}

function readNotes(bytes: Uint8Array): { notes: PrefixNote[]; groups: number[][] } {
  const wrong = new TypeError("not a prefix set's bytes: its notes cannot be read");
  let read: unknown;
  try {
    read = JSON.parse(new TextDecoder().decode(bytes.slice()));
  } catch {
    throw wrong;
  }
  const { notes, groups } = read as { notes: PrefixNote[]; groups: number[][] };
  if (!Array.isArray(notes) || !Array.isArray(groups)) throw wrong;
  if (!groups.every((group) => Array.isArray(group) && group.every((id) => typeof notes[id] === 'object'))) throw wrong;
  return { notes, groups };
}

/** Returns the reference parser's error for a text that the scanner refused. */
function explained(text: string): TypeError {
  try {
    parsePrefix(text);
  } catch (error) {
    return new TypeError(`PrefixSet: ${(error as Error).message}`);
  }
  return new TypeError(`PrefixSet: ${shown(text)} is not an IP address or prefix`);
}

const shown = (value: unknown): string => String(JSON.stringify(value)).slice(0, 80);

function printNetwork(version: 4 | 6, words: ArrayLike<number>, length: number): string {
  const bytes = new Uint8Array(version === 4 ? 4 : 16);
  for (let i = 0; i < bytes.length; i++) {
    const keep = Math.min(8, Math.max(0, length - i * 8));
    bytes[i] = (words[i >> 2]! >>> (24 - (i & 3) * 8)) & (0xff00 >> keep);
  }
  return `${ipFromBytes(bytes)}/${length}`;
}
