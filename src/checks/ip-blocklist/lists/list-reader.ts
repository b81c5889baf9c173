/**
 * Reads lists of addresses in their published formats.
 *
 * Every line is an entry, a comment, or a problem with file, line and reason. Nothing is dropped silently. An invalid list
 * (an HTML page, a truncated list, a list with more bad lines than good ones) is refused as a whole, so that an older one
 * can be kept.
 *
 * @module
 */
import type { Prefix } from '../../../net/index.ts';
import {
  addressScope,
  ipVersion,
  parseIp,
  parsePrefix,
  prefixesOfRange,
  prefixHas,
  printPrefix,
} from '../../../net/index.ts';
import type { PrefixFault, PrefixInput, PrefixNote } from '../../../prefix-set/index.ts';
import { type PrefixSet, PrefixSetBuilder } from '../../../prefix-set/index.ts';
import { explainedSyntax, quoted } from './address-forms.ts';
import type { ListFormat } from './formats.ts';
import { formats } from './formats.ts';
import type { LineReader, Lines, Mark } from './lines.ts';

export interface ReadListOptions {
  readonly format: ListFormat;
  /** Name of the file, used in problem reports. */
  readonly file?: string;
  /** Name of the list, stored in its entries. */
  readonly list?: string;
  /**
   * The purpose of the list. In a block list, host bits are cleared with a warning. In an allow list they are an error, and
   * so is a prefix shorter than /8 (IPv4) or /32 (IPv6). Default: `block`.
   */
  readonly purpose?: 'block' | 'allow';
  /** The shortest accepted prefixes. `{ v4: 0, v6: 0 }` accepts all. Default: /1 in a block list. */
  readonly widest?: { readonly v4: number; readonly v6: number };
  /** The current time in milliseconds since the epoch, for formats with remaining times. */
  readonly now?: number;
  /** Maximum share of bad lines. Beyond it, the list is refused. Default: 0.5. */
  readonly maxBadShare?: number;
  /** Maximum number of reported problems. All problems are counted. Default: 1,000. */
  readonly maxProblems?: number;
}

/** A problem in a list. */
export interface ListProblem {
  readonly file?: string;
  /** Line number from 1; 0 for the whole list. */
  readonly line: number;
  /** A line with an `error` is ignored. A line with a `warning` is used. */
  readonly severity: 'error' | 'warning';
  readonly reason: string;
  /** The first 120 characters of the line. */
  readonly text: string;
}

export interface ListSummary {
  readonly lines: number;
  /** Number of prefixes, including repetitions. */
  readonly taken: number;
  readonly errors: number;
  readonly warnings: number;
  /** The first problems; `errors` and `warnings` count all. */
  readonly problems: readonly ListProblem[];
  /** Why the whole list was refused. */
  readonly refused?: string;
}

/** Limit of a line in characters. */
const MAX_LINE = 65_536;
const MAX_REASON = 200;
const MAX_PROBLEM = 300;
/** Limit of prefixes in a list. A range on one line can expand to two hundred. */
const MAX_TAKEN = 16_777_216;
/** After this many bad lines, their share is checked before the end. */
const MANY_ERRORS = 100_000;

/** The destination of entries: a builder or an array. */
interface Sink {
  tryAdd: PrefixSetBuilder['tryAdd'];
}

/**
 * Reads a list from the chunks of a stream.
 *
 * @throws {TypeError} if an option is wrong
 */
export class ListReader implements Lines {
  readonly now: number | undefined;
  readonly purpose: 'block' | 'allow';
  #taken = 0;
  readonly #sink: Sink;
  readonly #options: ReadListOptions;
  readonly #format: LineReader;
  readonly #widest: { readonly v4: number; readonly v6: number };
  readonly #allow: boolean;
  readonly #note: PrefixNote;
  readonly #problems: ListProblem[] = [];
  readonly #maxProblems: number;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #errors = 0;
  #warnings = 0;
  #lines = 0;
  /** The line for which problems are reported; 0 for the whole list. */
  #line = 0;
  #rest = '';
  #skipping = false;
  #started = false;
  #refused: string | undefined;
  #text = '';
  #from = 0;
  #to = 0;

  constructor(options: ReadListOptions, sink: Sink) {
    const { format, purpose = 'block', maxBadShare = 0.5, maxProblems = 1_000, widest } = options;
    if (!Object.hasOwn(formats, format))
      throw new TypeError(
        `readList: format ${JSON.stringify(format)} is not known; it may be ${Object.keys(formats).join(', ')}`,
      );
    if (purpose !== 'block' && purpose !== 'allow')
      throw new TypeError(`readList: purpose ${JSON.stringify(purpose)} must be "block" or "allow"`);
    if (!(maxBadShare >= 0 && maxBadShare <= 1))
      throw new TypeError(`readList: maxBadShare ${maxBadShare} must be from 0 to 1`);
    if (!(Number.isInteger(maxProblems) && maxProblems >= 0))
      throw new TypeError(`readList: maxProblems ${maxProblems} must be a whole number from 0`);
    if (widest !== undefined && !(inBits(widest.v4, 32) && inBits(widest.v6, 128)))
      throw new TypeError(`readList: widest ${JSON.stringify(widest)} must be { v4: 0 to 32, v6: 0 to 128 }`);
    if (options.now !== undefined && !Number.isFinite(options.now))
      throw new TypeError(`readList: now ${options.now} must be milliseconds since the epoch`);
    this.#options = options;
    this.#sink = sink;
    this.now = options.now;
    this.purpose = purpose;
    this.#allow = purpose === 'allow';
    this.#widest = widest ?? (this.#allow ? { v4: 8, v6: 32 } : { v4: 1, v6: 1 });
    this.#note = Object.freeze(options.list === undefined ? {} : { list: options.list });
    this.#maxProblems = maxProblems;
    this.#format = formats[format](this);
  }

  /** Reads the next part, which may end in the middle of a line or character. */
  write(chunk: string | Uint8Array): void {
    if (this.#refused !== undefined) return;
    if (typeof chunk !== 'string' && !this.#started && chunk[0] === 0x1f && chunk[1] === 0x8b) {
      this.refuse('it is compressed (gzip)');
      return;
    }
    const text = typeof chunk === 'string' ? chunk : this.#decoder.decode(chunk, { stream: true });
    this.#read(this.#rest === '' ? text : this.#rest + text, false);
  }

  /** Reads the rest, and returns the summary. */
  end(): ListSummary {
    if (this.#refused === undefined) this.#read(this.#rest + this.#decoder.decode(), true);
    if (this.#refused === undefined) {
      this.goTo({ line: 0, text: '' });
      this.#format.end?.();
      this.goTo({ line: 0, text: '' });
      this.#lookAtShare();
    }
    return {
      lines: this.#lines,
      taken: this.#taken,
      errors: this.#errors,
      warnings: this.#warnings,
      problems: this.#problems,
      refused: this.#refused,
    };
  }

  #lookAtShare(): void {
    const { maxBadShare = 0.5 } = this.#options;
    const all = this.#errors + this.#taken;
    if (this.#errors > 0 && this.#errors / all > maxBadShare) this.refuse(`${this.#errors} of ${all} lines are bad`);
  }

  #read(given: string, last: boolean): void {
    let text = given;
    if (!this.#started && text.length > 0) {
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
      this.#started = true;
    }
    let from = 0;
    while (this.#refused === undefined) {
      const end = text.indexOf('\n', from);
      if (end < 0) break;
      this.#readLine(text, from, end);
      from = end + 1;
    }
    if (this.#refused !== undefined) {
      this.#rest = '';
      return;
    }
    this.#rest = from === 0 ? text : text.slice(from);
    if (last && this.#rest !== '') {
      this.#readLine(this.#rest, 0, this.#rest.length);
      this.#rest = '';
    } else if (this.#rest.length > MAX_LINE) {
      // The line is already too long, so the rest of it is not kept.
      if (!this.#skipping) this.#tooLong(this.#rest, 0);
      this.#skipping = true;
      this.#rest = '';
    }
  }

  #tooLong(text: string, from: number): void {
    this.#line = ++this.#lines;
    this.#text = text;
    this.#from = from;
    this.#to = from + 120;
    this.error(`the line is longer than ${MAX_LINE} characters`);
  }

  #readLine(text: string, from: number, end: number): void {
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    if (end - from > MAX_LINE) {
      this.#tooLong(text, from);
      return;
    }
    const to = end > from && text.charCodeAt(end - 1) === 13 ? end - 1 : end;
    this.#line = ++this.#lines;
    this.#text = text;
    this.#from = from;
    this.#to = to;
    if (
      this.#lines <= 10 &&
      text.charCodeAt(from) === 60 &&
      /^<(!doctype|html|head|body|\?xml)\b/i.test(text.slice(from, from + 20))
    )
      this.refuse('it is an HTML or XML page');
    else if (this.#lines <= 10 && text.slice(from, to).includes('\r'))
      this.refuse('a line has a carriage return in its midst: lines must end in LF or CRLF');
    else this.#format.line(text, from, to);
  }

  take(text: string, from: number, to: number, note: PrefixNote = this.#note): void {
    const fault = this.#sink.tryAdd(text, from, to, note, this.#widest);
    if (fault === undefined || (fault === 'host-bits' && !this.#allow)) {
      if (++this.#taken > MAX_TAKEN) this.refuse(`it has more than ${MAX_TAKEN} prefixes`);
      if (fault !== undefined) this.warn('it has host bits set; the network was taken');
      if (isWide(text, from, to)) this.#lookAtWide(text.slice(from, to));
      return;
    }
    this.error(() => reasonOf(fault, text.slice(from, Math.min(to, from + 100)), this.#widest));
  }

  takeRange(first: string, last: string, note: PrefixNote = this.#note): void {
    const low = parseIp(first);
    const high = parseIp(last);
    if (low === undefined || high === undefined) {
      this.error(`${quoted(low === undefined ? first : last)} is not an IP address`);
      return;
    }
    const prefixes = prefixesOfRange(low, high);
    if (prefixes === undefined) {
      this.error(`${first} to ${last} is not a range: the end is before the start, or of another family`);
      return;
    }
    const { v4, v6 } = this.#widest;
    if (prefixes.some((prefix) => prefix.length < (ipVersion(prefix.address) === 4 ? v4 : v6))) {
      this.error(`the range ${first} to ${last} is wider than any that is taken`);
      return;
    }
    for (const prefix of prefixes) {
      if (this.#refused !== undefined) return;
      const text = printPrefix(prefix);
      this.take(text, 0, text.length, note);
    }
  }

  note(more: PrefixNote): PrefixNote {
    const note = { ...this.#note, ...more };
    return more.reason === undefined ? note : { ...note, reason: more.reason.slice(0, MAX_REASON) };
  }

  error(reason: string | (() => string)): void {
    this.#errors++;
    this.#problem('error', reason);
    if (this.#errors % MANY_ERRORS === 0) this.#lookAtShare();
  }

  warn(reason: string): void {
    this.#warnings++;
    this.#problem('warning', reason);
  }

  mark(): Mark {
    return { line: this.#line, text: this.#text.slice(this.#from, Math.min(this.#to, this.#from + 120)) };
  }

  goTo({ line, text }: Mark): void {
    this.#line = line;
    this.#text = text;
    this.#from = 0;
    this.#to = text.length;
  }

  refuse(reason: string): void {
    if (this.#refused !== undefined) return;
    this.#refused = reason;
    this.error(reason);
  }

  #problem(severity: 'error' | 'warning', said: string | (() => string)): void {
    if (this.#problems.length >= this.#maxProblems) return;
    const { file } = this.#options;
    const reason = typeof said === 'string' ? said : said();
    const text = this.#text.slice(this.#from, Math.min(this.#to, this.#from + 120));
    this.#problems.push({
      file,
      line: this.#line,
      severity,
      reason: reason.length > MAX_PROBLEM ? `${reason.slice(0, MAX_PROBLEM)}…` : reason,
      text,
    });
  }

  /** Warns about a prefix that is unusually wide. */
  #lookAtWide(text: string): void {
    const prefix = parsePrefix(text.replace(/^\[|\]/g, ''), { hostBits: 'clear' });
    const usual = ipVersion(prefix.address) === 4 ? 8 : 16;
    if (prefix.length < usual) this.warn(`it is wider than /${usual}`);
    if (this.#allow) return;
    const own = special.find((block) => prefixHas(block, prefix.address) || prefixHas(prefix, block.address));
    if (own !== undefined && prefix.length > 0)
      this.warn(
        `it holds ${addressScope(own.address)} addresses (${printPrefix(own)}), one's own relays perhaps: allow them`,
      );
  }
}

/** Local networks. Bogon lists contain them, but a mail server usually has to allow them. */
const special: readonly Prefix[] = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
].map((text) => parsePrefix(text));

const inBits = (value: number, bits: number): boolean => Number.isInteger(value) && value >= 0 && value <= bits;

/** Returns whether the text has a prefix length of at most 16. */
function isWide(text: string, from: number, to: number): boolean {
  const one = text.charCodeAt(to - 2) === 47;
  if (one) return true;
  return (
    text.charCodeAt(to - 3) === 47 &&
    to - 3 > from &&
    (text.charCodeAt(to - 2) - 48) * 10 + text.charCodeAt(to - 1) - 48 <= 16
  );
}

function reasonOf(fault: PrefixFault, text: string, widest: { readonly v4: number; readonly v6: number }): string {
  switch (fault) {
    case 'syntax':
      return explainedSyntax(text);
    case 'host-bits':
      return `${quoted(text)} has host bits set`;
    case 'both-families':
      return `${quoted(text)} holds both families`;
    case 'too-wide':
      return `${quoted(text)} is wider than /${text.includes(':') ? widest.v6 : widest.v4}, the widest that is taken`;
  }
}

/** The text of a list: whole, or in parts. */
export type ListText = string | Uint8Array | Iterable<string | Uint8Array>;

function readAll(source: ListText, options: ReadListOptions, sink: Sink): ListSummary {
  const reader = new ListReader(options, sink);
  if (typeof source === 'string' || source instanceof Uint8Array) reader.write(source);
  else for (const chunk of source) reader.write(chunk);
  return reader.end();
}

/** The result of {@link readList}. */
export interface ListReading extends ListSummary {
  /** The entries in the order of the list; empty if the list was refused. */
  readonly entries: readonly PrefixInput[];
}

/**
 * Reads a list into entries. To create a set, `readPrefixSet` is faster and uses less memory.
 *
 * @param source the text, or its parts in order, which may end anywhere
 * @throws {TypeError} if an option is wrong
 */
export function readList(source: ListText, options: ReadListOptions): ListReading {
  const entries: PrefixInput[] = [];
  const sink: Sink = {
    tryAdd(text, from, to, note, widest) {
      // One entry at a time: the builder validates it, and its set returns the canonical prefix.
      const builder = new PrefixSetBuilder({ hostBits: 'clear' });
      const fault = builder.tryAdd(text, from, to, undefined, widest);
      if (fault === undefined || (fault === 'host-bits' && options.purpose !== 'allow')) {
        const prefix = printPrefix(parsePrefix(text.slice(from, to), { hostBits: 'clear' }));
        entries.push(note === undefined || Object.keys(note).length === 0 ? prefix : { prefix, ...note });
      }
      return fault;
    },
  };
  const summary = readAll(source, options, sink);
  return { ...summary, entries: summary.refused === undefined ? entries : [] };
}

/** The result of {@link readPrefixSet}. */
export interface PrefixSetReading extends ListSummary {
  /** The set, or undefined if the list was refused. */
  readonly set: PrefixSet | undefined;
}

const builderFor = (options: ReadListOptions): PrefixSetBuilder =>
  new PrefixSetBuilder({ hostBits: options.purpose === 'allow' ? 'refuse' : 'clear' });

/**
 * Reads a list into a set. A million lines take less than a second.
 *
 * @param source the text, or its parts in order, which may end anywhere
 * @throws {TypeError} if an option is wrong
 */
export function readPrefixSet(source: ListText, options: ReadListOptions): PrefixSetReading {
  const builder = builderFor(options);
  const summary = readAll(source, options, builder);
  return { ...summary, set: summary.refused === undefined ? builder.build() : undefined };
}

/** Reads a list from a stream into a set. */
export async function readPrefixSetStream(
  source: AsyncIterable<string | Uint8Array>,
  options: ReadListOptions,
): Promise<PrefixSetReading> {
  const builder = builderFor(options);
  const reader = new ListReader(options, builder);
  for await (const chunk of source) reader.write(chunk);
  const summary = reader.end();
  return { ...summary, set: summary.refused === undefined ? builder.build() : undefined };
}
