import type { IpAddress } from '../../net/index.ts';
import { parsePrefix, printPrefix } from '../../net/index.ts';
import { PrefixSet } from '../../prefix-set/index.ts';
import { addressToTrust } from '../../smtp/client.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';

/** Prefixes as an option takes them: texts, or a set that is there already. */
export type Prefixes = Iterable<string> | PrefixSet;

/** Whether an address lies in one of the prefixes. @throws TypeError that names the option and the prefix */
export function exemption(
  maker: string,
  option: string,
  prefixes: Prefixes | undefined,
): (address: IpAddress) => boolean {
  if (prefixes === undefined) return () => false;
  if (prefixes instanceof PrefixSet) return (address) => prefixes.has(address);
  // A host bit that is set is more likely a slip than a wish to exempt the whole network: parsePrefix refuses it.
  const texts: string[] = [];
  for (const text of prefixes) {
    try {
      texts.push(printPrefix(parsePrefix(text)));
    } catch (error) {
      throw new TypeError(`${maker}: ${option}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (texts.length === 0) return () => false;
  const set = PrefixSet.from(texts);
  return (address) => set.has(address);
}

/** The same for a client. An address that only a proxy vouches for is never loopback. */
export function clientExemption(
  maker: string,
  option: string,
  prefixes: Prefixes | undefined,
): (client: ConnectFacts['client']) => boolean {
  const has = exemption(maker, option, prefixes);
  return (client) => {
    const address = addressToTrust(client);
    return address !== undefined && has(address);
  };
}
