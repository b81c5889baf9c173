import type { IpAddress } from '../../net/index.ts';
import { parsePrefix, prefixHas } from '../../net/index.ts';

/** Whether an address lies in one of the prefixes. @throws TypeError that names the option and the prefix */
export function exemption(
  maker: string,
  option: string,
  prefixes: Iterable<string> | undefined,
): (address: IpAddress) => boolean {
  const list = [...(prefixes ?? [])].map((text) => {
    try {
      return parsePrefix(text);
    } catch (error) {
      throw new TypeError(`${maker}: ${option}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  return list.length === 0 ? () => false : (address) => list.some((prefix) => prefixHas(prefix, address));
}
