import { parseIp } from '../net/index.ts';
import {
  ASCII_WORD,
  classOf,
  DOT,
  IDEOGRAPHIC_DOT,
  IGNORED,
  isSpace,
  OTHER_WORD,
  UNSPACED_WORD,
} from './characters.ts';
import { canonicalHost, isAddress, isPublicName, isUnlistedName } from './host.ts';

/** A host that stands in running text. */
export interface TextHost {
  readonly host: string;
  /** The host as it is to be written in the link, where that differs from the text; else `''`. */
  readonly written: string;
  /** Where the host ends in the text; a port may follow. */
  readonly end: number;
}

/**
 * The host after `://` in running text, where nothing says how far the link goes: userinfo is taken off, and prose
 * that is glued to the name is left out.
 */
export function authorityInText(
  text: string,
  start: number,
  maxLength: number,
  explicit = false,
): TextHost | undefined {
  const from = afterUserinfo(text, start, maxLength);
  if (text.charCodeAt(from) === 91) {
    const close = text.indexOf(']', from);
    // `[.]` at the very front is no address either way.
    if (close < 0 || close - from > 64) return undefined;
    const host = canonicalHost(text.slice(from, close + 1));
    return host === undefined ? undefined : { host, written: '', end: close + 1 };
  }
  return bareIpv6(text, from) ?? nameAt(text, from, explicit);
}

/** Behind the last `@` before the path, if what stands before it can be userinfo (RFC 3986 §3.2.1). */
function afterUserinfo(text: string, start: number, maxLength: number): number {
  let from = start;
  const limit = Math.min(text.length, start + maxLength);
  for (let i = start; i < limit; i++) {
    const c = text.charCodeAt(i);
    if (c === 64) from = i + 1;
    else if (isSpace(c) || c === 47 || c === 92 || c === 63 || c === 35 || '"<>()[]'.includes(text[i] as string)) break;
  }
  return from < limit ? from : start;
}

function bareIpv6(text: string, from: number): TextHost | undefined {
  let end = from;
  let colons = 0;
  for (; end < text.length && end - from < 46; end++) {
    const c = text.charCodeAt(end);
    if (c === 58) colons++;
    else if (!((c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 102) || c === 46)) break;
  }
  if (colons < 2) return undefined;
  const address = text.slice(from, end);
  if (parseIp(address) === undefined) return undefined;
  const host = canonicalHost(`[${address}]`);
  return host === undefined ? undefined : { host, written: `[${address}]`, end };
}

function nameAt(text: string, from: number, explicit: boolean): TextHost | undefined {
  let end = from;
  let ascii = from;
  let plain = true;
  let unspaced = false;
  for (; end < text.length && end - from <= 1_024; end++) {
    const c = text.charCodeAt(end);
    const found = classOf(c);
    if (found === ASCII_WORD || c === 46) {
      if (plain) ascii = end + 1;
    } else if (
      found === OTHER_WORD ||
      found === UNSPACED_WORD ||
      found === IDEOGRAPHIC_DOT ||
      found === DOT ||
      found === IGNORED
    ) {
      plain = false;
      unspaced ||= found === UNSPACED_WORD;
    } else if (c === 37 && isHex(text.charCodeAt(end + 1)) && isHex(text.charCodeAt(end + 2))) {
      end += 2;
      if (plain) ascii = end + 1;
    } else if (isDisguisedDot(text, end)) {
      end += 2;
      plain = false;
    } else break;
  }
  while (end > from && isTail(text.charCodeAt(end - 1))) end--;
  // `xn--` with other letters behind it is no name, and neither is `xn`.
  const cutShort = !plain && isTail(text.charCodeAt(ascii - 1));
  while (ascii > from && isTail(text.charCodeAt(ascii - 1))) ascii--;
  if (!plain) {
    const written = text.slice(from, end).replace(/[[(]\.[\])]/g, '.');
    const cut = written.search(/[\u00ad\u200b-\u200d\u2060\ufeff]/);
    const before = cut > 0 ? accept(written.slice(0, cut), from + cut) : undefined;
    const whole = before ?? accept(written, end);
    if (whole !== undefined)
      return { ...whole, written: written.slice(0, before === undefined ? written.length : cut) };
    // Without a suffix, the name ends where the words of a script without spaces begin.
    if (explicit && !unspaced && !cutShort) {
      const other = unlisted(written, end);
      if (other !== undefined) return { ...other, written };
    }
    end = ascii;
  }
  const listed = accept(text.slice(from, end), end);
  return listed ?? (explicit && !cutShort ? unlisted(text.slice(from, end), end) : undefined);
}

/** A host in text has a public suffix or is an address. Anything else is prose, unless a scheme says otherwise. */
function accept(written: string, end: number): TextHost | undefined {
  const host = canonicalHost(written);
  if (host === undefined || !(isAddress(host) || isPublicName(host))) return undefined;
  return { host, written: '', end };
}

/** A host without a public suffix, as far as it can be told from prose. */
function unlisted(written: string, end: number): TextHost | undefined {
  const host = canonicalHost(written);
  return host === undefined || !isUnlistedName(host) ? undefined : { host, written: '', end };
}

const isHex = (c: number): boolean => (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 102);

const isTail = (c: number): boolean => c === 46 || c === 45 || c === 95;

const isDisguisedDot = (text: string, at: number): boolean => {
  const c = text.charCodeAt(at);
  return (c === 91 || c === 40) && text.charCodeAt(at + 1) === 46 && text.charCodeAt(at + 2) === (c === 91 ? 93 : 41);
};
