import { wrongOption } from '../../core/index.ts';
import { parseAddressLiteral, parseDomain, printAddressLiteral } from '../../net/index.ts';

/** The domains of an option, in canonical form: names that match themselves, and parents that match what is below them. */
export interface DomainSet {
  has(domain: string): boolean;
  /** Parents that were given with a leading dot, without it. */
  readonly parents: readonly string[];
}

const FORM = 'a list of domains like ["example.com", ".example.com"]';

/**
 * Reads the domains of an option: `example.com` is this name alone, `.example.com` every name below it, and `[192.0.2.1]` the
 * address literal. Case, a trailing dot and U-labels make no difference.
 *
 * @throws {TypeError} for a malformed domain
 */
export function domainSet(option: string, entries: readonly string[]): DomainSet {
  if (!Array.isArray(entries)) throw wrongOption('relayControl', option, FORM, entries);
  const names = new Set<string>();
  const parents = new Set<string>();
  for (const entry of entries as readonly unknown[]) {
    const wrong = (form: string = FORM): TypeError => wrongOption('relayControl', option, form, entry);
    if (typeof entry !== 'string') throw wrong();
    if (entry.includes('*')) throw wrong(`${FORM}, where a leading dot means every name below`);
    if (entry.startsWith('[')) {
      const address = parseAddressLiteral(entry);
      if (address === undefined) throw wrong('an address literal like "[192.0.2.1]" or "[IPv6:2001:db8::1]"');
      names.add(printAddressLiteral(address));
      continue;
    }
    const below = entry.startsWith('.');
    const domain = parseDomain(below ? entry.slice(1) : entry);
    if (domain === undefined) throw wrong();
    (below ? parents : names).add(domain);
  }
  return {
    parents: [...parents],
    has(domain) {
      if (names.has(domain)) return true;
      if (parents.size === 0 || domain.startsWith('[')) return false;
      for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1))
        if (parents.has(domain.slice(dot + 1))) return true;
      return false;
    },
  };
}

/** Returns the canonical form of a mailbox's domain; undefined if it is neither a name nor an address literal. */
export function canonicalDomain(domain: string): string | undefined {
  if (typeof domain !== 'string') return undefined;
  if (!domain.startsWith('[')) return parseDomain(domain);
  const address = parseAddressLiteral(domain);
  return address === undefined ? undefined : printAddressLiteral(address);
}

/** Characters that some mail systems interpret as a route to another server. */
const ROUTING = /[@%!]/;

/**
 * Whether a lenient server behind this one could interpret the local part as another address: `user%other.example`
 * (percent hack), `other.example!user` (bang path), `user@other.example` and `@hop:user` (only possible inside quotes).
 *
 * Full-width and small forms of these characters (`＠`, `﹪`) count too, because a server may fold them.
 *
 * @param localPart without its quotes
 */
export const isRouted = (localPart: string): boolean =>
  ROUTING.test(localPart) || (/[^\x20-\x7e]/.test(localPart) && ROUTING.test(localPart.normalize('NFKC')));
