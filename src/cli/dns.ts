import { stubResolver } from '../adapters/dns-node/index.ts';
import { systemClock } from '../adapters/system/index.ts';
import { cached } from '../dns/index.ts';
import type { DnsResolver } from '../env/index.ts';
import { type ZoneData, zone } from '../testing/index.ts';
import type { CommandIo } from './io.ts';
import { UsageError } from './io.ts';

/** Where the command asks its DNS questions. */
export interface DnsAsk {
  /** Servers; those of `/etc/resolv.conf` where not given. */
  readonly resolvers?: readonly string[];
  /** A file that stands for the DNS. */
  readonly zoneFile?: string;
  /** Milliseconds for a question. */
  readonly timeoutMs?: number;
}

/** For a question: a server of names that has not answered by then will not. */
const MOST_MS = 10_000;

/** A resolver, and what ends it. @throws UsageError where an option is wrong */
export async function openDns(
  { resolvers, zoneFile, timeoutMs }: DnsAsk,
  io: CommandIo,
): Promise<{ readonly dns: DnsResolver; readonly close: () => void }> {
  if (zoneFile !== undefined) {
    if (resolvers !== undefined)
      throw new UsageError('--zone and --resolver exclude each other: the file stands for the DNS');
    const data = await readJson(zoneFile, io);
    if (typeof data !== 'object' || data === null || Array.isArray(data))
      throw new UsageError(`${zoneFile} must be an object of names, like {"example.org": {"A": ["192.0.2.1"]}}`);
    try {
      const dns = inTime(zone(data as ZoneData, { clock: systemClock() }), Math.min(timeoutMs ?? MOST_MS, MOST_MS));
      return { dns, close: () => undefined };
    } catch (error) {
      throw new UsageError(`${zoneFile}: ${(error as Error).message}`);
    }
  }
  try {
    const stub = stubResolver({
      servers: resolvers,
      timeoutMs: Math.min(timeoutMs ?? MOST_MS, MOST_MS),
      // Whoever names a resolver trusts it; one of resolv.conf is trusted where it says so.
      ...(resolvers === undefined ? {} : { trustAd: true }),
    });
    return { dns: cached(stub, { clock: systemClock() }), close: () => void stub.close() };
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`--resolver: ${error.message}`);
    throw error;
  }
}

/** A name that a file calls silent is a question without an answer, not one without an end. */
const inTime = (dns: DnsResolver, timeoutMs: number): DnsResolver => ({
  async resolve(name, type, options = {}) {
    const late = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? late : AbortSignal.any([late, options.signal]);
    const answer = await dns.resolve(name, type, { ...options, signal });
    return answer.status === 'temperror' && late.aborted ? { ...answer, reason: 'timeout' } : answer;
  },
});

/** Reads a file of JSON. @throws UsageError */
export async function readJson(path: string, io: CommandIo): Promise<unknown> {
  const text = await readText(path, io);
  try {
    return JSON.parse(text.replace(/^\ufeff/, '')) as unknown;
  } catch (error) {
    throw new UsageError(`${path} is not JSON${placeOf(error)}`);
  }
}

/** Where a file stops being JSON. The rest of the message would show what the file holds. */
export const placeOf = (error: unknown): string => {
  const place = /\(line (\d+) column (\d+)\)/.exec((error as Error).message);
  return place === null ? '' : `: line ${place[1]}, column ${place[2]}`;
};

/** Reads a file of text. @throws UsageError */
export async function readText(path: string, io: CommandIo): Promise<string> {
  try {
    return await io.readFile(path);
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
