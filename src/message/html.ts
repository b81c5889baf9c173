import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2';
import { sameSite, UriCollector } from './collector.ts';
import { scanStyle } from './css.ts';
import { base64Text, percentDecode, trimLink, utf8Text } from './escapes.ts';
import type { LinkPlace } from './facts.ts';
import { bearingOf, takesBareNames, WITHIN_WORDS } from './html-vocabulary.ts';
import { type ParsedLink, parseLink, schemeEnd } from './link.ts';
import { TextScan } from './text.ts';
import { TextStream } from './text-stream.ts';

/** Maximum nesting of HTML inside HTML attributes: `srcdoc`, `data:text/html`. */
const MAX_NESTING = 3;
/** Maximum number of characters of link text searched for a different host. */
const MAX_SHOWN = 1_024;
/** Pieces kept because the tokenizer refers back to them. A token split over more pieces is dropped. */
const KEPT_PIECES = 4;
const PIECE = 65_536;
/** `<!--[if mso]>`: Outlook renders the content of a conditional comment as markup. */
const CONDITIONAL = /<!--(?=\s{0,8}\[if\b)/gi;

/**
 * Reads HTML in pieces of any size: attributes that hold links, style sheets, and the text between the tags.
 * Skips scripts.
 */
export class HtmlReader {
  private readonly collector: UriCollector;
  private readonly part: string;
  private readonly text: TextStream;
  private readonly tokenizer: Tokenizer;
  private readonly nesting: number;
  private readonly maxValue: number;
  private readonly places = new Map<string, LinkPlace>();

  private pieces: string[] = [];
  private offset = 0;
  private held = '';

  private element = '';
  /** The element whose content is not text: `style`, `script`. */
  private raw = '';
  private style = '';
  private attribute = '';
  private value = '';
  private valueLength = 0;
  private skipped = false;
  private refreshes = false;
  private content = '';
  private anchor: { link: ParsedLink; where: LinkPlace } | undefined;
  private shown = '';

  constructor(collector: UriCollector, part: string, maxValue: number, nesting = 0) {
    this.collector = collector;
    this.part = part;
    this.maxValue = maxValue;
    this.nesting = nesting;
    this.text = new TextStream(collector, { part, kind: 'text' });
    this.tokenizer = new Tokenizer({}, this.callbacks());
  }

  write(html: string): void {
    for (let i = 0; i < html.length; i += PIECE) this.piece(html.length <= PIECE ? html : html.slice(i, i + PIECE));
  }

  end(): void {
    if (this.held !== '') this.tokenize(this.held);
    this.held = '';
    this.tokenizer.end();
    this.endAnchor();
    if (this.raw === 'style') this.endStyle();
    const open = this.attribute !== '' ? this.value : '';
    this.unterminated(open);
    this.text.end();
  }

  private piece(html: string): void {
    const joined = this.held === '' ? html : this.held + html;
    // The start of a comment may be split between two pieces.
    const open = joined.lastIndexOf('<');
    const split =
      open >= 0 && joined.length - open < 16 && '<!--'.startsWith(joined.slice(open, open + 4)) ? open : joined.length;
    this.held = joined.slice(split);
    if (split > 0) this.tokenize(joined.slice(0, split));
  }

  private tokenize(html: string): void {
    const opened = html.includes('<!--') ? html.replace(CONDITIONAL, '<!') : html;
    this.pieces.push(opened);
    if (this.pieces.length > KEPT_PIECES) this.offset += (this.pieces.shift() as string).length;
    this.tokenizer.write(opened);
  }

  /** Returns the text of a token; empty if its start is no longer kept. */
  private slice(start: number, end: number): string {
    let at = start - this.offset;
    let length = end - start;
    if (at < 0 || length <= 0) return '';
    let i = 0;
    while (i < this.pieces.length && at >= (this.pieces[i] as string).length) at -= (this.pieces[i++] as string).length;
    let found = '';
    for (; i < this.pieces.length && length > 0; i++) {
      const taken = (this.pieces[i] as string).slice(at, at + length);
      found = found === '' ? taken : found + taken;
      length -= taken.length;
      at = 0;
    }
    return found;
  }

  private callbacks(): TokenizerCallbacks {
    const nothing = (): void => {};
    return {
      ontext: (start, end) => this.onText(this.slice(start, end)),
      ontextentity: (code) => this.onText(String.fromCodePoint(code)),
      onopentagname: (start, end) => this.openTag(start, end),
      onattribname: (start, end) => this.startAttribute(end - start > 128 ? '' : this.slice(start, end).toLowerCase()),
      onattribdata: (start, end) => this.addValue(start, end),
      onattribentity: (code) => this.addEntity(code),
      onattribend: () => this.endAttribute(),
      onopentagend: () => this.endTag(),
      onselfclosingtag: () => this.endTag(),
      onclosetag: (start, end) => this.closeTag(end - start > 64 ? '' : this.slice(start, end).toLowerCase()),
      oncdata: nothing,
      oncomment: nothing,
      ondeclaration: nothing,
      onprocessinginstruction: nothing,
      onend: nothing,
    };
  }

  private onText(text: string): void {
    if (this.raw === 'style') {
      if (this.style.length < this.maxValue) this.style += text;
      else this.collector.exceed('value');
      return;
    }
    if (this.raw !== '') return;
    this.text.write(text);
    if (this.anchor !== undefined && this.shown.length < MAX_SHOWN) this.shown += text.slice(0, MAX_SHOWN);
  }

  private openTag(start: number, end: number): void {
    this.element = end - start > 64 ? '' : this.slice(start, end).toLowerCase();
    this.refreshes = false;
    this.content = '';
    this.attribute = '';
    if (!WITHIN_WORDS.has(this.element)) this.text.break();
    if (this.element === 'a' || this.element === 'area') this.endAnchor();
  }

  private startAttribute(name: string): void {
    this.attribute = name;
    this.value = '';
    this.valueLength = 0;
    this.skipped = false;
  }

  private addValue(start: number, end: number): void {
    if (this.skipped) return;
    const room = this.maxValue - this.valueLength;
    if (room <= 0) {
      this.skipped = true;
      this.collector.exceed('value');
      return;
    }
    const data = this.slice(start, Math.min(end, start + room));
    // Inline images are long and contain no links.
    if (this.valueLength === 0 && /^\s{0,8}data:(?!text\/|application\/xhtml|image\/svg)/i.test(data))
      this.skipped = true;
    else this.value += data;
    this.valueLength += end - start;
  }

  private addEntity(code: number): void {
    if (this.skipped || this.valueLength >= this.maxValue) return;
    this.value += String.fromCodePoint(code);
    this.valueLength += 2;
  }

  private endAttribute(): void {
    const { attribute, value } = this;
    this.attribute = '';
    this.value = '';
    if (attribute === '' || value === '') return;
    if (this.element !== 'meta') this.readAttribute(this.element, attribute, value);
    else if (attribute === 'content') this.content = value;
    else if (attribute === 'http-equiv') this.refreshes = /^\s{0,8}refresh\s{0,8}$/i.test(value);
  }

  private endTag(): void {
    const { element } = this;
    if (element === 'script' || element === 'style') this.raw = element;
    if (this.refreshes) this.link(refreshTarget(this.content), 'meta', 'refresh', true);
    this.refreshes = false;
  }

  private closeTag(name: string): void {
    if (name === this.raw && name !== '') {
      if (name === 'style') this.endStyle();
      this.raw = '';
      return;
    }
    if (!WITHIN_WORDS.has(name)) this.text.break();
    if (name === 'a') this.endAnchor();
  }

  private endStyle(): void {
    scanStyle(this.style, this.collector, this.place('style', 'style', 'text'));
    this.style = '';
  }

  private readAttribute(element: string, name: string, value: string): void {
    if (element === 'param' && name === 'value') {
      this.link(value, element, name, false);
      return;
    }
    switch (bearingOf(name)) {
      case 'link': {
        const link = this.link(value, element, name, takesBareNames(name));
        if (link !== undefined && (element === 'a' || element === 'area') && name === 'href') {
          this.anchor = { link, where: this.place('attribute', element, name) };
          this.shown = '';
        }
        return;
      }
      case 'links':
        for (const piece of value.split(/[\s,]+/, 256)) this.link(piece, element, name, false);
        return;
      case 'srcset':
        for (const candidate of candidates(value)) this.link(candidate, element, name, false);
        return;
      case 'style':
        if (/[(@]/.test(value)) scanStyle(value, this.collector, this.place('style', element, name));
        return;
      case 'html':
        this.readNested(value);
        return;
      case 'script':
        this.linksWithin(value, element, name);
        return;
    }
  }

  /** Reads one link. Returns it if it leads to a host. */
  private link(value: string, element: string, name: string, bareNames: boolean): ParsedLink | undefined {
    // Most attributes hold no link.
    if (!bareNames && !/[:/\\]/.test(value)) return undefined;
    const { collector } = this;
    const first = value.charCodeAt(0);
    if (first <= 32 || first === 68 || first === 100) {
      const written = trimLink(value);
      if (/^data:/i.test(written)) {
        this.readData(written);
        return undefined;
      }
    }
    if (value.length > collector.context.maxLength) collector.exceed('linkLength');
    const link = parseLink(value, bareNames ? collector.context : collector.schemedOnly);
    if (link !== undefined) collector.link(link, this.place('attribute', element, name));
    else if (bareNames && value.includes('@')) this.mail(value, this.place('attribute', element, name));
    else if (schemeEnd(value) > 0 && /http/i.test(value) && !/^(?:cid|mid|file):/i.test(value)) {
      this.linksWithin(percentDecode(value), element, name);
    }
    return link;
  }

  /** Finds links with a scheme in event handlers and in links without a host: `javascript:…`, `whatsapp://send?text=…`. */
  private linksWithin(text: string, element: string, name: string): void {
    for (const [written] of text.matchAll(/https?:\/\/[^\s"'<>()\\]+/gi)) {
      const link = parseLink(written, this.collector.schemedOnly);
      if (link !== undefined) this.collector.link(link, this.place('attribute', element, name));
    }
  }

  private mail(written: string, where: LinkPlace): void {
    this.collector.mail(written, where);
    // `mailto:…?body=…` can contain links.
    const query = /^mailto:/i.test(written) ? written.indexOf('?') : -1;
    if (query > 0) this.text.aside(percentDecode(written.slice(query + 1)));
  }

  private readData(written: string): void {
    const comma = written.indexOf(',');
    if (comma < 0 || comma > 256) return;
    const body = written.slice(comma + 1);
    if (!/;\s{0,8}base64$/i.test(written.slice(0, comma))) {
      this.readNested(percentDecode(body));
      return;
    }
    const octets = base64Text(percentDecode(body).replace(/\s/g, ''));
    if (octets !== undefined) this.readNested(utf8Text(octets));
  }

  private readNested(html: string): void {
    if (this.nesting >= MAX_NESTING) {
      this.collector.exceed('depth');
      return;
    }
    const inner = new HtmlReader(this.collector, this.part, this.maxValue, this.nesting + 1);
    inner.write(html);
    inner.end();
  }

  /** Ends the text of a link and reports a host in it that differs from the link's host. */
  private endAnchor(): void {
    const { anchor, shown } = this;
    this.anchor = undefined;
    this.shown = '';
    if (anchor === undefined || !/[.:\u3002\uff0e]/.test(shown)) return;
    const probe = new UriCollector({ ...this.collector.limits, links: 4 });
    new TextScan(shown, probe, { part: '', kind: 'text' }).run(true);
    const host = probe.firstHost;
    if (host !== undefined && !sameSite(host, anchor.link.host)) this.collector.shows(anchor.link, anchor.where, host);
  }

  /**
   * Reads an attribute that is still open at the end of the text. Browsers drop it, but mail programs may not, and the
   * swallowed text is markup.
   */
  private unterminated(value: string): void {
    if (value === '') return;
    if (bearingOf(this.attribute) === 'link') {
      const end = value.search(/[<>\s"']/);
      this.link(end < 0 ? value : value.slice(0, end), this.element, this.attribute, takesBareNames(this.attribute));
    }
    const close = value.indexOf('>');
    if (close >= 0 && this.nesting < MAX_NESTING) this.readNested(value.slice(close + 1));
  }

  private place(kind: LinkPlace['kind'], element: string, name: string): LinkPlace {
    const key = `${element} ${name}`;
    let place = this.places.get(key);
    if (place === undefined) {
      place = { part: this.part, kind, name: key };
      if (this.places.size < 256) this.places.set(key, place);
    }
    return place;
  }
}

/** `5; url='https://example.com'` (HTML §4.2.5.3). */
function refreshTarget(content: string): string {
  const match = /[;,]\s{0,64}(?:url\s{0,64}=)?\s{0,64}(["']?)/i.exec(content.slice(0, 1_024));
  if (match === null) return '';
  const rest = content.slice(match.index + match[0].length);
  const quote = match[1] === '' ? -1 : rest.indexOf(match[1] as string);
  return quote < 0 ? rest : rest.slice(0, quote);
}

/** Returns the links of a `srcset` (HTML §4.8.4.2.1): comma-separated candidates, each starting with a link. */
function candidates(srcset: string): string[] {
  const found: string[] = [];
  let i = 0;
  while (i < srcset.length && found.length < 256) {
    while (i < srcset.length && (srcset.charCodeAt(i) <= 32 || srcset.charCodeAt(i) === 44)) i++;
    const start = i;
    while (i < srcset.length && srcset.charCodeAt(i) > 32) i++;
    if (i === start) break;
    let end = i;
    while (end > start && srcset.charCodeAt(end - 1) === 44) end--;
    found.push(srcset.slice(start, end));
    if (end < i) continue;
    const comma = srcset.indexOf(',', i);
    if (comma < 0) break;
    i = comma + 1;
  }
  return found;
}
