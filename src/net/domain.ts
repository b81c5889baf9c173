import punycode from 'punycode/punycode.js';
import { getDomain, getPublicSuffix, parse as parseHost } from 'tldts';

declare const canonical: unique symbol;

/** A domain name in canonical text: lower case, A-labels (`xn--…`), no trailing dot. Made only here. */
export type DomainName = string & { readonly [canonical]: 'DomainName' };

const MAX_NAME = 253; // RFC 1035 §2.3.4: 255 octets on the wire
const MAX_LABEL = 63;

/**
 * Reads a domain name as people and programs write it: any case, U-labels or A-labels, with or without the trailing dot.
 *
 * Underscores are taken (they occur in the DNS); what the DNS cannot carry is not.
 *
 * @returns the canonical name, or undefined where the text is none
 */
export function parseDomain(text: string): DomainName | undefined {
  if (typeof text !== 'string' || text.length === 0 || text.length > 1024) return undefined;
  let name = text.endsWith('.') ? text.slice(0, -1) : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII
  if (!/^[\x00-\x7f]*$/.test(name)) {
    const ascii = toAscii(name);
    if (ascii === undefined) return undefined;
    name = ascii;
  }
  name = name.toLowerCase();
  if (name.length > MAX_NAME) return undefined;
  for (const label of name.split('.')) {
    if (label.length === 0 || label.length > MAX_LABEL || !/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/.test(label))
      return undefined;
  }
  return name as DomainName;
}

/** Maps and encodes by the rules of UTS 46, which the URL parser of every runtime applies to a host. */
function toAscii(name: string): string | undefined {
  // Characters that end a host in a URL are not part of any name.
  if (/[/?#\\@:[\]\s%]/.test(name)) return undefined;
  try {
    const { hostname } = new URL(`http://${name}.x/`);
    return hostname.endsWith('.x') ? hostname.slice(0, -2) : undefined;
  } catch {
    return undefined;
  }
}

/** The name as people read it: U-labels instead of A-labels. A label that cannot be decoded is left as it is. */
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

/** Whether the name is a host name with at least two labels, whose last is not a number (RFC 1123 §2.1, RFC 3696 §2). */
export const isFullyQualified = (name: DomainName): boolean => {
  const labels = name.split('.');
  return labels.length > 1 && !/^\d+$/.test(labels.at(-1) as string) && !name.includes('_');
};

export interface RegistrableOptions {
  /** Count private suffixes (`github.io`) as suffixes too; true where not given. */
  readonly privateSuffixes?: boolean;
}

/**
 * The registrable domain of a host or a URI: one label more than its public suffix. For an IP address, a single label,
 * a bare suffix, or a suffix that is not on the Public Suffix List, there is none.
 */
export function registrableDomain(hostOrUri: string, options: RegistrableOptions = {}): DomainName | undefined {
  const found = parseHost(hostOrUri, {
    allowPrivateDomains: options.privateSuffixes !== false,
    validateHostname: false,
  });
  if (found.domain === null || found.isIp === true || !(found.isIcann || found.isPrivate)) return undefined;
  // An empty label makes it no name at all, though its last labels look like one.
  if (found.hostname?.includes('..') === true) return undefined;
  return parseDomain(found.domain);
}

/** Both readings of a canonical host at once: with the ICANN suffixes alone, and with private suffixes counted too. */
export function registrableDomains(host: string): {
  readonly icann: DomainName | undefined;
  readonly all: DomainName | undefined;
} {
  const found = parseHost(host, { allowPrivateDomains: true, validateHostname: false });
  if (found.isIp === true || found.hostname?.includes('..') === true) return { icann: undefined, all: undefined };
  const all = found.domain === null || !(found.isIcann || found.isPrivate) ? undefined : parseDomain(found.domain);
  return { icann: found.isPrivate ? registrableDomain(host, { privateSuffixes: false }) : all, all };
}

/** The domain that one organisation answers for, by the ICANN suffixes alone; the name itself where there is none. */
export const organizationalDomain = (name: DomainName): DomainName => {
  const domain = getDomain(name);
  return domain === null ? name : (domain as DomainName);
};

/** Whether the last labels of the host are on the Public Suffix List. */
export function hasPublicSuffix(host: string): boolean {
  const found = parseHost(host, { allowPrivateDomains: true, validateHostname: false });
  return found.isIcann === true || found.isPrivate === true;
}

/** The public suffix of the host (`co.uk`), or undefined. */
export const publicSuffix = (host: string): string | undefined =>
  getPublicSuffix(host, { allowPrivateDomains: true, validateHostname: false }) ?? undefined;

/** Whether `name` is `parent` or lies below it. */
export const isWithin = (name: string, parent: string): boolean => name === parent || name.endsWith(`.${parent}`);
