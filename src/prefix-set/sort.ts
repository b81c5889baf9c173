/**
 * Radix sort for prefixes: linear time, no comparison function.
 *
 * @module
 */

/** Below this, counting 65,536 digits costs more than comparing. */
const FEW = 4096;

/** Sorts unsigned words. The given array is used as scratch space. */
export function sortWords(words: Uint32Array): Uint32Array {
  const n = words.length;
  if (n < FEW) return words.sort();
  let from = words;
  let into = new Uint32Array(n);
  for (const shift of [0, 16]) {
    const starts = countDigits(from, shift);
    if (starts === undefined) continue;
    for (let i = 0; i < n; i++) {
      const word = from[i]!;
      const digit = (word >>> shift) & 0xffff;
      into[starts[digit]!++] = word;
    }
    [from, into] = [into, from as Uint32Array<ArrayBuffer>];
  }
  return from;
}

/**
 * Returns the order of rows by several columns of unsigned words, most significant first. Equal rows keep their order.
 */
export function sortedOrder(n: number, columns: readonly (Uint32Array | Uint8Array)[]): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  if (n < FEW) {
    return order.sort((a, b) => {
      for (const column of columns) {
        const difference = column[a]! - column[b]!;
        if (difference !== 0) return difference;
      }
      return a - b;
    });
  }
  let from: Uint32Array = order;
  let into: Uint32Array = new Uint32Array(n);
  for (let c = columns.length - 1; c >= 0; c--) {
    const column = columns[c]!;
    for (const shift of column instanceof Uint8Array ? [0] : [0, 16]) {
      const starts = countDigits(column, shift);
      if (starts === undefined) continue;
      for (let i = 0; i < n; i++) {
        const row = from[i]!;
        const digit = (column[row]! >>> shift) & 0xffff;
        into[starts[digit]!++] = row;
      }
      [from, into] = [into, from];
    }
  }
  return from;
}

/** Returns the position of each digit's first row; undefined if all rows have the same digit. */
function countDigits(column: Uint32Array | Uint8Array, shift: number): Uint32Array | undefined {
  const starts = new Uint32Array(0x10000);
  const n = column.length;
  for (let i = 0; i < n; i++) {
    const digit = (column[i]! >>> shift) & 0xffff;
    starts[digit] = starts[digit]! + 1;
  }
  if (n > 0 && starts[(column[0]! >>> shift) & 0xffff] === n) return undefined;
  let sum = 0;
  for (let digit = 0; digit < 0x10000; digit++) {
    const count = starts[digit]!;
    starts[digit] = sum;
    sum += count;
  }
  return starts;
}
