import { base64Text, percentDecode, utf8Text } from './escapes.ts';
import type { WrappedUri } from './facts.ts';
import { isAddress, isPublicName } from './host.ts';
import { type LinkContext, type ParsedLink, parseLink } from './link.ts';
import { isMeantAsHost, withDomain } from './name.ts';
import { serviceOf } from './wrapping-services.ts';

/** Maximum number of links extracted from one link. */
const MAX_WRAPPED = 32;
/** Maximum nesting of rewriting services. */
const MAX_DEPTH = 8;
/** Maximum rounds of percent-decoding. */
const MAX_ROUNDS = 5;

/** Query parameters whose value is a link even without a scheme. */
const TARGETS: ReadonlySet<string> = new Set(
  'url u uri q to dest destination redirect redirect_url redirect_uri redir target link goto go out adurl imgurl next return returnurl return_to continue href ref r'.split(
    ' ',
  ),
);

/**
 * Returns the links inside a link, without network access. Decodes the formats of rewriting services. In other links, it
 * searches path, query and fragment for links: plain, percent-encoded (up to five times) or in base64.
 */
export function unwrap(link: ParsedLink, context: LinkContext): WrappedUri[] {
  const found: WrappedUri[] = [];
  unwrapInto(found, link, context, 0);
  return found;
}

function unwrapInto(found: WrappedUri[], link: ParsedLink, context: LinkContext, depth: number): void {
  if (depth >= MAX_DEPTH || found.length >= MAX_WRAPPED) return;
  const service = serviceOf(link);
  if (service !== undefined) {
    for (const written of service.targets) {
      const target = parseLink(written, { ...context, bareNames: true });
      if (target !== undefined && add(found, target, service.name, link)) unwrapInto(found, target, context, depth + 1);
    }
    if (service.complete) return;
  }
  const rest = link.uri.slice(link.path);
  if (rest.length > 1) nested(found, rest, link, context, depth);
}

/** Adds a new link that leads to a public host. */
function add(found: WrappedUri[], target: ParsedLink, by: string, outer: ParsedLink): boolean {
  if (found.length >= MAX_WRAPPED || target.uri === outer.uri) return false;
  if (!isAddress(target.host) && !isPublicName(target.host)) return false;
  // Each round of decoding meets the same link again, with less of it encoded.
  const plain = fullyDecoded(target.uri);
  if (found.some((other) => fullyDecoded(other.uri) === plain)) return false;
  found.push({ uri: target.uri, ...withDomain(target.host), by });
  return true;
}

function fullyDecoded(uri: string): string {
  let text = uri;
  for (let round = 0; round < MAX_ROUNDS && text.includes('%'); round++) text = percentDecode(text);
  return text;
}

/** Whether a search for links can find any, without decoding anything. */
const PROMISING = /https?[:%\\]|ftp[:%]|www\.|[=%]|aHR0c|eyJ/i;

function nested(found: WrappedUri[], rest: string, outer: ParsedLink, context: LinkContext, depth: number): void {
  if (!PROMISING.test(rest)) return;
  let text = rest;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (text.includes(':') || text.includes('=//')) schemed(found, text, outer, context, depth);
    if (round <= 1) parameters(found, text, outer, context, depth);
    const decoded = percentDecode(text);
    if (decoded === text) break;
    if (round === 0) disguisedSegments(found, rest, outer, context);
    text = decoded;
  }
}

/** Finds `…https://example.com…`: a link starts at each scheme and ends at the next parameter. */
function schemed(found: WrappedUri[], text: string, outer: ParsedLink, context: LinkContext, depth: number): void {
  for (const match of text.matchAll(/(?:https?|ftp):\\?[/\\]|=\/\//gi)) {
    if (found.length >= MAX_WRAPPED) return;
    const start = match.index + (match[0].startsWith('=') ? 1 : 0);
    let end = match.index + match[0].length;
    while (end < text.length && !/[&"'<>\s]/.test(text[end] as string)) end++;
    const target = parseLink(text.slice(start, end).replace(/\\\//g, '/'), { ...context, bareNames: false });
    if (target === undefined || !add(found, target, 'nested', outer)) continue;
    if (serviceOf(target) !== undefined) unwrapInto(found, target, context, depth + 1);
  }
}

/** Finds values and segments with a link in base64 or without a scheme. */
function parameters(found: WrappedUri[], text: string, outer: ParsedLink, context: LinkContext, depth: number): void {
  for (let start = 0, count = 0; start < text.length && count < 256; count++) {
    if (found.length >= MAX_WRAPPED) return;
    let end = start;
    while (end < text.length && !isSeparator(text.charCodeAt(end))) end++;
    const piece = text.slice(start, end);
    start = end + 1;
    if (piece.length < 4) continue;
    const equals = piece.indexOf('=');
    const value = equals < 0 ? piece : piece.slice(equals + 1);
    if (value.length < 4) continue;
    if (equals >= 0) bareValue(found, piece.slice(0, equals), text, value, outer, context);
    if (value.length >= 16) encodedValue(found, value, outer, context, depth);
  }
}

/** `&`, `?`, `#`, `/`, `;`. */
const isSeparator = (c: number): boolean => c === 38 || c === 63 || c === 35 || c === 47 || c === 59;

function bareValue(
  found: WrappedUri[],
  name: string,
  text: string,
  value: string,
  outer: ParsedLink,
  context: LinkContext,
): void {
  if (!/^www\./i.test(value) && !TARGETS.has(name.toLowerCase())) return;
  const start = text.indexOf(value);
  const ampersand = text.indexOf('&', start);
  const whole = text.slice(start, ampersand < 0 ? text.length : ampersand);
  const target = parseLink(whole, { ...context, bareNames: true });
  if (target !== undefined) add(found, target, 'nested', outer);
}

function encodedValue(
  found: WrappedUri[],
  value: string,
  outer: ParsedLink,
  context: LinkContext,
  depth: number,
): void {
  if (/^68747470[0-9a-f]+$/i.test(value)) {
    const target = parseLink(hexText(value), { ...context, bareNames: false });
    if (target !== undefined) add(found, target, 'nested', outer);
    return;
  }
  // Some services put a prefix before the base64 (`a1aHR0c…`), so search for the encoded `http` too.
  const mark = value.indexOf('aHR0c');
  const code = mark > 0 ? value.slice(mark) : value;
  const length = codeLength(code);
  if (length < 12 || (mark < 0 && length !== code.length)) return;
  const decoded = base64Text(code.slice(0, length));
  if (decoded === undefined || !/^[\t\n\r -~\x80-\xff]*$/.test(decoded)) return;
  if (/^https?:/i.test(decoded)) {
    const target = parseLink(utf8Text(decoded), { ...context, bareNames: false });
    if (target !== undefined && add(found, target, 'nested', outer)) unwrapInto(found, target, context, depth + 1);
  } else if (/https?:\\?\/|https?%3a/i.test(decoded)) {
    schemed(found, percentDecode(utf8Text(decoded)), outer, context, depth);
  }
}

const hexText = (hex: string): string =>
  hex.replace(/[0-9a-f]{2}/gi, (octet) => String.fromCharCode(Number.parseInt(octet, 16)));

function codeLength(text: string): number {
  let i = 0;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const lower = c | 32;
    if (!((lower >= 97 && lower <= 122) || (c >= 47 && c <= 57) || c === 43 || c === 45 || c === 95)) break;
  }
  while (i < text.length && text.charCodeAt(i) === 61) i++;
  return i;
}

/** Finds path segments that hide a host name with unnecessary escapes: `n%65ver%2eco%6d`. */
function disguisedSegments(found: WrappedUri[], rest: string, outer: ParsedLink, context: LinkContext): void {
  const query = rest.search(/[?#]/);
  for (const segment of rest.slice(0, query < 0 ? rest.length : query).split('/', 64)) {
    if (!/%(?:2e|3\d|[46][1-9a-f]|[57][0-9a])/i.test(segment)) continue;
    const name = percentDecode(segment);
    if (!isMeantAsHost(name.toLowerCase(), name, false)) continue;
    const target = parseLink(name, { ...context, bareNames: true });
    if (target !== undefined) add(found, target, 'nested', outer);
  }
}
