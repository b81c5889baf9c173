import type { IpAddress, Prefix } from '../../net/index.ts';
import { parseDomain, parsePrefix } from '../../net/index.ts';
import type { Provider } from './providers.ts';
import { knownProviders } from './providers.ts';

/** Options of {@link checkRedundancy} and {@link mxRedundancy}. */
export interface RedundancyOptions {
  /** How many hosts, and addresses, there must be; 2 where not given. */
  readonly minimum?: number;
  /** Providers that are redundant behind one name, in addition to {@link knownProviders}. */
  readonly providers?: readonly Provider[];
  /** Prefixes that count as public although they are not: `127.0.0.0/8` in a test. */
  readonly publicNetworks?: readonly string[];
  /** The autonomous system of an address, where the caller can tell. */
  readonly asnOf?: (address: IpAddress) => number | undefined | Promise<number | undefined>;
  readonly signal?: AbortSignal;
}

/** The options, read. */
export interface Settings {
  readonly minimum: number;
  readonly providers: readonly Provider[];
  readonly publicNetworks: readonly Prefix[];
  readonly asnOf: RedundancyOptions['asnOf'];
}

/** Reads the options; `verb` is whose they are. */
export function readOptions(verb: string, options: RedundancyOptions): Settings {
  const { minimum = 2, providers = [], publicNetworks = [], asnOf } = options;
  if (!Number.isInteger(minimum) || minimum < 1)
    throw new TypeError(`${verb}: minimum ${String(minimum)} must be a whole number of at least 1`);
  for (const { suffix } of providers) {
    if (parseDomain(suffix.replaceAll('*', 'x')) === undefined)
      throw new TypeError(
        `${verb}: providers ${JSON.stringify(suffix)} is not a domain name; give it like "mx.example"`,
      );
  }
  return {
    minimum,
    providers: [...providers, ...knownProviders],
    publicNetworks: publicNetworks.map((text) => {
      try {
        return parsePrefix(text);
      } catch (error) {
        throw new TypeError(`${verb}: publicNetworks: ${(error as Error).message}; give prefixes like "127.0.0.0/8"`);
      }
    }),
    asnOf,
  };
}
