import { stubResolver } from '../adapters/dns-node/index.ts';
import { systemClock } from '../adapters/system/index.ts';
import { cached } from '../dns/index.ts';
import { type Clock, type DnsResolver, withDeadline } from '../env/index.ts';
import { type ZoneData, zone } from '../testing/index.ts';
import { type CommandIo, readJson, UsageError } from './io.ts';

/** Options for the DNS. */
export interface DnsOptions {
  /** Resolvers to query. Default: those of `/etc/resolv.conf`. */
  readonly resolvers?: readonly string[];
  /** JSON file that replaces the DNS. */
  readonly zoneFile?: string;
  /** Timeout of one query in milliseconds. Default and maximum: 10,000. */
  readonly timeoutMs?: number;
}

/** Longest timeout of a query. */
const MOST_MS = 10_000;

/** Opens a resolver. `close` ends it. @throws {UsageError} if an option is wrong */
export async function openDns(
  { resolvers, zoneFile, timeoutMs = MOST_MS }: DnsOptions,
  io: CommandIo,
): Promise<{ readonly dns: DnsResolver; readonly close: () => void }> {
  const clock = systemClock();
  const limitMs = Math.min(timeoutMs, MOST_MS);
  if (zoneFile !== undefined) {
    if (resolvers !== undefined)
      throw new UsageError('--zone and --resolver cannot be combined: the file replaces the DNS');
    const data = await readJson(zoneFile, io);
    if (typeof data !== 'object' || data === null || Array.isArray(data))
      throw new UsageError(`${zoneFile} must be an object of names, like {"example.org": {"A": ["192.0.2.1"]}}`);
    try {
      return { dns: limited(zone(data as ZoneData, { clock }), clock, limitMs), close: () => undefined };
    } catch (error) {
      throw new UsageError(`${zoneFile}: ${(error as Error).message}`);
    }
  }
  try {
    const stub = stubResolver({
      servers: resolvers,
      timeoutMs: limitMs,
      // A resolver named on the command line is trusted. One of resolv.conf is trusted if that file says so.
      ...(resolvers === undefined ? {} : { trustAd: true }),
    });
    return { dns: cached(stub, { clock }), close: () => void stub.close() };
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`--resolver: ${error.message}`);
    throw error;
  }
}

/** Ends queries for names that a zone file marks as silent. */
const limited = (dns: DnsResolver, clock: Clock, timeoutMs: number): DnsResolver => ({
  async resolve(name, type, options = {}) {
    const ended = await withDeadline(clock, timeoutMs, options.signal, (signal) =>
      dns.resolve(name, type, { ...options, signal }),
    );
    if (ended.how === 'failed') throw ended.error;
    if (ended.how === 'answered') return ended.value;
    return { status: 'temperror', reason: ended.how === 'late' ? 'timeout' : 'aborted' };
  },
});
