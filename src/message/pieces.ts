import { UriCollector } from './collector.ts';
import type { LinkPlace, MessageUri, Uri } from './facts.ts';
import { domainOf } from './host.ts';
import { HtmlReader } from './html.ts';
import { type MessageLimits, resolveLimits } from './limits.ts';
import { parseLink } from './link.ts';
import { isShortener } from './shorteners.ts';
import { TextScan } from './text.ts';
import { unwrap } from './wrapped.ts';

const TEXT: LinkPlace = { part: '', kind: 'text' };

/**
 * Finds the links in running text: those with a scheme, and bare names whose suffix is on the Public Suffix List.
 *
 * @param text decoded text without markup
 */
export function urisInText(text: string, options: MessageLimits = {}): MessageUri[] {
  const collector = new UriCollector(resolveLimits(options));
  new TextScan(text, collector, TEXT).run();
  return collector.uris;
}

/** Finds the links in HTML: in attributes, style sheets, and the text between the tags. */
export function urisInHtml(html: string, options: MessageLimits = {}): MessageUri[] {
  const limits = resolveLimits(options);
  const collector = new UriCollector(limits);
  const reader = new HtmlReader(collector, '', limits.value);
  reader.write(html);
  reader.end();
  return collector.uris;
}

/**
 * Reads one link as in an `href`, by the WHATWG's rules for hosts. `example.com/path` without a scheme is read as a link to
 * example.com.
 *
 * @returns the link and the links inside it; undefined if it leads to no host (`mailto:`, `#top`, `page.html`)
 */
export function readUri(link: string, options: MessageLimits = {}): Uri | undefined {
  const context = { maxLength: resolveLimits(options).linkLength, bareNames: true };
  const parsed = parseLink(link, context);
  if (parsed === undefined) return undefined;
  const wrapped = unwrap(parsed, context);
  const domain = domainOf(parsed.host);
  return {
    uri: parsed.uri,
    host: parsed.host,
    domain,
    ...(wrapped.length > 0 ? { wrapped } : {}),
    ...(isShortener(parsed.host, domain) ? { shortener: true as const } : {}),
  };
}
