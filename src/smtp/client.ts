import type { IpAddress } from '../net/index.ts';
import { parseIp } from '../net/index.ts';
import type { ConnectFacts } from './facts.ts';

/** Reports whether a canonical address is a loopback address. */
const isLoopback = (ip: string): boolean => ip === '::1' || ip.startsWith('127.');

/**
 * Returns the address to look up in lists that grant privileges: trusted networks, exemptions from limits and from TLS.
 *
 * Returns undefined if the client must not be in any such list: if a proxy did not name the client, or if it reported a
 * loopback address. Loopback means this machine, and a client behind a proxy is not on it.
 */
export function addressToTrust({ ip, via }: ConnectFacts['client']): IpAddress | undefined {
  const address = via === 'proxy' ? undefined : parseIp(ip);
  return via !== undefined && address !== undefined && isLoopback(address) ? undefined : address;
}

/** Reports whether the client is a process on this machine: a Unix domain socket, or loopback not reported by a proxy. */
export const isOnThisMachine = (client: ConnectFacts['client']): boolean =>
  client.via === undefined && (client.unixSocket === true || isLoopback(parseIp(client.ip) ?? ''));
