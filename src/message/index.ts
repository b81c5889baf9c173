/**
 * What a message says: its header fields, its parts, and every link that its reader could follow.
 *
 * **Answers**: which hosts does this message, text, page or link lead to, where does it say so, and what do rewritten links
 * carry?
 *
 * **Knows**: the octets alone. Every kind of place is read: text and HTML in any transfer encoding and charset, attributes,
 * style sheets, refreshes, forms, conditional comments, invitations, shortcuts, attached pages, PDF annotations in the
 * clear, messages inside the message, and the fields that a mail program shows or acts on.
 *
 * **Asks**: nothing. It follows no link, and so it cannot tell where a shortener leads: it tells that it is one.
 *
 * **Standards**: RFC 5322, RFC 2045–2047, RFC 2231, RFC 3676, RFC 5545, RFC 6532; the WHATWG's URL, Encoding and HTML
 * standards; the Public Suffix List.
 *
 * **Limits**: every bound is an option ({@link MessageLimits}), and one that is met is told in `truncated`. Time is linear
 * in the octets; memory is bounded by what is kept. Scripts are not run, pictures and compressed PDF objects not opened,
 * encrypted parts not read. A name without a scheme counts where its suffix is on the Public Suffix List and it is not a
 * file's name; words such as "example dot com" are left alone.
 *
 * @example
 * ```ts
 * import { readMessage, readUri } from 'postern/message';
 *
 * const octets = new TextEncoder().encode('Subject: hi\r\n\r\nsee http://www.example.com/a\r\n');
 * const { uris, truncated } = await readMessage(octets);
 * for (const { uri, host, domain, where, wrapped, displayed } of uris) {
 *   uri;       // 'http://www.example.com/a'
 *   host;      // 'www.example.com'
 *   domain;    // 'example.com'
 *   where;     // { part: '1', kind: 'text' }
 *   wrapped;   // the links that this one carries, if any
 *   displayed; // the host that its reader is shown, if it is another
 * }
 * if (truncated.length > 0) truncated[0]?.limit; // 'links': there are more
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
