import { wrongOption } from '../../core/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { parsePrefix, printPrefix } from '../../net/index.ts';
import { PrefixSet } from '../../prefix-set/index.ts';
import { addressToTrust } from '../../smtp/client.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';

/** Prefixes in an option: text, or an existing set. */
export type Prefixes = Iterable<string> | PrefixSet;

/**
 * Returns a function that checks whether an address is in one of the prefixes.
 *
 * @throws {TypeError} for a malformed prefix
 */
export function exemption(
  owner: string,
  option: string,
  prefixes: Prefixes | undefined,
): (address: IpAddress) => boolean {
  if (prefixes === undefined) return () => false;
  if (prefixes instanceof PrefixSet) return (address) => prefixes.has(address);
  // parsePrefix refuses host bits: they are more likely a mistake than a request to exempt the whole network.
  const texts: string[] = [];
  for (const text of prefixes) {
    try {
      texts.push(printPrefix(parsePrefix(text)));
    } catch (error) {
      throw wrongOption(owner, option, `a list of prefixes (${(error as Error).message})`, text);
    }
  }
  if (texts.length === 0) return () => false;
  const set = PrefixSet.from(texts);
  return (address) => set.has(address);
}

/** Does the same for a client. An address that a proxy named is never loopback. */
export function clientExemption(
  owner: string,
  option: string,
  prefixes: Prefixes | undefined,
): (client: ConnectFacts['client']) => boolean {
  const has = exemption(owner, option, prefixes);
  return (client) => {
    const address = addressToTrust(client);
    return address !== undefined && has(address);
  };
}
