import { parseIp } from '../net/index.ts';
import { trimLink } from './escapes.ts';
import { canonicalHost, isAddress, isPublicName } from './host.ts';
import { isMeantAsHost } from './name.ts';

/** A link taken apart as far as its host. */
export interface ParsedLink {
  /** `scheme://` and what follows it, with one pair of slashes. */
  readonly uri: string;
  readonly scheme: string;
  readonly host: string;
  /** Where in `uri` the path begins. */
  readonly path: number;
}

/** Schemes whose authority begins after any number of slashes of either kind (WHATWG URL §3.1, without `file`). */
const SPECIAL: ReadonlySet<string> = new Set(['http', 'https', 'ftp', 'ws', 'wss']);

/** Schemes whose links lead to no host of their own. */
const WITHOUT_HOST: ReadonlySet<string> = new Set(
  'mailto data javascript vbscript about cid mid tel sms callto file chrome resource moz-extension chrome-extension ms-appx urn tag blob-internal x-apple-data-detectors'.split(
    ' ',
  ),
);

const MAX_SCHEME = 32;

export interface LinkContext {
  /** Characters that are looked at. */
  readonly maxLength: number;
  /** Whether `example.com/x`, which a browser takes for a path, is read as a host: what the writer meant. */
  readonly bareNames: boolean;
}

/** Reads one link as an href would hold it; undefined where it leads to no host. */
export function parseLink(written: string, context: LinkContext): ParsedLink | undefined {
  const text = trimLink(written.length > context.maxLength ? written.slice(0, context.maxLength) : written);
  const colon = schemeEnd(text);
  if (colon > 0) {
    const scheme = text.slice(0, colon).toLowerCase();
    if (SPECIAL.has(scheme)) return authorityAt(text, skipSlashes(text, colon + 1), scheme, true);
    if (WITHOUT_HOST.has(scheme)) return undefined;
    if (text.startsWith('//', colon + 1)) {
      // What stands there is a host in some schemes, and a verb (`whatsapp://send`) in others.
      const link = authorityAt(text, colon + 3, scheme, false);
      return link !== undefined && (isAddress(link.host) || isPublicName(link.host)) ? link : undefined;
    }
    // `view-source:https://…`, `feed:http://…`: the link is inside.
    const rest = text.slice(colon + 1);
    const inner = schemeEnd(rest);
    if (inner > 0 && SPECIAL.has(rest.slice(0, inner).toLowerCase())) return parseLink(rest, context);
    if (!scheme.includes('.')) return undefined;
  }
  if (isSlash(text.charCodeAt(0)) && isSlash(text.charCodeAt(1)))
    return authorityAt(text, skipSlashes(text, 0), 'http', true);
  return context.bareNames ? bareLink(text) : undefined;
}

/** Where the colon after the scheme is; -1 where there is no scheme (RFC 3986 §3.1). */
export function schemeEnd(text: string): number {
  const first = text.charCodeAt(0) | 32;
  if (!(first >= 97 && first <= 122)) return -1;
  for (let i = 1; i < text.length && i <= MAX_SCHEME; i++) {
    const c = text.charCodeAt(i);
    if (c === 58) return i;
    const lower = c | 32;
    if (!((lower >= 97 && lower <= 122) || (c >= 48 && c <= 57) || c === 43 || c === 45 || c === 46)) return -1;
  }
  return -1;
}

const isSlash = (c: number): boolean => c === 47 || c === 92;

function skipSlashes(text: string, from: number): number {
  let i = from;
  while (isSlash(text.charCodeAt(i))) i++;
  return i;
}

/** WHATWG URL §4.4, authority and host states, with one leniency: a port may have any number of digits. */
function authorityAt(text: string, start: number, scheme: string, special: boolean): ParsedLink | undefined {
  let end = start;
  let hostStart = start;
  for (; end < text.length; end++) {
    const c = text.charCodeAt(end);
    if (c === 47 || c === 63 || c === 35 || (special && c === 92)) break;
    if (c === 64) hostStart = end + 1;
  }
  const raw = withoutPort(text.slice(hostStart, end));
  const host = raw === undefined ? undefined : canonicalHost(raw);
  if (host === undefined) return undefined;
  const prefix = `${scheme}://`;
  // Most links are written as they are to be told: no copy is made of those.
  const plain = start === prefix.length && text.startsWith(prefix);
  return { uri: plain ? text : prefix + text.slice(start), scheme, host, path: prefix.length + end - start };
}

/** The host without `:port`; an IPv6 address that lacks its brackets gets them. */
function withoutPort(host: string): string | undefined {
  if (host.startsWith('[')) {
    const close = host.indexOf(']');
    return close > 0 && /^(:\d*)?$/.test(host.slice(close + 1)) ? host.slice(0, close + 1) : undefined;
  }
  const colon = host.lastIndexOf(':');
  if (colon < 0) return host;
  if (host.indexOf(':') !== colon) return parseIp(host) === undefined ? undefined : `[${host}]`;
  return /^\d*$/.test(host.slice(colon + 1)) ? host.slice(0, colon) : undefined;
}

function bareLink(text: string): ParsedLink | undefined {
  let start = 0;
  while (text.charCodeAt(start) === 46) start++;
  // `..` and `./` begin a path; one dot before a name is a slip of the pen.
  if (start > 1) return undefined;
  let end = start;
  for (; end < text.length; end++) {
    const c = text.charCodeAt(end);
    if (c === 47 || c === 63 || c === 35 || c === 92 || c === 58) break;
    if (c === 64 || c <= 32) return undefined;
  }
  const written = text.slice(start, end);
  if (!/[.\u3002\uff0e\uff61%]/.test(written)) return undefined;
  const host = canonicalHost(written);
  if (host === undefined || !host.includes('.')) return undefined;
  let after = end;
  if (text.charCodeAt(end) === 58) {
    after++;
    while (after < text.length && text.charCodeAt(after) >= 48 && text.charCodeAt(after) <= 57) after++;
    if (after < text.length && !/[/?#\\]/.test(text[after] as string)) return undefined;
  }
  if (!isMeantAsHost(host, host, after > end || text.charCodeAt(end) === 47)) return undefined;
  return { uri: `http://${text.slice(start)}`, scheme: 'http', host, path: 7 + after - start };
}

/** The domain of the mailbox in `mailto:user@example.com` or `user@example.com`. */
export function mailHostOf(written: string): string | undefined {
  const text = trimLink(written.length > 1_024 ? written.slice(0, 1_024) : written);
  const start = /^mailto:/i.test(text) ? 7 : 0;
  const query = text.indexOf('?', start);
  const address = text.slice(start, query < 0 ? text.length : query);
  const at = address.lastIndexOf('@');
  if (at <= 0 || /[/\s<>]/.test(address)) return undefined;
  return canonicalHost(address.slice(at + 1));
}
