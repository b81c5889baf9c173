import type { UriCollector } from './collector.ts';
import type { LinkPlace } from './facts.ts';
import { TextScan } from './text.ts';

/** Characters that are gathered before they are scanned. */
const BATCH = 16_384;
/** How far back from the end a place to cut is sought. */
const LOOK_BACK = 16_384;
/** Characters that must come before a place is sought again. */
const STEP = 4_096;

/** Text that comes in pieces, scanned in batches that end between words. */
export class TextStream {
  private readonly collector: UriCollector;
  private readonly where: LinkPlace;
  private pending = '';
  /** The length at which there is enough to scan. */
  private due = BATCH;
  private broken = true;

  constructor(collector: UriCollector, where: LinkPlace) {
    this.collector = collector;
    this.where = where;
  }

  write(text: string): void {
    this.broken = false;
    this.pending = this.pending === '' ? text : this.pending + text;
    if (this.pending.length >= this.due) this.scanWords();
  }

  /** A word ends here, though no space says so. */
  break(): void {
    if (this.broken) return;
    this.broken = true;
    this.pending += '\n';
  }

  /** Text that stands by itself. */
  aside(text: string): void {
    new TextScan(text, this.collector, this.where).run();
  }

  end(): void {
    if (this.pending !== '') this.aside(this.pending);
    this.pending = '';
  }

  private scanWords(): void {
    const { pending } = this;
    const found = placeToCut(pending);
    // One word without end: nothing in it can be a name any more, but a link may still go on for a while.
    const cut = found === 0 && pending.length >= BATCH + LOOK_BACK ? pending.length : found;
    if (cut > 0) {
      this.aside(pending.slice(0, cut));
      this.pending = pending.slice(cut);
    }
    this.due = Math.max(BATCH, this.pending.length + STEP);
  }
}

/** Behind the last space, or else the last bracket or quote. */
function placeToCut(text: string): number {
  const lowest = Math.max(0, text.length - LOOK_BACK);
  for (let i = text.length - 1; i > lowest; i--) if (text.charCodeAt(i) <= 32) return i + 1;
  for (let i = text.length - 1; i > lowest; i--) if ('<>"'.includes(text[i] as string)) return i;
  return 0;
}
