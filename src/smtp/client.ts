import type { IpAddress } from '../net/index.ts';
import { parseIp } from '../net/index.ts';
import type { ConnectFacts } from './facts.ts';

/** Canonical addresses of the machine itself. */
const isLoopback = (ip: string): boolean => ip === '::1' || ip.startsWith('127.');

/**
 * The address by which a client may be on a list of those who may do more than others: trusted networks, exemptions from
 * limits and from TLS. Undefined if it must be on none of them: if a proxy named no client, and if the address is loopback but
 * was named by a proxy. Loopback means this machine, and what a proxy names is not on it.
 */
export function addressToTrust({ ip, via }: ConnectFacts['client']): IpAddress | undefined {
  const address = via === 'proxy' ? undefined : parseIp(ip);
  return via !== undefined && address !== undefined && isLoopback(address) ? undefined : address;
}

/** Whether the client is a process on this machine: a socket in the file system, or loopback that no proxy has named. */
export const isOnThisMachine = (client: ConnectFacts['client']): boolean =>
  client.via === undefined && (client.unixSocket === true || isLoopback(parseIp(client.ip) ?? ''));
