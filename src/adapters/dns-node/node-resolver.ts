import { promises } from 'node:dns';
import { questionName, stallWatch } from '../../dns/index.ts';
import type { DnsAnswer, DnsRecord, DnsResolver, RecordOf, RecordType, ResolveOptions } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import { monotonicClock, turns } from '../dns-wire/index.ts';

export interface NodeResolverOptions {
  /** IP addresses, with a port if it is not 53 (`192.0.2.53:5353`). Default: the servers of the system. */
  readonly servers?: readonly string[];
  /** Milliseconds that the first try waits; the second waits twice as long. Default: 2,500. */
  readonly timeoutMs?: number;
  /**
   * Tries per server, at least 2: with one try, Node answers ETIMEOUT to questions whose answers are already in its socket,
   * if the event loop was blocked for a moment. Default: 2.
   */
  readonly tries?: number;
}

export interface NodeResolver extends DnsResolver {
  /** The servers that are asked. */
  readonly servers: readonly string[];
}

/** The errors of Node that are answers; every other one is a `temperror`. */
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

/** Instances of c-ares. Each puts all of its questions on one socket. */
const SOCKETS = 4;
/**
 * Open questions on one socket. An answer of 1,232 bytes takes 2,304 of the 208 KiB that Linux gives a socket: more answers
 * than this could be lost while the process is busy.
 */
const PER_SOCKET = 48;
/** Questions in line; as many as {@link stubResolver} allows. */
const MAX_WAITING = 20_000;
/** Node could not send: nothing listens at the server, or the system has no socket left. */
const unsent: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS']);
/** The pause before such a question is asked again; doubled each time. */
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1_000;
/** How often a question is asked again because this process was blocked while it waited. */
const MAX_STALLS = 2;

/**
 * Node's own resolver (c-ares), as a fallback. It returns a TTL for A and AAAA records only, never the AD bit, and TLSA
 * records only in Node 22.15 and later; in older versions TLSA is a `temperror`. A name with characters other than letters,
 * digits, `-`, `_`, `/` and `*` is a `temperror` as well: Node does not send it, and the DNS could carry it (SPF macros
 * produce such names).
 *
 * At most 192 questions are open at once; more wait in line. A server that refuses is asked again until the time of a
 * question is over, which is three times `timeoutMs`.
 *
 * @throws {TypeError} if an option is wrong
 */
export function nodeResolver(options: NodeResolverOptions = {}): NodeResolver {
  const { timeoutMs: timeout = 2_500, tries = 2 } = options;
  if (!Number.isInteger(timeout) || timeout < 1)
    throw new TypeError(`nodeResolver: timeoutMs must be a whole number of 1 or more, got ${String(timeout)}`);
  if (!Number.isInteger(tries) || tries < 2) {
    throw new TypeError(
      `nodeResolver: tries must be a whole number of 2 or more, got ${String(tries)}; with one, an answer that has arrived can be lost`,
    );
  }
  const resolvers = Array.from({ length: SOCKETS }, () => new promises.Resolver({ timeout, tries }));
  if (options.servers !== undefined) {
    try {
      for (const resolver of resolvers) resolver.setServers(options.servers);
    } catch {
      throw new TypeError(
        `nodeResolver: servers must be IP addresses like "192.0.2.53" or "192.0.2.53:5353", got ${JSON.stringify(options.servers)}`,
      );
    }
  }
  const line = turns(SOCKETS * PER_SOCKET, MAX_WAITING);
  let turn = 0;
  return {
    get servers() {
      return (resolvers[0] as promises.Resolver).getServers();
    },
    async resolve<T extends RecordType>(text: string, type: T, { signal }: ResolveOptions = {}): Promise<DnsAnswer<T>> {
      const name = questionName(text);
      if (name === undefined) return { status: 'nxdomain', ttl: 0 };
      const refusal = signal?.aborted ? 'aborted' : await line.enter(signal);
      if (refusal !== undefined) return { status: 'temperror', reason: refusal };
      // The turn ends when c-ares is done with the question, also if nobody waits for it any more.
      const resolver = resolvers[turn++ % SOCKETS] as promises.Resolver;
      const answer = ask(resolver, name, type, 3 * timeout, signal).finally(line.leave);
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

/** Asks until there is an answer, or a failure that is not ours. */
async function ask<T extends RecordType>(
  resolver: promises.Resolver,
  name: string,
  type: T,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<DnsAnswer<T>> {
  const watch = stallWatch(monotonicClock);
  const due = monotonicClock.now() + timeoutMs;
  let pause = FIRST_PAUSE_MS;
  for (let stalls = 0; ; ) {
    if (signal?.aborted) return { status: 'temperror', reason: 'aborted' };
    const since = watch.enter();
    let code: string;
    try {
      const { records, ttl } = await lookup(resolver, name, type);
      if (records.length === 0) return { status: 'nodata', ttl: 0 };
      return { status: 'found', records: records as RecordOf<T>[], ttl, authentic: false };
    } catch (error) {
      code = (error as NodeJS.ErrnoException).code ?? '';
    } finally {
      watch.leave();
    }
    const status = statuses.get(code);
    if (status !== undefined) return { status, ttl: 0 };
    if (code === 'ETIMEOUT' && stalls < MAX_STALLS && watch.stalledSince(since)) {
      stalls++;
    } else if (unsent.has(code) && monotonicClock.now() + pause < due) {
      await new Promise<void>((done) => monotonicClock.after(pause, done));
      pause = Math.min(LONGEST_PAUSE_MS, 2 * pause);
    } else {
      return { status: 'temperror', reason: reasons.get(code) ?? 'network error' };
    }
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
    case 'CAA':
      return without(
        (await resolver.resolveCaa(name)).flatMap(({ critical, ...properties }) =>
          Object.entries(properties)
            // Node.js names the type among the properties.
            .filter(([tag, value]) => tag !== 'type' && typeof value === 'string')
            .map(([tag, value]) => ({ type, critical: critical !== 0, tag, value: String(value) })),
        ),
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
