import { getDomain, getPublicSuffix, parse as parseHost } from 'tldts';
import type { DomainName } from './domain.ts';
import { parseDomain } from './domain.ts';

export interface RegistrableOptions {
  /** Whether private suffixes (`github.io`) count as suffixes. Default: true. */
  readonly privateSuffixes?: boolean;
}

/**
 * Returns the registrable domain of a host or a URI: its public suffix and one more label. Returns undefined for an IP address,
 * a single label, a bare suffix, and a suffix that is not on the Public Suffix List.
 */
export function registrableDomain(hostOrUri: string, options: RegistrableOptions = {}): DomainName | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII
  const found = parseHost(/^[\x00-\x7f]*$/.test(hostOrUri) ? hostOrUri : (parseDomain(hostOrUri) ?? hostOrUri), {
    allowPrivateDomains: options.privateSuffixes !== false,
    validateHostname: false,
  });
  if (found.domain === null || found.isIp === true || !(found.isIcann || found.isPrivate)) return undefined;
  // A host with an empty label is not a name, although its last labels look like one.
  if (found.hostname?.includes('..') === true) return undefined;
  return parseDomain(found.domain);
}

/** Returns both registrable domains of a canonical host: by ICANN suffixes only, and by ICANN and private suffixes. */
export function registrableDomains(host: string): {
  readonly icann: DomainName | undefined;
  readonly all: DomainName | undefined;
} {
  const found = parseHost(host, { allowPrivateDomains: true, validateHostname: false });
  if (found.isIp === true || found.hostname?.includes('..') === true) return { icann: undefined, all: undefined };
  const all = found.domain === null || !(found.isIcann || found.isPrivate) ? undefined : parseDomain(found.domain);
  return { icann: found.isPrivate ? registrableDomain(host, { privateSuffixes: false }) : all, all };
}

/** Returns the registrable domain by ICANN suffixes only, or the name itself if it has none (RFC 7489 §3.2). */
export const organizationalDomain = (name: DomainName): DomainName => {
  const domain = getDomain(name);
  return domain === null ? name : (domain as DomainName);
};

/** Returns the public suffix of the host (`co.uk`), or undefined. */
export const publicSuffix = (host: string): string | undefined =>
  getPublicSuffix(host, { allowPrivateDomains: true, validateHostname: false }) ?? undefined;
