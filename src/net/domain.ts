import punycode from 'punycode/punycode.js';

declare const canonical: unique symbol;

/** A domain name in canonical text: lower case, A-labels (`xn--…`), no trailing dot. Only `parseDomain` makes one. */
export type DomainName = string & { readonly [canonical]: 'DomainName' };

const MAX_NAME = 253; // RFC 1035 §2.3.4: 255 octets on the wire
const MAX_LABEL = 63;

/**
 * Reads a domain name in any case, with U-labels or A-labels, with or without the trailing dot.
 *
 * Underscores are allowed, because they occur in the DNS. A-labels of a name that is all ASCII are not decoded, because the
 * DNS does not decode them either.
 *
 * @returns the canonical name, or undefined if the text is not a domain name
 */
export function parseDomain(text: string): DomainName | undefined {
  if (typeof text !== 'string' || text.length === 0 || text.length > 1024) return undefined;
  let name = text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII
  if (!/^[\x00-\x7f]*$/.test(name)) {
    // The last label keeps the URL parser from reading an IPv4 address.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the URL parser would drop some of them
    const host = /[\x00-\x20\x7f%[\]]/.test(name) ? undefined : urlHost(`${name}.x`);
    if (host === undefined || !host.endsWith('.x')) return undefined;
    name = host.slice(0, -2);
  }
  if (name.endsWith('.')) name = name.slice(0, -1);
  name = name.toLowerCase();
  if (name.length > MAX_NAME) return undefined;
  for (const label of name.split('.')) {
    if (label.length === 0 || label.length > MAX_LABEL || !/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/.test(label))
      return undefined;
  }
  return name as DomainName;
}

/** Characters that UTS #46 ignores as of Unicode 16. URL parsers of older editions refuse some of them. */
// biome-ignore lint/suspicious/noMisleadingCharacterClass: each character stands alone
const IGNORED = /[\u00ad\u034f\u180b-\u180f\u200b\u2060\u2064\u206a-\u206f\ufe00-\ufe0f\ufeff]/g;

/**
 * Returns the host as a URL parser prints it (WHATWG URL §3.5): percent-encoding is decoded, and the name is mapped and encoded
 * by the non-transitional rules of UTS #46. No other code of this package maps names, so that two readers of one name never
 * differ. Runtimes have different editions of Unicode; this function evens out the differences that matter for names.
 *
 * @internal
 * @returns undefined if the text is not one host
 */
export function urlHost(text: string): string | undefined {
  // U+1E9E maps to ß since Unicode 15.1; before, it mapped to ss.
  const host = text.replace(IGNORED, '').replaceAll('\u1e9e', '\u00df');
  return parsedHost(host) ?? (host.includes('%') ? undefined : parsedHost(host.normalize('NFKC').toLowerCase()));
}

function parsedHost(host: string): string | undefined {
  // Characters that end a host in a URL cannot be part of a name. Normalization can introduce them: `℀` becomes `a/c`.
  if (/[/\\?#@]/.test(host) || (!host.startsWith('[') && host.includes(':'))) return undefined;
  const link = `http://${host}/`;
  // Catching an exception is slower than `canParse`.
  if (URL.canParse !== undefined && !URL.canParse(link)) return undefined;
  try {
    return new URL(link).hostname;
  } catch {
    return undefined;
  }
}

/** Prints the name for people: U-labels instead of A-labels. A label that cannot be decoded stays as it is. */
export function toUnicode(name: DomainName): string {
  return name
    .split('.')
    .map((label) => {
      if (!label.startsWith('xn--')) return label;
      try {
        return punycode.decode(label.slice(4));
      } catch {
        return label;
      }
    })
    .join('.');
}

/** Whether the name is a host name with at least two labels whose last label is not a number (RFC 1123 §2.1, RFC 3696 §2). */
export const isFullyQualified = (name: DomainName): boolean => {
  const labels = name.split('.');
  return labels.length > 1 && !/^\d+$/.test(labels.at(-1) as string) && !name.includes('_');
};

/** Whether `name` is `parent` or a subdomain of it. */
export const isWithin = (name: string, parent: string): boolean => name === parent || name.endsWith(`.${parent}`);
