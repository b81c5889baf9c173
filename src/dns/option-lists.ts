/**
 * Options that are arrays of addresses, prefixes or domain names.
 *
 * **Answers**: is every entry valid, and what is its parsed form? **Asks**: nothing.
 *
 * @module
 */
import { wrongOption } from '../core/index.ts';
import type { DomainName, IpAddress, Prefix } from '../net/index.ts';
import { parseDomain, parseIp, parsePrefix } from '../net/index.ts';

/** Parses prefixes like "192.0.2.0/24". @internal */
export const prefixList = (owner: string, option: string, texts: readonly string[] | undefined): readonly Prefix[] =>
  list(owner, option, texts, 'a prefix like "192.0.2.0/24"', (text) => {
    try {
      return parsePrefix(text);
    } catch {
      return undefined;
    }
  });

/** Parses IP addresses. @internal */
export const addressList = (
  owner: string,
  option: string,
  texts: readonly string[] | undefined,
): ReadonlySet<IpAddress> => new Set(list(owner, option, texts, 'an IP address', parseIp));

/** Parses domain names. @internal */
export const domainList = (
  owner: string,
  option: string,
  texts: readonly string[] | undefined,
): ReadonlySet<DomainName> => new Set(list(owner, option, texts, 'a domain name', parseDomain));

function list<T>(
  owner: string,
  option: string,
  texts: readonly string[] | undefined,
  what: string,
  parse: (text: string) => T | undefined,
): readonly T[] {
  if (texts === undefined) return [];
  if (!Array.isArray(texts)) throw wrongOption(owner, option, 'an array', texts);
  return texts.map((text: unknown, i) => {
    const parsed = typeof text === 'string' ? parse(text) : undefined;
    if (parsed === undefined) throw wrongOption(owner, `${option}[${i}]`, what, text);
    return parsed;
  });
}
