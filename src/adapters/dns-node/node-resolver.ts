import { promises } from 'node:dns';
import { onAbort, questionName } from '../../dns/index.ts';
import type { DnsAnswer, DnsRecord, DnsResolver, RecordOf, RecordType, ResolveOptions } from '../../env/index.ts';

export interface NodeResolverOptions {
  /** IP addresses, with a port where it is not 53 (`192.0.2.53:5353`); those of the system where not given. */
  readonly servers?: readonly string[] | undefined;
  /** Milliseconds that the first try waits; 2,500 where not given. The second waits twice as long. */
  readonly timeoutMs?: number | undefined;
  /**
   * Tries per server; 2 where not given, and not less: with one try, Node answers ETIMEOUT to questions whose answers lie
   * in its socket, once the event loop was blocked for a moment.
   */
  readonly tries?: number | undefined;
}

export interface NodeResolver extends DnsResolver {
  /** The servers that are asked. */
  readonly servers: readonly string[];
}

/** How Node's errors read as answers; every other is a `temperror`. */
const statuses = new Map<string, 'nodata' | 'nxdomain'>([
  ['ENODATA', 'nodata'],
  ['ENOTFOUND', 'nxdomain'],
]);
const reasons = new Map<string, string>([
  ['EBADNAME', 'name not supported'],
  ['ESERVFAIL', 'servfail'],
  ['EREFUSED', 'refused'],
  ['ENOTIMP', 'notimp'],
  ['EFORMERR', 'formerr'],
  ['ETIMEOUT', 'timeout'],
  ['ECANCELLED', 'closed'],
  ['ECONNREFUSED', 'connection refused'],
  ['EBADRESP', 'malformed'],
]);

/**
 * Node's own resolver (c-ares), as a fallback: it needs no socket of ours, but tells the TTL only of A and AAAA records,
 * never the AD bit, and knows TLSA only in Node 22.15 and later; elsewhere that is a `temperror`. So is a name with an octet
 * other than letters, digits, `-`, `_`, `/` and `*`: Node does not send it, though the DNS could carry it (SPF macros ask
 * for such names), and to say that it does not exist would be a guess.
 *
 * @throws TypeError where an option is wrong
 */
export function nodeResolver(options: NodeResolverOptions = {}): NodeResolver {
  const { timeoutMs: timeout = 2_500, tries = 2 } = options;
  if (!Number.isInteger(timeout) || timeout < 1)
    throw new TypeError(`nodeResolver: timeoutMs ${String(timeout)} is not a whole number of 1 or more`);
  if (!Number.isInteger(tries) || tries < 2) {
    throw new TypeError(
      `nodeResolver: tries ${String(tries)} is not a whole number of 2 or more; with one, an answer that has arrived can be lost`,
    );
  }
  const resolver = new promises.Resolver({ timeout, tries });
  if (options.servers !== undefined) {
    try {
      resolver.setServers(options.servers);
    } catch {
      throw new TypeError(
        `nodeResolver: servers ${JSON.stringify(options.servers)} are not IP addresses; give them like "192.0.2.53" or "192.0.2.53:5353"`,
      );
    }
  }
  return {
    get servers() {
      return resolver.getServers();
    },
    async resolve<T extends RecordType>(text: string, type: T, { signal }: ResolveOptions = {}): Promise<DnsAnswer<T>> {
      const name = questionName(text);
      if (name === undefined) return { status: 'nxdomain', ttl: 0 };
      if (signal?.aborted) return { status: 'temperror', reason: 'aborted' };
      const answer = ask(resolver, name, type);
      if (signal === undefined) return answer;
      return new Promise((done) => {
        const withdraw = onAbort(signal, () => done({ status: 'temperror', reason: 'aborted' }));
        answer.then((value) => {
          withdraw();
          done(value);
        });
      });
    },
  };
}

async function ask<T extends RecordType>(resolver: promises.Resolver, name: string, type: T): Promise<DnsAnswer<T>> {
  try {
    const { records, ttl } = await lookup(resolver, name, type);
    if (records.length === 0) return { status: 'nodata', ttl: 0 };
    return { status: 'found', records: records as RecordOf<T>[], ttl, authentic: false };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const status = statuses.get(code);
    return status === undefined
      ? { status: 'temperror', reason: reasons.get(code) ?? 'network error' }
      : { status, ttl: 0 };
  }
}

/** Names in the form of every other resolver: lower case, no trailing dot. Escapes are c-ares's own, and the same. */
const plain = (name: string): string => name.toLowerCase().replace(/(?<!\\)\.$/, '');

interface Found {
  readonly records: readonly DnsRecord[];
  readonly ttl: number;
}

const without = (records: readonly DnsRecord[]): Found => ({ records, ttl: 0 });

async function lookup(resolver: promises.Resolver, name: string, type: RecordType): Promise<Found> {
  switch (type) {
    case 'A':
    case 'AAAA': {
      const found = await (type === 'A'
        ? resolver.resolve4(name, { ttl: true })
        : resolver.resolve6(name, { ttl: true }));
      return {
        records: found.map(({ address }) => ({ type, address })),
        ttl: Math.min(...found.map(({ ttl }) => ttl)),
      };
    }
    case 'MX':
      return without(
        (await resolver.resolveMx(name)).map(({ exchange, priority }) => ({
          type,
          exchange: plain(exchange),
          preference: priority,
        })),
      );
    case 'TXT':
      return without((await resolver.resolveTxt(name)).map((parts) => ({ type, text: parts.join('') })));
    case 'PTR':
      return without((await resolver.resolvePtr(name)).map((target) => ({ type, name: plain(target) })));
    case 'CNAME':
      return without((await resolver.resolveCname(name)).map((target) => ({ type, name: plain(target) })));
    case 'NS':
      return without((await resolver.resolveNs(name)).map((target) => ({ type, name: plain(target) })));
    case 'SOA': {
      const { nsname, minttl } = await resolver.resolveSoa(name);
      return without([{ type, primary: plain(nsname), minimum: minttl }]);
    }
    case 'SRV':
      return without(
        (await resolver.resolveSrv(name)).map(({ name: target, port, priority, weight }) => ({
          type,
          target: plain(target),
          port,
          priority,
          weight,
        })),
      );
    case 'TLSA':
      return without(await tlsa(resolver, name));
  }
}

interface NodeTlsa {
  readonly certUsage: number;
  readonly selector: number;
  readonly match: number;
  readonly data: ArrayBuffer;
}

async function tlsa(
  resolver: promises.Resolver & { resolveTlsa?: (name: string) => Promise<NodeTlsa[]> },
  name: string,
): Promise<DnsRecord[]> {
  if (resolver.resolveTlsa === undefined) throw Object.assign(new Error('TLSA is not known'), { code: 'ENOTIMP' });
  return (await resolver.resolveTlsa(name)).map(({ certUsage, selector, match, data }) => ({
    type: 'TLSA',
    usage: certUsage,
    selector,
    matching: match,
    data: Buffer.from(data).toString('hex'),
  }));
}
