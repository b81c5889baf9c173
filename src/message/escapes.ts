/** Decoding of what a link can be wrapped in. Every function is total: what cannot be decoded comes back as it was. */

/** One round of percent-decoding, as UTF-8 where it is UTF-8 and else only of what is ASCII. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-7][0-9a-fA-F])/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
}

/** Base64 of either alphabet, with or without padding, to the characters of its octets; undefined where it is none. */
export function base64Text(text: string): string | undefined {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 61) end--;
  if (end % 4 === 1) end--;
  if (end === 0) return undefined;
  const plain = text.slice(0, end).replace(/[-_]/g, (c) => (c === '-' ? '+' : '/'));
  try {
    return atob(plain);
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder('utf-8');

/** Octets, one in each character, read as UTF-8. */
export function utf8Text(octets: string): string {
  const bytes = new Uint8Array(octets.length);
  for (let i = 0; i < octets.length; i++) bytes[i] = octets.charCodeAt(i);
  return utf8.decode(bytes);
}

/** The text without what a URL parser takes away: controls and spaces at its ends, tabs and line ends anywhere. */
export function trimLink(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 32) start++;
  while (end > start && text.charCodeAt(end - 1) <= 32) end--;
  const trimmed = start === 0 && end === text.length ? text : text.slice(start, end);
  return /[\t\n\r]/.test(trimmed) ? trimmed.replace(/[\t\n\r]/g, '') : trimmed;
}

/** A copy that does not keep the text it was cut out of in memory. */
export const detach = (text: string): string => (text.length < 13 ? text : ` ${text}`.slice(1));
