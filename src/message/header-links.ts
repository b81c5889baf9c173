import type { UriCollector } from './collector.ts';
import type { LinkPlace } from './facts.ts';
import { decodeWords, type HeaderBlock } from './header.ts';
import { parseLink } from './link.ts';
import { TextScan } from './text.ts';

/** Fields whose text a reader is shown. */
const SHOWN: ReadonlySet<string> = new Set([
  'subject',
  'from',
  'sender',
  'reply-to',
  'comments',
  'organization',
  'thread-topic',
]);

/** Fields that hold links a mail program acts on (RFC 2369, RFC 5064, RFC 2557). */
const LINKS: ReadonlySet<string> = new Set([
  'list-unsubscribe',
  'list-help',
  'list-subscribe',
  'list-post',
  'list-owner',
  'list-archive',
  'archived-at',
  'content-location',
  'content-base',
]);

/**
 * Links in the fields of a header: as text in what a reader is shown, as links in what is meant for one. `Received`,
 * `Message-ID` and the like name hosts that a reader is not led to.
 *
 * @param message the header is a message's, not only a part's
 * @param external the `URL` parameter of a body that lies elsewhere (RFC 2017)
 */
export function readHeaderLinks(
  block: HeaderBlock,
  message: boolean,
  part: string,
  collector: UriCollector,
  external?: string,
): void {
  for (const { name, raw } of block.fields) {
    const field = name.toLowerCase();
    if (LINKS.has(field)) links(raw, collector, { part, kind: 'header', name: field });
    else if (message && SHOWN.has(field)) shown(decodeWords(raw), collector, { part, kind: 'header', name: field });
  }
  if (external !== undefined) one(external, collector, { part, kind: 'header', name: 'content-type' });
}

/** The text without the addresses in angle brackets. */
function shown(value: string, collector: UriCollector, where: LinkPlace): void {
  new TextScan(where.name === 'subject' ? value : value.replace(/<[^<>]*>/g, ' '), collector, where).run();
}

/** `<https://example.com/u>, <mailto:…>`, or one bare link. */
function links(raw: string, collector: UriCollector, where: LinkPlace): void {
  const value = raw.includes('=?') ? decodeWords(raw) : raw;
  const bracketed = value.match(/<[^<>]*>/g);
  if (bracketed === null) one(value.split(/[\s,]/, 1)[0] ?? '', collector, where);
  else for (const link of bracketed.slice(0, 64)) one(link.slice(1, -1), collector, where);
}

function one(written: string, collector: UriCollector, where: LinkPlace): void {
  const link = parseLink(written, collector.schemedOnly);
  if (link !== undefined) collector.link(link, where);
  else collector.mail(written, where);
}
