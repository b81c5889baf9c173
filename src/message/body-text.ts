import type { UriCollector } from './collector.ts';
import type { LinkPlace } from './facts.ts';
import { HtmlReader } from './html.ts';
import { parseLink } from './link.ts';
import { TextStream } from './text-stream.ts';

/** What reads the decoded text of a part. */
export interface TextReader {
  write(text: string): void;
  end(): void;
}

/** How the text of a part is to be read. */
export type TextKind = 'plain' | 'delsp' | 'html' | 'calendar' | 'document';

export function textReader(kind: TextKind, collector: UriCollector, part: string): TextReader {
  switch (kind) {
    case 'html':
      return new HtmlReader(collector, part, collector.limits.value);
    case 'plain':
      return new TextStream(collector, { part, kind: 'text' });
    case 'delsp':
      // RFC 3676 §4.2: with DelSp a space before the line's end goes with it; quote marks and stuffing belong to the line.
      return new JoiningReader(collector, { part, kind: 'text' }, / \r?\n(?:>{0,64} ?)/g, 72);
    case 'calendar':
      return new CalendarReader(collector, part);
    case 'document':
      return new AnnotationReader(collector, part);
  }
}

/** Text whose lines are joined where `joint` matches. */
class JoiningReader implements TextReader {
  private readonly stream: TextStream;
  private readonly joint: RegExp;
  private readonly hold: number;
  protected held = '';

  constructor(collector: UriCollector, where: LinkPlace, joint: RegExp, hold: number) {
    this.stream = new TextStream(collector, where);
    this.joint = joint;
    this.hold = hold;
  }

  write(text: string): void {
    const joined = this.held + text;
    // The last joint may go on in the next piece.
    const newline = joined.lastIndexOf('\n');
    const open = newline >= 0 && joined.length - newline <= this.hold ? newline : joined.length;
    let cut = open;
    while (cut > 0 && open - cut < 2 && (joined.charCodeAt(cut - 1) === 13 || joined.charCodeAt(cut - 1) === 32)) cut--;
    this.held = joined.slice(cut);
    this.stream.write(this.clean(joined.slice(0, cut)));
  }

  end(): void {
    this.stream.write(this.clean(this.held));
    this.held = '';
    this.stream.end();
  }

  protected clean(text: string): string {
    return text.replace(this.joint, '');
  }
}

/** iCalendar and vCard: lines are folded (RFC 5545 §3.1), line ends and commas escaped; identifiers are no links. */
class CalendarReader extends JoiningReader {
  constructor(collector: UriCollector, part: string) {
    super(collector, { part, kind: 'calendar' }, /\r?\n[ \t]/g, 2);
    // The first line begins as every other does: behind the end of one.
    this.held = '\n';
  }

  protected override clean(text: string): string {
    return super
      .clean(text)
      .replace(/\\[nN]/g, '\n')
      .replace(/\\([,;\\])/g, '$1')
      .replace(/\n(?:UID|PRODID|TZID|TZURL)[:;][^\n]*/gi, '');
  }
}

/** How much of a document may pass between `/URI` and the end of its string. */
const MAX_ANNOTATION = 4_096;

/** PDF: the links of annotations (ISO 32000 §12.6.4.8) that stand in the clear; compressed objects are not opened. */
class AnnotationReader implements TextReader {
  private readonly collector: UriCollector;
  private readonly where: LinkPlace;
  private held = '';

  constructor(collector: UriCollector, part: string) {
    this.collector = collector;
    this.where = { part, kind: 'document', name: 'URI' };
  }

  write(text: string): void {
    this.scan(this.held + text, false);
  }

  end(): void {
    this.scan(this.held, true);
  }

  private scan(text: string, last: boolean): void {
    let done = Math.max(0, text.length - 4);
    for (let at = text.indexOf('/URI'); at >= 0; at = text.indexOf('/URI', at + 4)) {
      if (!last && text.length - at < MAX_ANNOTATION) {
        done = at;
        break;
      }
      const match = /^\s{0,8}(?:\(((?:[^()\\]|\\[\s\S]){1,4000})\)|<([0-9A-Fa-f\s]{2,8000})>)/.exec(
        text.slice(at + 4, at + MAX_ANNOTATION),
      );
      if (match !== null) this.link(match[1] === undefined ? hexText(match[2] as string) : literalText(match[1]));
    }
    this.held = last ? '' : text.slice(done);
  }

  private link(written: string): void {
    const link = parseLink(written, this.collector.context);
    if (link !== undefined) this.collector.link(link, this.where);
  }
}

const hexText = (hex: string): string =>
  hex
    .replace(/\s/g, '')
    .replace(/([0-9A-Fa-f]{2})/g, (_, octet: string) => String.fromCharCode(Number.parseInt(octet, 16)));

const literalText = (text: string): string =>
  text.replace(/\\(?:([0-7]{1,3})|\r?\n|([\s\S]))/g, (_, octal: string | undefined, other: string | undefined) =>
    octal === undefined ? (other ?? '') : String.fromCharCode(Number.parseInt(octal, 8) & 255),
  );
