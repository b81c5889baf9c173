import { type TextKind, type TextReader, textReader } from './body-text.ts';
import { type CharsetDecoder, charsetDecoder, sniffCharset } from './charset.ts';
import type { UriCollector } from './collector.ts';
import type { Part } from './facts.ts';
import {
  Base64Decoder,
  identity,
  isBase64Octet,
  joinBytes,
  QuotedPrintableDecoder,
  type TransferDecoder,
  UuDecoder,
} from './transfer.ts';

/** The body's properties from the part's header. */
export interface BodyDescription {
  readonly part: string;
  readonly type: string;
  readonly encoding: string;
  readonly charset: string | undefined;
  readonly filename: string | undefined;
  readonly disposition: string | undefined;
  readonly format: string | undefined;
  readonly delSp: boolean;
}

/** Reads a body in its transfer encoding. */
export interface BodyReader {
  write(bytes: Uint8Array): void;
  /** Ends the body and returns the part. */
  end(): Part;
}

const EMPTY = new Uint8Array(0);

/** Number of bytes used to detect the encoding of a body. */
const HEAD = 1_024;

/** Returns how to read a part: as a kind of text, as a message, or not at all. */
export function contentKind({ type, filename, format, delSp }: BodyDescription): TextKind | 'message' | undefined {
  const known = kindOfType(type);
  if (known === 'plain' && delSp && format === 'flowed') return 'delsp';
  if (known !== undefined) return known;
  // For generic types, mail programs choose the application by file extension.
  if (type.startsWith('image/') || type.startsWith('audio/') || type.startsWith('video/')) return undefined;
  const ending = filename === undefined ? '' : filename.slice(filename.lastIndexOf('.') + 1).toLowerCase();
  return KIND_OF_ENDING.get(ending);
}

const KIND_OF_ENDING: ReadonlyMap<string, TextKind | 'message'> = new Map<string, TextKind | 'message'>([
  ['html', 'html'],
  ['htm', 'html'],
  ['xhtml', 'html'],
  ['shtml', 'html'],
  ['xht', 'html'],
  ['svg', 'html'],
  ['mht', 'message'],
  ['mhtml', 'message'],
  ['eml', 'message'],
  ['ics', 'calendar'],
  ['vcf', 'calendar'],
  ['txt', 'plain'],
  ['url', 'plain'],
  ['webloc', 'plain'],
  ['rtf', 'plain'],
  ['pdf', 'document'],
]);

function kindOfType(type: string): TextKind | 'message' | undefined {
  switch (type) {
    case 'text/html':
    case 'text/x-amp-html':
    case 'text/watch-html':
    case 'application/xhtml+xml':
    case 'image/svg+xml':
      return 'html';
    case 'text/calendar':
    case 'text/vcard':
    case 'text/x-vcard':
    case 'text/directory':
    case 'application/ics':
      return 'calendar';
    case 'application/pdf':
    case 'application/x-pdf':
      return 'document';
    case 'application/rtf':
    case 'application/x-mswinurl':
    case 'application/internet-shortcut':
      return 'plain';
    case 'message/rfc822':
    case 'message/global':
    case 'message/news':
      return 'message';
    // Source code and the headers of returned messages are not message text.
    case 'text/javascript':
    case 'text/css':
    case 'text/rfc822-headers':
      return undefined;
    default:
      return type.startsWith('text/') ? 'plain' : undefined;
  }
}

/** Counts the size of a body without reading it. */
export class SkippedBody implements BodyReader {
  private readonly description: BodyDescription;
  private size = 0;

  constructor(description: BodyDescription) {
    this.description = description;
  }

  write(bytes: Uint8Array): void {
    this.size += bytes.length;
  }

  end(): Part {
    return partOf(this.description, this.size, encodingName(this.description.encoding));
  }
}

/** Decodes the transfer encoding, even if the header declares it wrongly, and passes the bytes on. */
export class DecodedBody implements BodyReader {
  private readonly description: BodyDescription;
  private readonly accept: (octets: Uint8Array) => void;
  private readonly finish: () => string | undefined;
  private readonly textual: boolean;
  private head: Uint8Array | undefined = EMPTY;
  private decoder: TransferDecoder = identity;
  private encoding: Part['encoding'];
  /** Decoder of a second quoted-printable layer inside the first encoding. */
  private inner: TransferDecoder | undefined;
  private innerHead: Uint8Array | undefined = EMPTY;
  private size = 0;

  constructor(
    description: BodyDescription,
    textual: boolean,
    accept: (octets: Uint8Array) => void,
    finish: () => string | undefined,
  ) {
    this.description = description;
    this.textual = textual;
    this.accept = accept;
    this.finish = finish;
    this.encoding = encodingName(description.encoding);
  }

  write(bytes: Uint8Array): void {
    this.size += bytes.length;
    if (this.head === undefined) this.decoded(this.decoder.write(bytes));
    else {
      this.head = joinBytes(this.head, bytes);
      if (this.head.length >= HEAD) this.begin();
    }
  }

  end(): Part {
    if (this.head !== undefined) this.begin();
    this.decoded(this.decoder.end());
    if (this.innerHead !== undefined) this.beginInner();
    if (this.inner !== undefined) this.accept(this.inner.end());
    const charset = this.finish();
    return { ...partOf(this.description, this.size, this.encoding), charset };
  }

  private begin(): void {
    const head = this.head as Uint8Array;
    this.head = undefined;
    if (this.textual) this.encoding = trueEncoding(this.encoding, head);
    this.decoder = decoderOf(this.encoding);
    if (!this.textual || this.encoding === 'quoted-printable') this.innerHead = undefined;
    this.decoded(this.decoder.write(head));
  }

  private decoded(octets: Uint8Array): void {
    if (this.innerHead !== undefined) {
      // The decoder reuses its array, so copy what is kept.
      this.innerHead = joinBytes(this.innerHead, octets.slice());
      if (this.innerHead.length >= HEAD) this.beginInner();
    } else if (octets.length > 0) this.accept(this.inner === undefined ? octets : this.inner.write(octets));
  }

  private beginInner(): void {
    const head = this.innerHead as Uint8Array;
    this.innerHead = undefined;
    if (this.encoding !== 'identity' && looksQuotedPrintable(head)) this.inner = new QuotedPrintableDecoder();
    if (head.length > 0) this.accept(this.inner === undefined ? head : this.inner.write(head));
  }
}

/** Returns a reader that decodes a text body to characters and reads it. */
export function textBody(description: BodyDescription, kind: TextKind, collector: UriCollector): BodyReader {
  const reader: TextReader = textReader(kind, collector, description.part);
  if (kind === 'document') {
    const latin1 = charsetDecoder('windows-1252');
    return new DecodedBody(
      description,
      false,
      (octets) => reader.write(latin1.write(octets)),
      () => {
        reader.end();
        return undefined;
      },
    );
  }
  let decoder: CharsetDecoder | undefined;
  let charset: string | undefined;
  const accept = (octets: Uint8Array): void => {
    if (decoder === undefined) {
      charset = sniffCharset(octets, description.charset, kind === 'html');
      decoder = charsetDecoder(charset);
    }
    reader.write(decoder.write(octets));
  };
  return new DecodedBody(description, true, accept, () => {
    if (decoder !== undefined) reader.write(decoder.end());
    reader.end();
    return charset?.toLowerCase();
  });
}

function partOf(
  { part, type, filename, disposition }: BodyDescription,
  size: number,
  encoding: Part['encoding'],
): Part {
  return {
    part,
    type,
    encoding,
    filename,
    ...(disposition === 'inline' || disposition === 'attachment' ? { disposition } : {}),
    size,
  };
}

function encodingName(declared: string): Part['encoding'] {
  switch (declared) {
    case 'base64':
    case 'quoted-printable':
      return declared;
    case 'x-uuencode':
    case 'x-uue':
    case 'uuencode':
    case 'uue':
      return 'uuencode';
    default:
      return 'identity';
  }
}

function decoderOf(encoding: Part['encoding']): TransferDecoder {
  switch (encoding) {
    case 'base64':
      return new Base64Decoder();
    case 'quoted-printable':
      return new QuotedPrintableDecoder();
    case 'uuencode':
      return new UuDecoder();
    case 'identity':
      return identity;
  }
}

/** Returns the actual encoding of the bytes if it clearly differs from the declared one. */
function trueEncoding(declared: Part['encoding'], head: Uint8Array): Part['encoding'] {
  if (declared === 'base64')
    return looksBase64(head, false) ? 'base64' : looksQuotedPrintable(head) ? 'quoted-printable' : 'identity';
  if (declared !== 'identity') return declared;
  if (looksBase64(head, true)) return 'base64';
  return looksQuotedPrintable(head) ? 'quoted-printable' : 'identity';
}

/**
 * Reports whether the bytes look like base64: no `<`, no `://`, few characters outside the alphabet. Undeclared base64
 * (`strict`) must contain nothing else and a line longer than any word.
 */
function looksBase64(head: Uint8Array, strict: boolean): boolean {
  let other = 0;
  let longest = 0;
  let line = 0;
  for (let i = 0; i < head.length; i++) {
    const c = head[i] as number;
    if (c === 10 || c === 13) {
      line = 0;
      continue;
    }
    if (c === 60 || (c === 58 && head[i + 1] === 47 && head[i + 2] === 47)) return false;
    if (!isBase64Octet(c)) other++;
    else if (++line > longest) longest = line;
  }
  return strict ? other === 0 && longest >= 40 && hasMixedCase(head) : other * 5 <= head.length;
}

/** Reports whether both cases occur. Text in one case, or digits alone, is not base64. */
function hasMixedCase(head: Uint8Array): boolean {
  let upper = false;
  let lower = false;
  for (const c of head) {
    if (c >= 65 && c <= 90) upper = true;
    else if (c >= 97 && c <= 122) lower = true;
  }
  return upper && lower;
}

/** Looks for `=3D"` (a quoted-printable attribute) or two lines that end in `=`. Neither occurs by chance. */
function looksQuotedPrintable(head: Uint8Array): boolean {
  let breaks = 0;
  for (let i = 0; i + 1 < head.length; i++) {
    if (head[i] !== 61) continue;
    const next = head[i + 1] as number;
    if (next === 10 || (next === 13 && head[i + 2] === 10)) breaks++;
    else if (next === 51 && ((head[i + 2] ?? 0) | 32) === 100 && (head[i + 3] === 34 || head[i + 3] === 39))
      return true;
  }
  return breaks >= 2;
}
