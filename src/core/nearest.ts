/** Returns the known word that was probably meant: at most two typing errors away, or one in a short word. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  if (lower.length > MAX_LENGTH) return undefined;
  const allowed = lower.length <= SHORT ? 1 : 2;
  const [best] = known
    .map((candidate) => ({ candidate, errors: distance(lower, candidate.toLowerCase()) }))
    .sort((a, b) => a.errors - b.errors);
  return best !== undefined && best.errors <= allowed ? best.candidate : undefined;
}

/** Returns "; did you mean …?", or an empty string if no known word is near. */
export function didYouMean(word: string, known: readonly string[], prefix: string = ''): string {
  const near = nearest(word, known);
  return near === undefined ? '' : `; did you mean ${prefix}${near}?`;
}

/** Two errors would be half of a word of this length. */
const SHORT = 4;
/** Longer words are not compared. */
const MAX_LENGTH = 40;

/** Counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(
        Math.min(
          (next[j - 1] ?? 0) + 1,
          (row[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
          swapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
