/**
 * Collects prefixes as numbers and builds the arrays of a `PrefixTable` from them.
 *
 * @module
 */
import { scanned, V6 } from '../net/index.ts';
import { sortedOrder, sortWords } from './sort.ts';
import type { TableArrays } from './table.ts';
import { bucketOf, HOSTS_AT, indexBits, NETS_AT, SLOT_WORDS } from './table.ts';

/** A growing array of words. */
class Words {
  array: Uint32Array = new Uint32Array(16);
  length = 0;
  push(word: number): void {
    if (this.length === this.array.length) {
      const grown = new Uint32Array(this.length * 2);
      grown.set(this.array);
      this.array = grown;
    }
    this.array[this.length++] = word;
  }
  done(): Uint32Array {
    return this.array.subarray(0, this.length);
  }
}

/** The note of each entry; one number as long as all notes are equal. */
class Notes {
  #first = 0;
  #count = 0;
  #each: Words | undefined;
  push(note: number): void {
    if (this.#count === 0) this.#first = note;
    else if (this.#each === undefined && note !== this.#first) {
      this.#each = new Words();
      for (let i = 0; i < this.#count; i++) this.#each.push(this.#first);
    }
    this.#each?.push(note);
    this.#count++;
  }
  get mixed(): boolean {
    return this.#each !== undefined;
  }
  at(entry: number): number {
    return this.#each === undefined ? this.#first : this.#each.array[entry]!;
  }
}

/**
 * Called for the next `rows` rows with the notes of the entries that gave the prefix, in the order in which they were
 * given.
 */
export type NoteSink = (notes: readonly number[], rows: number) => void;

/** Most entries of any list are IPv4 hosts. They are kept separately, in one word each. */
export class PrefixCollector {
  readonly #hosts = new Words();
  readonly #hostNotes = new Notes();
  readonly #nets = new Words();
  readonly #netLengths = new Words();
  readonly #netNotes = new Notes();
  readonly #v6 = [new Words(), new Words(), new Words(), new Words()] as const;
  readonly #v6Lengths = new Words();
  readonly #v6Notes = new Notes();
  #count = 0;

  /** The number of entries pushed, repetitions included. */
  get count(): number {
    return this.#count;
  }

  /** Adds the prefix scanned last. `code` is the result of `scanPrefix`, and the host bits are clear. */
  push(code: number, note: number): void {
    this.#count++;
    if (code === 32) {
      this.#hosts.push(scanned[0]!);
      this.#hostNotes.push(note);
    } else if (code < V6) {
      this.#nets.push(scanned[0]!);
      this.#netLengths.push(code);
      this.#netNotes.push(note);
    } else {
      for (let i = 0; i < 4; i++) this.#v6[i as 0]!.push(scanned[i]!);
      this.#v6Lengths.push(code - V6);
      this.#v6Notes.push(note);
    }
  }

  /** Builds the arrays and calls `note` for each row in order. */
  build(note: NoteSink): TableArrays {
    return { ...this.#build4(note), ...this.#build6(note) };
  }

  #build4(note: NoteSink): Omit<TableArrays, Six> {
    const lengths = Uint8Array.from(this.#netLengths.done());
    const starts = this.#nets.done();
    const netOrder = sortedOrder(starts.length, [starts, lengths]);
    // Wide prefixes are first in the order of rows, wherever they start.
    const wide = new Words();
    const wideLengths = new Words();
    const narrow = new Words();
    const sameNet = (a: number, b: number): boolean => starts[a] === starts[b] && lengths[a] === lengths[b];
    eachRun(netOrder, sameNet, (from, to) => {
      const first = netOrder[from]!;
      if (lengths[first]! > 16) return narrow.push(from);
      wide.push(starts[first]! >>> 16);
      wideLengths.push(lengths[first]!);
      note(gather(netOrder, from, to, this.#netNotes), 1);
    });

    const hosts = this.#sortedHosts(note);
    const narrowRows = narrow.done();
    const netStarts = new Uint32Array(narrowRows.length);
    const netLengths = new Uint8Array(narrowRows.length);
    narrowRows.forEach((from, i) => {
      const first = netOrder[from]!;
      netStarts[i] = starts[first]!;
      netLengths[i] = lengths[first]!;
      let to = from + 1;
      while (to < netOrder.length && sameNet(first, netOrder[to]!)) to++;
      note(gather(netOrder, from, to, this.#netNotes), 1);
    });

    const slots = distinctHighs(hosts, netStarts);
    const records = new Uint32Array((slots.length + 1) * SLOT_WORDS);
    let host = 0;
    let net = 0;
    for (let slot = 0; slot < slots.length; slot++) {
      const high = slots[slot]!;
      const record = slot * SLOT_WORDS;
      records[record + HOSTS_AT] = host;
      records[record + NETS_AT] = net;
      for (; host < hosts.length && hosts[host]! >>> 16 === high; host++) {
        const word = record + ((hosts[host]! >>> 13) & 7) * 2;
        records[word] = records[word]! | (1 << ((hosts[host]! >>> 8) & 31));
      }
      for (; net < netStarts.length && netStarts[net]! >>> 16 === high; net++) {
        const block = (netStarts[net]! >>> 8) & 255;
        for (let i = block; i < block + (1 << Math.max(0, 24 - netLengths[net]!)); i++) {
          const word = record + (i >>> 5) * 2 + 1;
          records[word] = records[word]! | (1 << (i & 31));
        }
      }
    }
    records[slots.length * SLOT_WORDS + HOSTS_AT] = host;
    records[slots.length * SLOT_WORDS + NETS_AT] = net;

    const wide4 = wide.done().slice();
    const wide4Lengths = Uint8Array.from(wideLengths.done());
    const bits = new Uint32Array(wide4.length === 0 ? 0 : 2048);
    for (let i = 0; i < wide4.length; i++) {
      const to = wide4[i]! + (1 << (16 - wide4Lengths[i]!));
      for (let high = wide4[i]!; high < to; high++) bits[high >>> 5] = bits[high >>> 5]! | (1 << (high & 31));
    }
    return {
      wide4,
      wide4Lengths,
      wide4Parents: parents(wide4.length, (row, of) => within(wide4[row]! << 16, wide4[of]! << 16, wide4Lengths[of]!)),
      wide4Bits: bits,
      dense4: denseSlots(slots),
      slots4: slots,
      records4: records,
      hosts4: new Uint16Array(hosts), // the low half of each host
      nets4: new Uint16Array(netStarts),
      nets4Lengths: netLengths,
      // A /16 contains fewer than 65,536 distinct longer prefixes, so a distance fits into 16 bits.
      nets4Parents: new Uint16Array(
        parents(netStarts.length, (row, of) => within(netStarts[row]!, netStarts[of]!, netLengths[of]!)),
      ),
    };
  }

  #sortedHosts(note: NoteSink): Uint32Array {
    const given = this.#hosts.done();
    if (this.#hostNotes.mixed) {
      const order = sortedOrder(given.length, [given]);
      const distinct = new Words();
      eachRun(
        order,
        (a, b) => given[a] === given[b],
        (from, to) => {
          distinct.push(given[order[from]!]!);
          note(gather(order, from, to, this.#hostNotes), 1);
        },
      );
      return distinct.done();
    }
    const sorted = sortWords(given.slice());
    let n = 0;
    for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[n - 1]) sorted[n++] = sorted[i]!;
    const only = [this.#hostNotes.at(0)];
    note(only, n);
    return sorted.subarray(0, n);
  }

  #build6(note: NoteSink): Pick<TableArrays, Six> {
    const [a, b, c, d] = this.#v6.map((words) => words.done()) as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
    const lengths = Uint8Array.from(this.#v6Lengths.done());
    const order = sortedOrder(a.length, [a, b, c, d, lengths]);
    const rows = { wide: new Words(), nets: new Words(), long: new Words() };
    const same = (x: number, y: number): boolean =>
      a[x] === a[y] && b[x] === b[y] && c[x] === c[y] && d[x] === d[y] && lengths[x] === lengths[y];
    const runs = { wide: new Words(), nets: new Words(), long: new Words() };
    eachRun(order, same, (from, to) => {
      const length = lengths[order[from]!]!;
      const kind = length <= 32 ? 'wide' : length <= 64 ? 'nets' : 'long';
      rows[kind].push(from);
      runs[kind].push(to);
    });
    for (const kind of ['wide', 'nets', 'long'] as const) {
      for (let i = 0; i < rows[kind].length; i++) {
        note(gather(order, rows[kind].array[i]!, runs[kind].array[i]!, this.#v6Notes), 1);
      }
    }
    const pick = (kind: 'wide' | 'nets' | 'long', column: Uint32Array | Uint8Array): Uint32Array =>
      Uint32Array.from(rows[kind].done(), (from) => column[order[from]!]!);

    const wide6 = pick('wide', a);
    const wide6Lengths = Uint8Array.from(pick('wide', lengths));
    const netHighs = pick('nets', a);
    const longHighs = pick('long', a);
    const slots6 = distinctSorted(netHighs, longHighs);
    const records6 = new Uint32Array((slots6.length + 1) * 2);
    let net = 0;
    let long = 0;
    for (let slot = 0; slot <= slots6.length; slot++) {
      const high = slots6[slot];
      records6[slot * 2] = net;
      records6[slot * 2 + 1] = long;
      while (net < netHighs.length && netHighs[net] === high) net++;
      while (long < longHighs.length && longHighs[long] === high) long++;
    }
    const nets6 = pick('nets', b);
    const nets6Lengths = Uint8Array.from(pick('nets', lengths));
    const long6 = new Uint32Array(longHighs.length * 3);
    [b, c, d].forEach((column, word) => {
      pick('long', column).forEach((value, i) => {
        long6[i * 3 + word] = value;
      });
    });
    const long6Lengths = Uint8Array.from(pick('long', lengths));
    return {
      wide6,
      wide6Lengths,
      wide6Parents: parents(wide6.length, (row, of) => within(wide6[row]!, wide6[of]!, wide6Lengths[of]!)),
      wide6Index: indexOf(wide6),
      slots6,
      slots6Index: indexOf(slots6),
      records6,
      nets6,
      nets6Lengths,
      nets6Parents: parents(
        nets6.length,
        (row, of) => netHighs[row] === netHighs[of] && within(nets6[row]!, nets6[of]!, nets6Lengths[of]! - 32),
      ),
      long6,
      long6Lengths: long6Lengths.every((length) => length === 128) ? new Uint8Array(0) : long6Lengths,
      long6Parents: parents(
        longHighs.length,
        (row, of) =>
          longHighs[row] === longHighs[of] &&
          long6[row * 3] === long6[of * 3] &&
          within(long6[row * 3 + 1]!, long6[of * 3 + 1]!, long6Lengths[of]! - 64) &&
          within(long6[row * 3 + 2]!, long6[of * 3 + 2]!, long6Lengths[of]! - 96),
      ),
    };
  }
}

type Six = Extract<keyof TableArrays, `${string}6${string}`>;

/** Whether a word is within the first `bits` bits of a network. */
const within = (word: number, network: number, bits: number): boolean =>
  bits <= 0 || (bits >= 32 ? word >>> 0 === network >>> 0 : (word ^ network) >>> (32 - bits) === 0);

function eachRun(
  order: Uint32Array,
  same: (a: number, b: number) => boolean,
  run: (from: number, to: number) => void,
): void {
  let from = 0;
  while (from < order.length) {
    let to = from + 1;
    while (to < order.length && same(order[from]!, order[to]!)) to++;
    run(from, to);
    from = to;
  }
}

function gather(order: Uint32Array, from: number, to: number, notes: Notes): number[] {
  if (to - from === 1) return [notes.at(order[from]!)];
  const found = new Set<number>();
  for (let i = from; i < to; i++) found.add(notes.at(order[i]!));
  return [...found];
}

/** Returns for each row how many rows back its enclosing row is; 0 for none. Rows are sorted by start, wider rows first. */
function parents(n: number, isWithin: (row: number, of: number) => boolean): Uint32Array {
  const back = new Uint32Array(n);
  let nested = false;
  for (let row = 1; row < n; row++) {
    let of = row - 1;
    while (!isWithin(row, of)) {
      if (back[of] === 0) {
        of = -1;
        break;
      }
      of -= back[of]!;
    }
    if (of >= 0) {
      back[row] = row - of;
      nested = true;
    }
  }
  return nested ? back : new Uint32Array(0);
}

function distinctHighs(hosts: Uint32Array, nets: Uint32Array): Uint16Array {
  const seen = new Uint8Array(0x10000);
  let n = 0;
  for (const words of [hosts, nets]) {
    for (let i = 0; i < words.length; i++) {
      const high = words[i]! >>> 16;
      if (seen[high] === 0) {
        seen[high] = 1;
        n++;
      }
    }
  }
  const highs = new Uint16Array(n);
  let at = 0;
  for (let high = 0; high < 0x10000 && at < n; high++) if (seen[high] !== 0) highs[at++] = high;
  return highs;
}

/** Merges two sorted lists without repetitions. */
function distinctSorted(a: Uint32Array, b: Uint32Array): Uint32Array {
  const distinct = new Words();
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const next = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    distinct.push(next);
    while (a[i] === next) i++;
    while (b[j] === next) j++;
  }
  return distinct.done().slice();
}

/** Below this number of slots, a search costs no more than the 128 KiB of a direct table. */
const FEW_SLOTS = 48;

function denseSlots(slots: Uint16Array): Uint16Array {
  if (slots.length <= FEW_SLOTS || slots.length === 0x10000) return new Uint16Array(0);
  const dense = new Uint16Array(0x10000);
  slots.forEach((high, slot) => {
    dense[high] = slot + 1;
  });
  return dense;
}

/** Returns the first row of each bucket. */
function indexOf(rows: Uint32Array): Uint32Array {
  if (rows.length === 0) return new Uint32Array(0);
  const bits = indexBits(rows.length);
  const index = new Uint32Array((1 << bits) + 3);
  let row = 0;
  for (let bucket = 0; bucket < index.length; bucket++) {
    while (row < rows.length && bucketOf(rows[row]!, bits) < bucket) row++;
    index[bucket] = row;
  }
  return index;
}
