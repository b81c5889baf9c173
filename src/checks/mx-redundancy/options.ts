import { assertFunction, assertKnownOptions, wholeNumber, wrongOption } from '../../core/index.ts';
import { prefixList } from '../../dns/index.ts';
import type { IpAddress, Prefix } from '../../net/index.ts';
import { parseDomain } from '../../net/index.ts';
import type { Provider } from './providers.ts';
import { knownProviders } from './providers.ts';

/** Options of {@link checkRedundancy} and {@link mxRedundancy}. */
export interface RedundancyOptions {
  /** Required number of hosts and of addresses. Default: 2. */
  readonly minimum?: number;
  /** Providers that are redundant behind one name, in addition to {@link knownProviders}. Default: none. */
  readonly providers?: readonly Provider[];
  /** Prefixes that count as public although they are not: `127.0.0.0/8` in a test. Default: none. */
  readonly publicNetworks?: readonly string[];
  /** Returns the autonomous system of an address, if known. Default: autonomous systems are not compared. */
  readonly asnOf?: (address: IpAddress) => number | undefined | Promise<number | undefined>;
  /** Aborts the lookups. */
  readonly signal?: AbortSignal;
}

/** Validated options. */
export interface Settings {
  readonly minimum: number;
  readonly providers: readonly Provider[];
  readonly publicNetworks: readonly Prefix[];
  readonly asnOf: RedundancyOptions['asnOf'];
}

const OPTIONS = ['minimum', 'providers', 'publicNetworks', 'asnOf'];

/**
 * Validates the options.
 *
 * @param more names of the options that only this function has
 */
export function readOptions(owner: string, options: RedundancyOptions, more: readonly string[]): Settings {
  assertKnownOptions(owner, options, [...OPTIONS, ...more]);
  const { minimum = 2, providers = [], asnOf } = options;
  if (asnOf !== undefined) assertFunction(owner, 'asnOf', asnOf);
  for (const { suffix } of providers) {
    if (parseDomain(suffix.replaceAll('*', 'x')) === undefined)
      throw wrongOption(owner, 'providers', 'providers with a suffix like "mx.example"', suffix);
  }
  return {
    minimum: wholeNumber(owner, 'minimum', minimum),
    providers: [...providers, ...knownProviders],
    publicNetworks: prefixList(owner, 'publicNetworks', options.publicNetworks),
    asnOf,
  };
}
