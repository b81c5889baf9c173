import type { Clock } from '../../env/index.ts';
import { monotonicClock, numberOption, type StubResolver, stub } from '../dns-wire/index.ts';
import type { DnsServer } from './server-address.ts';
import { configuredServers, fixedServers } from './server-list.ts';

export interface StubResolverOptions {
  /** The servers to ask, in this order; those of `/etc/resolv.conf` where not given, which is read again when it changes. */
  readonly servers?: readonly (string | DnsServer)[];
  /** Another file than `/etc/resolv.conf`. */
  readonly resolvConf?: string;
  /** Milliseconds for a question, all servers and aliases together; 5,000 where not given. */
  readonly timeoutMs?: number;
  /** Milliseconds until another server, or the same again, is asked too; doubled each time. 1,000 where not given. */
  readonly retryMs?: number;
  /** Questions under way at once; 1,000 where not given. More wait for their turn. */
  readonly maxInFlight?: number;
  /** Questions that may wait for their turn; 20,000 where not given. More are answered `temperror`, `overloaded`. */
  readonly maxWaiting?: number;
  /** Ask over UDP with letters in random case, which a forged answer has to guess (0x20); false where not given. */
  readonly mixedCase?: boolean;
  /**
   * Whether the servers' AD bit is believed. Where not given: over TLS and HTTPS, from an address of this machine, and
   * where resolv.conf says `options trust-ad`.
   */
  readonly trustAd?: boolean;
  /** The runtime's monotonic clock where not given. */
  readonly clock?: Clock;
}

/**
 * A stub resolver: it asks recursive servers by UDP, TCP, TLS or HTTPS, and believes only what answers its question.
 *
 * @throws TypeError where an option is wrong, with its name, value and what is allowed
 */
export function stubResolver(options: StubResolverOptions = {}): StubResolver {
  const { clock = monotonicClock, mixedCase = false, trustAd } = options;
  const timeoutMs = numberOption('stubResolver: timeoutMs', options.timeoutMs ?? 5_000, 1);
  const maxInFlight = numberOption('stubResolver: maxInFlight', options.maxInFlight ?? 1_000, 1);
  const maxWaiting = numberOption('stubResolver: maxWaiting', options.maxWaiting ?? 20_000, 0);
  const retryMs = options.retryMs === undefined ? undefined : numberOption('stubResolver: retryMs', options.retryMs, 1);
  const list =
    options.servers === undefined
      ? configuredServers(options.resolvConf ?? '/etc/resolv.conf', clock, trustAd, 4 * timeoutMs)
      : fixedServers(options.servers, clock, trustAd);

  return stub({
    servers: list.current,
    clock,
    timeoutMs,
    retryMs: () => retryMs ?? Math.min(timeoutMs, (list.timeout ?? 1) * 1_000),
    maxInFlight,
    maxWaiting,
    mixedCase,
    close: list.close,
  });
}
