import { assertKnownOptions, positiveNumber } from '../../core/index.ts';
import type { Clock } from '../../env/index.ts';
import { monotonicClock, type StubResolver, stub, stubLimits } from '../dns-wire/index.ts';
import type { DnsServer } from './server-address.ts';
import { configuredServers, fixedServers } from './server-list.ts';

export interface StubResolverOptions {
  /** The servers to ask, in this order. Default: those of `/etc/resolv.conf`, which is read again when it changes. */
  readonly servers?: readonly (string | DnsServer)[];
  /** The file to read instead of `/etc/resolv.conf`. */
  readonly resolvConf?: string;
  /** Milliseconds for a question, including all servers and aliases. Default: 5,000. */
  readonly timeoutMs?: number;
  /** Milliseconds until another server, or the same again, is asked too; doubled each time. Default: 1,000. */
  readonly retryMs?: number;
  /** Questions that may be open at once. More wait in line. Default: 1,000. */
  readonly maxInFlight?: number;
  /** Questions that may wait in line. More are answered `temperror`, `overloaded`. Default: 20,000. */
  readonly maxWaiting?: number;
  /** Ask over UDP with letters in random case, which a forged answer would have to guess (0x20). Default: false. */
  readonly mixedCase?: boolean;
  /**
   * Whether to trust the servers' AD bit. Default: over TLS and HTTPS, from an address of this machine, and if resolv.conf
   * contains `options trust-ad`.
   */
  readonly trustAd?: boolean;
  /** Default: the runtime's monotonic clock. */
  readonly clock?: Clock;
}

const OPTIONS = [
  'servers',
  'resolvConf',
  'timeoutMs',
  'retryMs',
  'maxInFlight',
  'maxWaiting',
  'mixedCase',
  'trustAd',
  'clock',
] as const satisfies readonly (keyof StubResolverOptions)[];

/**
 * Makes a stub resolver. It asks recursive servers by UDP, TCP, TLS or HTTPS, and accepts only answers that match the question.
 *
 * @throws {TypeError} if an option is wrong
 */
export function stubResolver(options: StubResolverOptions = {}): StubResolver {
  const owner = 'stubResolver';
  assertKnownOptions(owner, options, OPTIONS);
  const { clock = monotonicClock, mixedCase = false, trustAd } = options;
  const limits = stubLimits(owner, options, { timeoutMs: 5_000, maxInFlight: 1_000, maxWaiting: 20_000 });
  const retryMs = options.retryMs === undefined ? undefined : positiveNumber(owner, 'retryMs', options.retryMs);
  const list =
    options.servers === undefined
      ? configuredServers(options.resolvConf ?? '/etc/resolv.conf', clock, trustAd, 4 * limits.timeoutMs)
      : fixedServers(options.servers, clock, trustAd);

  return stub({
    ...limits,
    servers: list.current,
    clock,
    retryMs: () => retryMs ?? Math.min(limits.timeoutMs, (list.timeout ?? 1) * 1_000),
    mixedCase,
    close: list.close,
  });
}
