import { wrongOption } from '../../core/index.ts';
import type { IpAddress, Prefix } from '../../net/index.ts';
import { addressScope, ipVersion, parsePrefix, prefixHas, printPrefix } from '../../net/index.ts';
import { addressToTrust } from '../../smtp/client.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';

/** An option that is probably a mistake. */
export interface RelayWarning {
  readonly option: 'trustedNetworks' | 'relayDomains' | 'localDomains';
  /** The entry in canonical form. */
  readonly value: string;
  readonly problem: 'everything' | 'too-wide' | 'private' | 'whole-suffix';
  readonly message: string;
}

/** This machine, by TCP. Sockets in the file system are not included, because proxies use them too. */
export const LOOPBACK: readonly string[] = ['127.0.0.0/8', '::1/128'];

/** The shortest prefixes that registries allocate to one site. */
const WIDEST = { 4: 8, 6: 32 } as const;

/** Networks behind a router. A NAT gateway or a container bridge has such an address, and all clients behind it share it. */
const behindRouters = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
].map((text) => parsePrefix(text));

const FORM = 'a list of prefixes like ["192.0.2.0/24", "2001:db8::25"], and "unix" for sockets in the file system';

/** The networks that may relay, with warnings about them. */
export interface Trust {
  has(client: ConnectFacts['client']): boolean;
  readonly warnings: readonly RelayWarning[];
}

/** @throws {TypeError} for a malformed prefix */
export function trust(entries: readonly string[]): Trust {
  if (!Array.isArray(entries)) throw wrongOption('relayControl', 'trustedNetworks', FORM, entries);
  const unix = entries.includes('unix');
  const networks = entries.filter((entry) => entry !== 'unix');
  const prefixes = networks.map((entry) => {
    try {
      return parsePrefix(entry);
    } catch (error) {
      throw wrongOption('relayControl', 'trustedNetworks', `${FORM} (${(error as Error).message})`, entry);
    }
  });
  return {
    warnings: prefixes.flatMap((prefix) => warningsOf(prefix)),
    has(client) {
      if (client.unixSocket === true) return unix && client.via === undefined;
      const address = addressToTrust(client);
      return address !== undefined && prefixes.some((prefix) => prefixHas(prefix, address));
    },
  };
}

function warningsOf(prefix: Prefix): RelayWarning[] {
  const value = printPrefix(prefix);
  const warn = (problem: RelayWarning['problem'], why: string): RelayWarning[] => [
    { option: 'trustedNetworks', value, problem, message: `relayControl: trustedNetworks ${value} ${why}` },
  ];
  const widest = WIDEST[ipVersion(prefix.address)];
  if (prefix.length === 0) return warn('everything', 'trusts the whole Internet: the server is an open relay');
  if (prefix.length < widest)
    return warn('too-wide', `is shorter than /${widest}: no single site has so many addresses`);
  if (behindRouters.some((network) => overlap(network, prefix)))
    return warn(
      'private',
      'contains private addresses: behind a NAT gateway, a proxy or a container bridge every client has one of them',
    );
  if (addressScope(prefix.address) === 'multicast')
    return warn('too-wide', 'is multicast: no client has such an address');
  return [];
}

const overlap = (a: Prefix, b: Prefix): boolean =>
  prefixHas(a, b.address as IpAddress) || prefixHas(b, a.address as IpAddress);
