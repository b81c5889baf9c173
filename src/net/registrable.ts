import { getDomain, getPublicSuffix, parse as parseHost } from 'tldts';
import type { DomainName } from './domain.ts';
import { parseDomain } from './domain.ts';

export interface RegistrableOptions {
  /** Count private suffixes (`github.io`) as suffixes too. Default: true. */
  readonly privateSuffixes?: boolean;
}

/**
 * The registrable domain of a host or a URI: one label more than its public suffix. For an IP address, a single label,
 * a bare suffix, or a suffix that is not on the Public Suffix List, there is none.
 */
export function registrableDomain(hostOrUri: string, options: RegistrableOptions = {}): DomainName | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII
  const found = parseHost(/^[\x00-\x7f]*$/.test(hostOrUri) ? hostOrUri : (parseDomain(hostOrUri) ?? hostOrUri), {
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

/** The public suffix of the host (`co.uk`), or undefined. */
export const publicSuffix = (host: string): string | undefined =>
  getPublicSuffix(host, { allowPrivateDomains: true, validateHostname: false }) ?? undefined;
