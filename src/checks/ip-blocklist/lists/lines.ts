import type { PrefixNote } from '../../../prefix-set/index.ts';

/** A line that may be reported later. */
export interface Mark {
  readonly line: number;
  readonly text: string;
}

/** The part of the reader that a format uses. */
export interface Lines {
  readonly now: number | undefined;
  readonly purpose: 'block' | 'allow';
  /** Adds a part of a text as a prefix. Without a note, the entry has the common note of the list. */
  take(text: string, from: number, to: number, note?: PrefixNote): void;
  /** Adds all addresses from the first to the last. */
  takeRange(first: string, last: string, note?: PrefixNote): void;
  /** Returns a note that includes the common note of the list. */
  note(more: PrefixNote): PrefixNote;
  /** Reports an error. A function is called only if the problem is kept, for reasons that are expensive to compute. */
  error(reason: string | (() => string)): void;
  warn(reason: string): void;
  /** Refuses the whole list. */
  refuse(reason: string): void;
  /** Returns the current line, for which problems are reported. */
  mark(): Mark;
  /** Reports problems for this line until the next one is read. */
  goTo(mark: Mark): void;
}

/** A format. It receives each line, and the end. */
export interface LineReader {
  line(text: string, from: number, to: number): void;
  end?(): void;
}
