import { defineCheck } from '../../core/index.ts';
import { isLocalAddress, prefixList } from '../../dns/index.ts';
import { ipVersion, prefixHas, reverseLabels } from '../../net/index.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';
import type { ClientListOptions, DnsblCheck } from './listing.ts';
import { listingOf } from './listing.ts';

/** Options of {@link dnsbl}. */
export interface DnsblOptions extends ClientListOptions {
  /**
   * Prefixes whose clients are not queried. Default: loopback, private, link-local and shared addresses, multicast, and
   * 0.0.0.0/8.
   */
  readonly exempt?: readonly string[];
}

/**
 * Checks the client address against one DNS list.
 *
 * @throws {TypeError} if an option is wrong
 */
export function dnsbl(options: DnsblOptions): DnsblCheck<Pick<ConnectFacts, 'client'>> {
  const { query, table, checkOptions } = listingOf('dnsbl', 'address', options, ['exempt']);
  const { ipv4 = true, ipv6 = true } = options;
  const exempt = prefixList('dnsbl', 'exempt', options.exempt);
  return defineCheck(
    'dnsbl',
    ({ client: { ip } }: Pick<ConnectFacts, 'client'>, env, signal) => {
      const exempted =
        options.exempt === undefined ? isLocalAddress(ip) : exempt.some((prefix) => prefixHas(prefix, ip));
      const subjects =
        exempted || !(ipVersion(ip) === 4 ? ipv4 : ipv6)
          ? []
          : [{ subject: ip, labels: reverseLabels(ip), called: `Client host [${ip}]` }];
      return query(subjects, env, signal);
    },
    table,
    { ...checkOptions, earliest: 'connect' },
  );
}
