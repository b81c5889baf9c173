/**
 * The bytes of a `PrefixSet`: one buffer with its arrays in the form in which they are searched. Loading one builds nothing.
 *
 * Layout, in words of the machine's byte order: magic number, version, checksum of everything after it, byte length of the
 * whole, width of a row's group, number of elements of each section; then the sections, each aligned to four bytes.
 *
 * @module
 */
import type { RowGroups } from './notes.ts';
import type { TableArrays } from './table.ts';
import { bucketOf, HOSTS_AT, indexBits, NETS_AT, rowBases, SLOT_WORDS } from './table.ts';

/** `pxs1` in little-endian order. A machine of the other byte order reads a different number. */
const MAGIC = 0x31737870;
const VERSION = 2;
const HEADER_WORDS = 32;

type Section = Uint8Array | Uint16Array | Uint32Array;

const sections = [
  ['wide4', Uint32Array],
  ['wide4Lengths', Uint8Array],
  ['wide4Parents', Uint32Array],
  ['wide4Bits', Uint32Array],
  ['dense4', Uint16Array],
  ['slots4', Uint16Array],
  ['records4', Uint32Array],
  ['hosts4', Uint16Array],
  ['nets4', Uint16Array],
  ['nets4Lengths', Uint8Array],
  ['nets4Parents', Uint16Array],
  ['wide6', Uint32Array],
  ['wide6Lengths', Uint8Array],
  ['wide6Parents', Uint32Array],
  ['wide6Index', Uint32Array],
  ['slots6', Uint32Array],
  ['slots6Index', Uint32Array],
  ['records6', Uint32Array],
  ['nets6', Uint32Array],
  ['nets6Lengths', Uint8Array],
  ['nets6Parents', Uint32Array],
  ['long6', Uint32Array],
  ['long6Lengths', Uint8Array],
  ['long6Parents', Uint32Array],
] as const satisfies readonly (readonly [keyof TableArrays, unknown])[];

const FIXED_WORDS = 5;
const groupArrays = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array } as const;

export interface SnapshotParts {
  readonly arrays: TableArrays;
  readonly rowGroups: RowGroups;
  /** Notes and groups, as JSON. */
  readonly notes: Uint8Array;
}

const roundUp = (bytes: number): number => (bytes + 3) & ~3;

/** Writes the parts into one buffer. */
export function writeSnapshot(parts: SnapshotParts): Uint8Array<ArrayBuffer> {
  const contents: Section[] = [...sections.map(([name]) => parts.arrays[name]), parts.rowGroups, parts.notes];
  let length = HEADER_WORDS * 4;
  for (const content of contents) length += roundUp(content.byteLength);
  const buffer = new ArrayBuffer(length);
  const header = new Uint32Array(buffer, 0, HEADER_WORDS);
  header[0] = MAGIC;
  header[1] = VERSION;
  header[3] = length;
  header[4] = parts.rowGroups.BYTES_PER_ELEMENT;
  let at = HEADER_WORDS * 4;
  contents.forEach((content, i) => {
    header[FIXED_WORDS + i] = content.length;
    new Uint8Array(buffer).set(new Uint8Array(content.buffer, content.byteOffset, content.byteLength), at);
    at += roundUp(content.byteLength);
  });
  header[2] = checksum(new Uint32Array(buffer));
  return new Uint8Array(buffer);
}

/**
 * Reads the bytes of a snapshot. The parts are views of them, aligned to four bytes.
 *
 * @throws {TypeError} if they are not a complete snapshot of this version and byte order
 */
export function readSnapshot(bytes: Uint8Array): SnapshotParts {
  const wrong = (why: string): TypeError => new TypeError(`not a prefix set's bytes: ${why}`);
  if (bytes.byteLength < HEADER_WORDS * 4) throw wrong(`${bytes.byteLength} bytes are shorter than a header`);
  const { buffer, byteOffset } = bytes;
  const header = new Uint32Array(buffer, byteOffset, HEADER_WORDS);
  if (header[0] !== MAGIC) throw wrong('wrong magic number');
  if (header[1] !== VERSION) throw wrong(`version ${header[1]}, expected ${VERSION}`);
  if (header[3] !== bytes.byteLength) throw wrong(`${bytes.byteLength} of ${header[3]} bytes`);
  if (header[2] !== checksum(new Uint32Array(buffer, byteOffset, bytes.byteLength >>> 2)))
    throw wrong('wrong checksum');
  const GroupArray = groupArrays[header[4] as 1 | 2 | 4];
  if (GroupArray === undefined) throw wrong(`unknown group width ${header[4]}`);
  let at = HEADER_WORDS * 4;
  let field = FIXED_WORDS;
  const take = <T extends Section>(Type: {
    new (b: ArrayBufferLike, at: number, n: number): T;
    BYTES_PER_ELEMENT: number;
  }): T => {
    const n = header[field++]!;
    const size = n * Type.BYTES_PER_ELEMENT;
    if (at + size > bytes.byteLength) throw wrong('a section extends past the end');
    const section = new Type(buffer, byteOffset + at, n);
    at += roundUp(size);
    return section;
  };
  const arrays = {} as Record<keyof TableArrays, Section>;
  for (const [name, Type] of sections) arrays[name] = take(Type as never);
  const parts = {
    arrays: arrays as unknown as TableArrays,
    rowGroups: take(GroupArray as never) as RowGroups,
    notes: take(Uint8Array),
  };
  const fault = faultOf(parts);
  if (fault !== undefined) throw wrong(fault);
  return parts;
}

/** Whether the arrays are consistent, so that no search leaves them. */
function faultOf({ arrays, rowGroups }: SnapshotParts): string | undefined {
  const { records4, slots4, dense4, records6, slots6 } = arrays;
  const sameLength: [Section, number][] = [
    [arrays.wide4Lengths, arrays.wide4.length],
    [arrays.nets4Lengths, arrays.nets4.length],
    [arrays.wide6Lengths, arrays.wide6.length],
    [arrays.nets6Lengths, arrays.nets6.length],
    [records4, (slots4.length + 1) * SLOT_WORDS],
    [records6, (slots6.length + 1) * 2],
  ];
  const sameOrNone: [Section, number][] = [
    [arrays.wide4Parents, arrays.wide4.length],
    [arrays.wide4Bits, 2048],
    [dense4, 0x10000],
    [arrays.nets4Parents, arrays.nets4.length],
    [arrays.wide6Parents, arrays.wide6.length],
    [arrays.nets6Parents, arrays.nets6.length],
    [arrays.long6Lengths, arrays.long6.length / 3],
    [arrays.long6Parents, arrays.long6.length / 3],
    [rowGroups, rowBases(arrays).end],
  ];
  if (sameLength.some(([section, n]) => section.length !== n)) return 'the lengths of sections differ';
  if (sameOrNone.some(([section, n]) => section.length !== n && section.length !== 0))
    return 'the lengths of sections differ';
  for (let i = 0; i < dense4.length; i++) if (dense4[i]! > slots4.length) return 'a slot that is not there';
  if (!ascends(records4, HOSTS_AT, SLOT_WORDS, arrays.hosts4.length)) return 'offsets out of order';
  if (!ascends(records4, NETS_AT, SLOT_WORDS, arrays.nets4.length)) return 'offsets out of order';
  if (!ascends(records6, 0, 2, arrays.nets6.length)) return 'offsets out of order';
  if (!ascends(records6, 1, 2, arrays.long6.length / 3)) return 'offsets out of order';
  if (!indexes(arrays.wide6Index, arrays.wide6)) return 'an index that does not fit';
  if (!indexes(arrays.slots6Index, slots6)) return 'an index that does not fit';
  return undefined;
}

function ascends(records: Uint32Array, first: number, step: number, last: number): boolean {
  let before = 0;
  for (let i = first; i < records.length; i += step) {
    if (records[i]! < before) return false;
    before = records[i]!;
  }
  return before === last;
}

function indexes(index: Uint32Array, rows: Uint32Array): boolean {
  if (rows.length === 0) return index.length === 0;
  const bits = indexBits(rows.length);
  return index.length === bucketOf(0xffffffff, bits) + 2 && ascends(index, 0, 1, rows.length);
}

/** Checksum of all words except its own. It detects damage, not tampering. */
function checksum(words: Uint32Array): number {
  let a = 0x811c9dc5;
  let b = 0;
  for (let i = 3; i < words.length; i++) {
    a = Math.imul(a ^ words[i]!, 0x01000193);
    b = (b + a) | 0;
  }
  return (a ^ ((b << 16) | (b >>> 16))) >>> 0;
}
