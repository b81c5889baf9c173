/**
 * Reads messages: header fields, parts, and every link that a recipient could follow.
 *
 * **Answers**: which hosts do the links of a message, text, page or link lead to, where are the links, and which links are
 * inside rewritten links?
 *
 * **Knows**: the bytes of the message only. It reads text and HTML in any transfer encoding and charset, attributes, style
 * sheets, refreshes, forms, conditional comments, invitations, shortcuts, attached pages, uncompressed PDF annotations,
 * messages inside the message, and the header fields that a mail program shows or acts on.
 *
 * **Asks**: nothing. It follows no link, so it reports a link shortener, but not its destination.
 *
 * **Standards**: RFC 5322, RFC 2045–2047, RFC 2231, RFC 3676, RFC 5545, RFC 6532; the WHATWG's URL, Encoding and HTML
 * standards; the Public Suffix List.
 *
 * **Limits**: every limit is an option ({@link MessageLimits}), and `truncated` reports the limits that were reached. Time is
 * linear in the size of the message; memory is bounded by the links and parts that are kept. It does not run scripts, and does
 * not read pictures, compressed PDF objects and encrypted parts. A name without a scheme counts if its suffix is on the Public
 * Suffix List and it is not a file name. It ignores words such as "example dot com".
 *
 * @example
 * ```ts
 * import { readMessage, readUri } from 'postern/message';
 *
 * const bytes = new TextEncoder().encode('Subject: hi\r\n\r\nsee http://www.example.com/a\r\n');
 * const { uris, truncated } = await readMessage(bytes);
 * for (const { uri, host, domain, where, wrapped, displayed } of uris) {
 *   uri;       // 'http://www.example.com/a'
 *   host;      // 'www.example.com'
 *   domain;    // 'example.com'
 *   where;     // { part: '1', kind: 'text' }
 *   wrapped;   // the links inside this one, if any
 *   displayed; // the host in the visible text, if it is another
 * }
 * if (truncated.length > 0) truncated[0]?.limit; // 'links': there are more links
 * readUri('https://eur01.safelinks.protection.outlook.com/?url=http%3A%2F%2Fexample.com')?.wrapped?.[0]?.host; // 'example.com'
 * ```
 *
 * @module
 */
export type {
  LinkPlace,
  MailHost,
  MessageFacts,
  MessageField,
  MessageUri,
  Part,
  Truncation,
  Uri,
  WrappedUri,
} from './facts.ts';
export { decodeWords } from './header.ts';
export type { MessageLimits, MessageLimits as ReadOptions } from './limits.ts';
export { type ExtractedUris, extractUris, type MessageSource, readMessage } from './message.ts';
export { readUri, urisInHtml, urisInText } from './pieces.ts';
export { MessageReader } from './reader.ts';
