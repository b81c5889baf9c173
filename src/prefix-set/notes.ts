/**
 * The notes of entries: everything except the prefix. Each distinct note is stored once, so that a list of a million entries
 * with the same note costs one note.
 *
 * @module
 */

/** The data of an entry besides its prefix. */
export interface PrefixNote {
  /** The list that the entry comes from. */
  readonly list?: string;
  readonly reason?: string;
  /** When the entry was listed, in milliseconds since the epoch. */
  readonly added?: number;
  /** When the entry expires, in milliseconds since the epoch. */
  readonly expires?: number;
  /** The prefix is allowed, even if a wider prefix is listed. */
  readonly allow?: boolean;
  /** The prefix is an exception within its own list: not listed, even if a wider prefix of the list is. */
  readonly except?: boolean;
}

/** A note of the group excludes the prefix from the set. */
export const EXCLUDES = 1;
/** A note of the group expires. */
export const EXPIRES = 2;

const kinds = {
  list: 'string',
  reason: 'string',
  added: 'number',
  expires: 'number',
  allow: 'boolean',
  except: 'boolean',
} as const;

/** Stores notes and groups of notes. A group holds the notes of one prefix: usually one. */
export class NoteBook {
  readonly notes: PrefixNote[] = [{}];
  readonly groups: number[][] = [];
  readonly #noteIds = new Map<string, number>([['[]', 0]]);
  readonly #groupIds = new Map<string | number, number>();
  #lastGiven: object | undefined;
  #lastId = 0;

  /**
   * Returns the number of a note. The empty note has number 0.
   *
   * @throws {TypeError} if a field has the wrong type
   */
  intern(given: PrefixNote): number {
    if (given === this.#lastGiven) return this.#lastId;
    const note: Record<string, unknown> = {};
    for (const [field, type] of Object.entries(kinds)) {
      const value = given[field as keyof PrefixNote];
      if (value === undefined || value === false) continue;
      if (typeof value !== type || (type === 'number' && !Number.isFinite(value)))
        throw new TypeError(
          `${field} ${JSON.stringify(value)} is not a ${type}${type === 'number' ? ' of milliseconds since the epoch' : ''}`,
        );
      note[field] = value;
    }
    const key = JSON.stringify(Object.entries(note));
    let id = this.#noteIds.get(key);
    if (id === undefined) {
      id = this.notes.push(note) - 1;
      this.#noteIds.set(key, id);
    }
    if (Object.isFrozen(given)) {
      this.#lastGiven = given;
      this.#lastId = id;
    }
    return id;
  }

  /** Returns the number of a group. At equal length, an exclusion comes before the entries that it excludes. */
  group(notes: readonly number[]): number {
    const key = notes.length === 1 ? notes[0]! : notes.join();
    let id = this.#groupIds.get(key);
    if (id === undefined) {
      const sorted = [...notes].sort((a, b) => Number(excludes(this.notes[b]!)) - Number(excludes(this.notes[a]!)));
      id = this.groups.push(sorted) - 1;
      this.#groupIds.set(key, id);
    }
    return id;
  }
}

export const excludes = (note: PrefixNote): boolean => note.allow === true || note.except === true;

/** Returns the `EXCLUDES` and `EXPIRES` flags of each group. */
export function groupFlags(notes: readonly PrefixNote[], groups: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from(groups, (group) => {
    let flags = 0;
    for (const id of group) {
      const note = notes[id]!;
      if (excludes(note)) flags |= EXCLUDES;
      if (note.expires !== undefined) flags |= EXPIRES;
    }
    return flags;
  });
}

/** The group of each row, in the narrowest array that fits; empty if all rows have the first group. */
export type RowGroups = Uint8Array | Uint16Array | Uint32Array;

/** Collects the group of each row. */
export class RowGroupList {
  #rows = new Uint32Array(0);
  #length = 0;

  push(group: number, rows: number): void {
    if (rows === 0) return;
    const from = this.#length;
    this.#length += rows;
    if (group === 0 && this.#rows.length === 0) return;
    if (this.#length > this.#rows.length) {
      const grown = new Uint32Array(Math.max(64, this.#length * 2));
      grown.set(this.#rows);
      this.#rows = grown;
    }
    if (group !== 0) this.#rows.fill(group, from, this.#length);
  }

  done(groups: number): RowGroups {
    if (this.#rows.length === 0) return new Uint8Array(0);
    const rows = this.#rows.subarray(0, this.#length);
    if (groups <= 0x100) return new Uint8Array(rows);
    if (groups <= 0x10000) return new Uint16Array(rows);
    return rows.slice();
  }
}
