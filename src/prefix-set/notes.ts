/**
 * What entries say besides their prefix, each distinct note kept once. A list whose million lines all say the same costs one
 * note.
 *
 * @module
 */

/** What an entry of a list says besides its prefix. */
export interface PrefixNote {
  /** The list it came from. */
  readonly list?: string;
  readonly reason?: string;
  /** When it was listed, in milliseconds since the epoch. */
  readonly added?: number;
  /** When it ends, in milliseconds since the epoch. */
  readonly expires?: number;
  /** The prefix is allowed, whatever wider prefixes say. */
  readonly allow?: boolean;
  /** The prefix is an exception of its own list: not listed, whatever wider prefixes of the list say. */
  readonly except?: boolean;
}

/** Some note of the group takes the prefix out of the set. */
export const EXCLUDES = 1;
/** Some note of the group ends. */
export const EXPIRES = 2;

const kinds = {
  list: 'string',
  reason: 'string',
  added: 'number',
  expires: 'number',
  allow: 'boolean',
  except: 'boolean',
} as const;

/** Keeps notes and groups of notes. A group is what stands under one prefix: usually one note. */
export class NoteBook {
  readonly notes: PrefixNote[] = [{}];
  readonly groups: number[][] = [];
  readonly #noteIds = new Map<string, number>([['[]', 0]]);
  readonly #groupIds = new Map<string | number, number>();
  #lastGiven: object | undefined;
  #lastId = 0;

  /**
   * The number of a note; 0 is the empty one.
   *
   * @throws TypeError where a field has the wrong type
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

  /** The number of a group. At equal length an exclusion comes before what it excludes. */
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

/** The `EXCLUDES` and `EXPIRES` flags of each group. */
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

/** The group of each row, in the narrowest array that holds it; empty where all rows have the first group. */
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
