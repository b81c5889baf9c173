import { parseAddressLiteral, parseDomain, printAddressLiteral } from '../../net/index.ts';

/** The domains of an option, in canonical form: names that match themselves, and parents that match what is below them. */
export interface DomainSet {
  has(domain: string): boolean;
  /** Parents given with a leading dot, without it. */
  readonly parents: readonly string[];
}

/**
 * Reads domains as an option lists them: `example.com` is that name alone, `.example.com` whatever lies below it, and
 * `[192.0.2.1]` the address literal. Case, a trailing dot and U-labels make no difference.
 *
 * @throws TypeError that names the option and what is wrong with the entry
 */
export function domainSet(option: string, entries: readonly string[]): DomainSet {
  if (!Array.isArray(entries))
    throw new TypeError(`relayControl: ${option} must be a list of domains, like ["example.com", ".example.com"]`);
  const names = new Set<string>();
  const parents = new Set<string>();
  for (const entry of entries as readonly unknown[]) {
    const wrong = (why: string): TypeError =>
      new TypeError(
        `relayControl: ${option} ${JSON.stringify(entry)} ${why}; give it like "example.com" or ".example.com"`,
      );
    if (typeof entry !== 'string') throw wrong('is not a string');
    if (entry.includes('*')) throw wrong('is a pattern: what lies below a domain is written with a leading dot');
    if (entry.startsWith('[')) {
      const address = parseAddressLiteral(entry);
      if (address === undefined) throw wrong('is not an address literal like "[192.0.2.1]" or "[IPv6:2001:db8::1]"');
      names.add(printAddressLiteral(address));
      continue;
    }
    const below = entry.startsWith('.');
    const domain = parseDomain(below ? entry.slice(1) : entry);
    if (domain === undefined) throw wrong('is not a domain name');
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

/** The domain of a mailbox as `domainSet` knows it; undefined where it is neither a name nor a literal. */
export function canonicalDomain(domain: string): string | undefined {
  if (typeof domain !== 'string') return undefined;
  if (!domain.startsWith('[')) return parseDomain(domain);
  const address = parseAddressLiteral(domain);
  return address === undefined ? undefined : printAddressLiteral(address);
}
