import { type DomainName, parseDomain } from '../net/index.ts';
import { type BodyDescription, type BodyReader, contentKind, DecodedBody, SkippedBody, textBody } from './body.ts';
import { UriCollector } from './collector.ts';
import type { MessageFacts, MessageField, Part } from './facts.ts';
import {
  addressDomains,
  decodeWords,
  fieldNameEnd,
  type HeaderBlock,
  headerText,
  parseHeader,
  parseParameters,
} from './header.ts';
import { readHeaderLinks } from './header-links.ts';
import { type MessageLimits, type ResolvedLimits, resolveLimits } from './limits.ts';
import { TextStream } from './text-stream.ts';
import { joinBytes } from './transfer.ts';

const EMPTY = new Uint8Array(0);
/** A longer line cannot be a boundary (RFC 2046 §5.1.1: 70 characters). */
const MAX_BOUNDARY_LINE = 1_024;

/** The findings of the message, from all its parts. */
class Reading {
  readonly collector: UriCollector;
  readonly limits: ResolvedLimits;
  readonly parts: Part[] = [];
  headers: MessageField[] = [];
  from: DomainName[] = [];

  constructor(limits: ResolvedLimits) {
    this.limits = limits;
    this.collector = new UriCollector(limits);
  }

  add(part: Part): void {
    if (this.parts.length < this.limits.parts) this.parts.push(part);
    else this.collector.exceed('parts');
  }
}

/** A container of parts or of a message. */
interface Frame {
  readonly path: string;
  /** If the header names no boundary: undefined until the first line that can be one. */
  boundary: string | undefined;
  count: number;
  /** The text before the first boundary. It is read as text if there is no boundary. */
  preamble: { collector: UriCollector; text: TextStream } | undefined;
  /** Its parts are messages by default (RFC 2046 §5.1.5). */
  readonly digest: boolean;
}

/** Reads one entity and everything in it as the bytes arrive. */
class EntityReader {
  private readonly reading: Reading;
  private readonly frames: Frame[] = [];
  private readonly depth: number;
  /** The depth of nested messages within this reader. */
  private messages = 0;
  private path: string;
  private isRoot: boolean;
  private state: 'header' | 'body' | 'between' = 'header';
  private atLineStart = true;
  private carry: Uint8Array = EMPTY;
  private header: Uint8Array[] = [];
  private headerSize = 0;
  private headerFields = 0;
  private body: BodyReader | undefined;
  /** A line before the first part that may be the boundary, if the header names none. */
  private candidate: string | undefined;

  constructor(reading: Reading, path: string, depth: number) {
    this.reading = reading;
    this.path = path;
    this.isRoot = true;
    this.depth = depth;
  }

  write(chunk: Uint8Array): void {
    const bytes = joinBytes(this.carry, chunk);
    this.carry = EMPTY;
    this.read(bytes, false);
  }

  end(): void {
    if (this.carry.length > 0) this.read(this.carry, true);
    this.carry = EMPTY;
    if (this.state === 'header') this.endHeader();
    this.endBody();
    this.popTo(0);
  }

  private read(bytes: Uint8Array, last: boolean): void {
    const { length } = bytes;
    let at = 0;
    // Bytes from `from` on belong to the body and have not been passed on.
    let from = 0;
    while (at < length) {
      if (this.state === 'body' && this.frames.length === 0) {
        this.body?.write(from === 0 ? bytes : bytes.subarray(from));
        return;
      }
      if (this.state === 'body' && !(this.atLineStart && bytes[at] === 45)) {
        // Only a line that begins with a hyphen can end the body.
        const next = hyphenLine(bytes, at);
        this.atLineStart = next < length || bytes[length - 1] === 10;
        at = next;
        continue;
      }
      const newline = bytes.indexOf(10, at);
      const end = newline < 0 ? length : newline + 1;
      if (newline < 0 && !last && this.atLineStart && this.mustSeeWhole(bytes, at)) {
        this.handOn(bytes, from, at);
        this.carry = bytes.slice(at);
        return;
      }
      if (this.state === 'body') {
        if (this.atLineStart && bytes[at] === 45 && bytes[at + 1] === 45 && this.frames.length > 0) {
          const frame = this.boundaryAt(bytes, at, end);
          if (frame !== undefined) {
            this.handOn(bytes, from, at);
            this.boundary(frame.index, frame.closes);
            from = end;
          }
        }
      } else {
        const kept = this.line(bytes, at, end, newline >= 0 || last);
        // `kept`: whether the line itself begins the body.
        from = kept ? at : end;
      }
      this.atLineStart = newline >= 0;
      at = end;
    }
    this.handOn(bytes, from, length);
  }

  /** Whether an incomplete line can still become a boundary or the end of a header. */
  private mustSeeWhole(bytes: Uint8Array, at: number): boolean {
    const left = bytes.length - at;
    if (left > MAX_BOUNDARY_LINE) return false;
    if (this.state !== 'body') return true;
    return bytes[at] === 45 && (left === 1 || bytes[at + 1] === 45);
  }

  private handOn(bytes: Uint8Array, from: number, to: number): void {
    if (to > from && this.state === 'body') this.body?.write(bytes.subarray(from, to));
  }

  /** Reads a line of a header or between parts. Returns whether it is the first line of the body. */
  private line(bytes: Uint8Array, at: number, end: number, whole: boolean): boolean {
    if (this.atLineStart && bytes[at] === 45 && bytes[at + 1] === 45 && this.frames.length > 0) {
      const frame = this.boundaryAt(bytes, at, end);
      if (frame !== undefined) {
        if (this.state === 'header') this.endHeaderAtBoundary();
        this.boundary(frame.index, frame.closes);
        return false;
      }
    }
    if (this.state === 'between') {
      this.betweenParts(bytes, at, end);
      return false;
    }
    const blank =
      end - at <= 2 &&
      whole &&
      this.atLineStart &&
      (bytes[at] === 10 || (bytes[at] === 13 && (end - at === 1 || bytes[at + 1] === 10)));
    if (blank) {
      this.endHeader();
      return false;
    }
    if (this.headerFields === 0 && this.atLineStart && !this.beginsHeader(bytes, at, end)) {
      // There is no header: the body begins here.
      this.endHeader();
      return this.state === 'body';
    }
    this.headerFields++;
    this.keepHeader(bytes.subarray(at, end));
    return false;
  }

  private beginsHeader(bytes: Uint8Array, at: number, end: number): boolean {
    const start = asciiText(bytes, at, Math.min(end, at + 128));
    return fieldNameEnd(start) > 0 || start.startsWith('From ') || start.startsWith('>From ');
  }

  private keepHeader(line: Uint8Array): void {
    const room = this.reading.limits.headers - this.headerSize;
    if (line.length > room) this.reading.collector.exceed('headers');
    if (room <= 0) return;
    this.header.push(line.slice(0, room));
    this.headerSize += Math.min(room, line.length);
  }

  /** Ends a part whose body has not begun. Without a header either, there is nothing to read. */
  private endHeaderAtBoundary(): void {
    if (this.headerSize > 0 || this.isRoot) this.endHeader();
    else this.reading.add({ part: this.path, type: 'text/plain', encoding: 'identity', size: 0 });
  }

  private endHeader(): void {
    const block = parseHeader(headerText(concat(this.header, this.headerSize)));
    this.header = [];
    this.headerSize = 0;
    this.headerFields = 0;
    const first = (name: string): string => block.fields.find((field) => field.name.toLowerCase() === name)?.raw ?? '';
    const message = this.isRoot;
    this.isRoot = false;
    if (message) this.messageHeader(block);
    const type = parseParameters(first('content-type'));
    const disposition = parseParameters(first('content-disposition'));
    const encoding = (
      parseParameters(first('content-transfer-encoding')).value.match(/[\w-]+/)?.[0] ?? ''
    ).toLowerCase();
    const parameter = (name: string): string | undefined => type.parameters.get(name);
    readHeaderLinks(block, message, this.path, this.reading.collector, parameter('url'));
    if (block.stray !== '') this.strayText(block.stray);
    const declared = /^[\w!#$&.+^-]+\/[\w!#$&.+^-]+$/.test(type.value)
      ? type.value
      : type.value.startsWith('multipart')
        ? 'multipart/mixed'
        : this.defaultType(message);
    const deep = this.depth + this.frames.length + this.messages >= this.reading.limits.depth;
    if (deep && (declared.startsWith('multipart/') || declared.startsWith('message/')))
      this.reading.collector.exceed('depth');
    if (declared.startsWith('multipart/') && !deep) {
      this.beginMultipart(declared, parameter('boundary'));
      return;
    }
    const filename = disposition.parameters.get('filename') ?? parameter('name');
    const description: BodyDescription = {
      part: message ? (this.path === '' ? '1' : `${this.path}.1`) : this.path,
      type: declared,
      encoding,
      charset: parameter('charset'),
      filename: filename === undefined || filename === '' ? undefined : decodeWords(filename).slice(0, 256),
      disposition: disposition.value === '' ? undefined : disposition.value,
      format: parameter('format')?.toLowerCase(),
      delSp: parameter('delsp')?.toLowerCase() === 'yes',
    };
    this.beginBody(description, deep);
  }

  /** RFC 2045 §5.2; in a digest, RFC 2046 §5.1.5. */
  private defaultType(message: boolean): string {
    return !message && this.frames.at(-1)?.digest ? 'message/rfc822' : 'text/plain';
  }

  private beginBody(description: BodyDescription, deep: boolean): void {
    const { collector } = this.reading;
    this.state = 'body';
    const kind = contentKind(description);
    if (deep && (kind === 'message' || description.type.startsWith('multipart/'))) {
      this.body = textBody(description, 'plain', collector);
    } else if (kind === undefined) this.body = new SkippedBody(description);
    else if (kind !== 'message') this.body = textBody(description, kind, collector);
    else if (
      /^(?:base64|quoted-printable|x-uue)/.test(description.encoding) ||
      !description.type.startsWith('message/')
    ) {
      const inner = new EntityReader(
        this.reading,
        description.part,
        this.depth + this.frames.length + this.messages + 1,
      );
      this.body = new DecodedBody(
        description,
        false,
        (octets) => inner.write(octets),
        () => {
          inner.end();
          return undefined;
        },
      );
    } else {
      // An unencoded message: this reader reads its lines, because an outer boundary may end it.
      this.reading.add({ part: description.part, type: description.type, encoding: 'identity', size: 0 });
      this.messages++;
      this.path = description.part;
      this.isRoot = true;
      this.state = 'header';
    }
  }

  /** Reads the fields of the message, and the links in the fields of messages inside it. */
  private messageHeader(block: HeaderBlock): void {
    if (this.depth > 0 || this.path !== '') return;
    for (const { name, raw } of block.fields) {
      const value = decodeWords(raw);
      this.reading.headers.push(value === raw ? { name, value } : { name, value, raw });
      if (name.toLowerCase() !== 'from') continue;
      for (const written of addressDomains(raw)) {
        const domain = parseDomain(written);
        if (domain !== undefined && !this.reading.from.includes(domain)) this.reading.from.push(domain);
      }
    }
  }

  private strayText(text: string): void {
    new TextStream(this.reading.collector, { part: this.path, kind: 'text' }).aside(text);
  }

  private beginMultipart(type: string, boundary: string | undefined): void {
    this.reading.add({ part: this.path, type, encoding: 'identity', size: 0 });
    this.frames.push({
      path: this.path,
      boundary: boundary === '' ? undefined : boundary?.trimEnd(),
      count: 0,
      preamble: undefined,
      digest: type === 'multipart/digest',
    });
    this.candidate = undefined;
    this.state = 'between';
  }

  /** Returns the innermost multipart whose boundary the line is. */
  private boundaryAt(bytes: Uint8Array, at: number, end: number): { index: number; closes: boolean } | undefined {
    let stop = end;
    while (stop > at && (bytes[stop - 1] as number) <= 32) stop--;
    if (stop - at > MAX_BOUNDARY_LINE || stop - at < 3) return undefined;
    const text = asciiText(bytes, at + 2, stop);
    for (let index = this.frames.length - 1; index >= 0; index--) {
      const { boundary } = this.frames[index] as Frame;
      if (boundary === undefined || !text.startsWith(boundary)) continue;
      if (text.length === boundary.length) return { index, closes: false };
      if (text.length === boundary.length + 2 && text.endsWith('--')) return { index, closes: true };
    }
    return undefined;
  }

  private boundary(index: number, closes: boolean): void {
    this.endBody();
    this.popTo(index + 1);
    this.candidate = undefined;
    if (closes) this.state = 'between';
    else this.beginPart(this.frames[index] as Frame);
  }

  private beginPart(frame: Frame): void {
    frame.count++;
    this.path = frame.path === '' ? `${frame.count}` : `${frame.path}.${frame.count}`;
    this.isRoot = false;
    this.state = 'header';
  }

  /** Reads a line before the first boundary or after the last one. */
  private betweenParts(bytes: Uint8Array, at: number, end: number): void {
    const frame = this.frames.at(-1);
    if (frame === undefined || frame.count > 0) return;
    const line = asciiText(bytes, at, Math.min(end, at + MAX_BOUNDARY_LINE));
    if (this.candidate !== undefined && this.atLineStart) {
      // The header names another boundary or none, but a part begins like this.
      const begins =
        /^content-[a-z-]{1,40}[ \t]{0,8}:/i.test(line) || (frame.boundary === undefined && fieldNameEnd(line) > 0);
      if (begins) {
        frame.boundary = this.candidate;
        this.candidate = undefined;
        this.beginPart(frame);
        this.headerFields++;
        this.keepHeader(bytes.subarray(at, end));
        return;
      }
      this.candidate = undefined;
    }
    if (this.atLineStart && /^--[^\s-]/.test(line) && line.length <= 200) this.candidate = line.slice(2).trimEnd();
    this.preambleOf(frame).write(headerText(bytes.subarray(at, end)));
  }

  private preambleOf(frame: Frame): TextStream {
    if (frame.preamble === undefined) {
      const collector = new UriCollector(this.reading.limits);
      frame.preamble = { collector, text: new TextStream(collector, { part: frame.path, kind: 'text' }) };
    }
    return frame.preamble.text;
  }

  private endBody(): void {
    const { body } = this;
    this.body = undefined;
    if (body !== undefined) this.reading.add(body.end());
  }

  private popTo(length: number): void {
    while (this.frames.length > length) {
      const frame = this.frames.pop() as Frame;
      if (frame.preamble === undefined) continue;
      frame.preamble.text.end();
      if (frame.count === 0) this.reading.collector.absorb(frame.preamble.collector);
    }
    // A message ends with its part.
    this.messages = 0;
  }
}

/** Returns the position after `from` at which a line begins with a hyphen. */
function hyphenLine(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(45, from); at >= 0; at = bytes.indexOf(45, at + 1)) {
    if (at > 0 && bytes[at - 1] === 10) return at;
  }
  return bytes.length;
}

const asciiText = (bytes: Uint8Array, from: number, to: number): string =>
  String.fromCharCode.apply(null, bytes.subarray(from, to) as unknown as number[]);

function concat(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/**
 * Reads a message that is written to it in pieces, so that an SMTP server can pass on bytes as they arrive. It keeps only its
 * findings, not the message.
 */
export class MessageReader {
  private readonly reading: Reading;
  private readonly entity: EntityReader;
  private size = 0;

  constructor(options: MessageLimits = {}) {
    this.reading = new Reading(resolveLimits(options));
    this.entity = new EntityReader(this.reading, '', 0);
  }

  /** Reads the next bytes. Bytes beyond the limit are counted, not read. */
  write(chunk: Uint8Array): void {
    const room = this.reading.limits.bytes - this.size;
    this.size += chunk.length;
    if (chunk.length > room) this.reading.collector.exceed('bytes');
    if (room <= 0) return;
    for (let i = 0; i < chunk.length && i < room; i += PIECE)
      this.entity.write(chunk.subarray(i, Math.min(i + PIECE, room)));
  }

  /** Ends the message and returns its facts. */
  end(): MessageFacts {
    this.entity.end();
    const { collector, headers, from, parts } = this.reading;
    return {
      size: this.size,
      headers,
      from,
      uris: collector.uris,
      mailHosts: collector.mailHosts,
      parts,
      truncated: collector.truncated,
    };
  }
}

/** Bytes that are processed at a time. The reader's memory, besides its findings, is a small multiple of it. */
const PIECE = 16_384;
