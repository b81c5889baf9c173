import type { UriCollector } from './collector.ts';
import type { Place } from './facts.ts';
import { TextScan } from './text.ts';

/** Characters that are gathered before they are scanned. */
const BATCH = 16_384;
/** How far back from the end a place to cut is sought. */
const LOOK_BACK = 16_384;

/** Text that comes in pieces, scanned in batches that end between words. */
export class TextStream {
  private readonly collector: UriCollector;
  private readonly where: Place;
  private pending = '';
  private broken = true;

  constructor(collector: UriCollector, where: Place) {
    this.collector = collector;
    this.where = where;
  }

  write(text: string): void {
    this.broken = false;
    this.pending = this.pending === '' ? text : this.pending + text;
    if (this.pending.length >= BATCH) this.scanWords();
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
    const cut = placeToCut(pending);
    if (cut === 0) {
      // One word without end: nothing in it can be a name any more, but a link may still go on.
      if (pending.length < BATCH + LOOK_BACK) return;
      this.aside(pending);
      this.pending = '';
      return;
    }
    this.aside(pending.slice(0, cut));
    this.pending = pending.slice(cut);
  }
}

/** Behind the last space, or else the last bracket or quote. */
function placeToCut(text: string): number {
  const lowest = Math.max(0, text.length - LOOK_BACK);
  for (let i = text.length - 1; i > lowest; i--) if (text.charCodeAt(i) <= 32) return i + 1;
  for (let i = text.length - 1; i > lowest; i--) if ('<>"'.includes(text[i] as string)) return i;
  return 0;
}
