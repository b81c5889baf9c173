import type { PrefixNote } from '../../../prefix-set/index.ts';

/** A line, to come back to when more of it is known. */
export interface Mark {
  readonly line: number;
  readonly text: string;
}

/** What a format sees of the reader. */
export interface Lines {
  readonly now: number | undefined;
  readonly purpose: 'block' | 'allow';
  /** Takes a part of a text as a prefix. Without a note, the entry says what every entry of the list says. */
  take(text: string, from: number, to: number, note?: PrefixNote): void;
  /** Takes all addresses from the first to the last. */
  takeRange(first: string, last: string, note?: PrefixNote): void;
  /** A note with what every entry of the list says. */
  note(more: PrefixNote): PrefixNote;
  /** What is costly to say is a function: it is called only where the problem is kept. */
  error(reason: string | (() => string)): void;
  warn(reason: string): void;
  /** The whole list must not be used. */
  refuse(reason: string): void;
  /** The line at hand, which problems are reported for. */
  mark(): Mark;
  /** Problems are reported for this line, until the next one is read. */
  goTo(mark: Mark): void;
}

/** A format: hears of each line, and of the end. */
export interface LineReader {
  line(text: string, from: number, to: number): void;
  end?(): void;
}
