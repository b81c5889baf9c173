/**
 * A resolver by DNS over HTTPS and `fetch`, for runtimes without sockets.
 *
 * **Answers**: what does the DNS say? Every outcome is a value.
 * **Knows**: the URLs to ask. **Asks**: `fetch` and a timer; no builtins of a runtime.
 * **Standards**: RFC 8484, 8467 (padding), 2308 (negative TTL).
 * **Limits**: `fetch` of Node before 26 speaks no HTTP/2, which some servers (unbound) want: use an `https://` server of
 * `stubResolver` in `postern/dns/node` there. Many DNS lists refuse the big public resolvers: use one of your own.
 *
 * @example
 * ```ts
 * import { dohResolver } from 'postern/dns/doh';
 *
 * const dns = dohResolver({ servers: ['https://dns.example/dns-query'] });
 * const answer = await dns.resolve('example.org', 'TXT');
 * if (answer.status === 'found') answer.records.map((txt) => txt.text);
 * ```
 *
 * @module
 */
import type { Clock } from '../../env/index.ts';
import {
  matchAnswer,
  monotonicClock,
  numberOption,
  readHead,
  type Server,
  type StubResolver,
  stub,
  type Transport,
  writeQuery,
} from '../dns-wire/index.ts';

export type { StubResolver, StubResolverStats } from '../dns-wire/index.ts';

export interface DohResolverOptions {
  /** URLs, asked in this order: `https://dns.example/dns-query`. */
  readonly servers: readonly string[];
  /** The `fetch` to use; the runtime's where not given. */
  readonly fetch?: typeof fetch;
  /** Sent with every question, for servers that want a token. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds for a question, all servers and aliases together; 5,000 where not given. */
  readonly timeoutMs?: number;
  /** Milliseconds until the next server is asked too; doubled each time. 1,500 where not given. */
  readonly retryMs?: number;
  /** Questions under way at once; 100 where not given. More wait for their turn. */
  readonly maxInFlight?: number;
  /** Questions that may wait for their turn; 10,000 where not given. */
  readonly maxWaiting?: number;
  /** Whether the servers' AD bit is believed; true where not given, since the way to them is encrypted. */
  readonly trustAd?: boolean;
  /** The runtime's monotonic clock where not given. */
  readonly clock?: Clock;
}

const MAX_MESSAGE = 65_535;
const MEDIA_TYPE = 'application/dns-message';

/** Makes a resolver by `fetch`. @throws TypeError where an option is wrong, with its name, value and what is allowed */
export function dohResolver(options: DohResolverOptions): StubResolver {
  const { servers, trustAd = true, headers = {}, clock = monotonicClock } = options;
  const send = options.fetch ?? globalThis.fetch;
  if (typeof send !== 'function') throw new TypeError('dohResolver: fetch is not given, and this runtime has none');
  if (!Array.isArray(servers) || servers.length === 0) {
    throw new TypeError('dohResolver: servers is empty; give it like ["https://dns.example/dns-query"]');
  }
  const opened = servers.map((url) => {
    if (typeof url !== 'string' || !URL.canParse(url) || new URL(url).protocol !== 'https:') {
      throw new TypeError(
        `dohResolver: server ${JSON.stringify(url)} is not an https URL; give it like "https://dns.example/dns-query"`,
      );
    }
    return openServer(new URL(url), send, headers, trustAd, clock);
  });
  const timeoutMs = numberOption('dohResolver: timeoutMs', options.timeoutMs ?? 5_000, 1);
  const retryMs = numberOption('dohResolver: retryMs', options.retryMs ?? 1_500, 1);
  return stub({
    servers: () => opened,
    clock,
    timeoutMs,
    retryMs: () => retryMs,
    maxInFlight: numberOption('dohResolver: maxInFlight', options.maxInFlight ?? 100, 1),
    maxWaiting: numberOption('dohResolver: maxWaiting', options.maxWaiting ?? 10_000, 0),
    mixedCase: false,
    close() {
      for (const server of opened) server.close();
    },
  });
}

function openServer(
  url: URL,
  send: typeof fetch,
  headers: Readonly<Record<string, string>>,
  trusted: boolean,
  clock: Clock,
): Server {
  const transport = fetchTransport(url.href, send, headers, clock);
  return {
    label: url.origin + url.pathname,
    trusted,
    first: transport,
    stream: transport,
    datagrams: false,
    plain: false,
    heard() {},
    silent() {},
    resting: false,
    close: transport.close,
  };
}

function fetchTransport(
  url: string,
  send: typeof fetch,
  headers: Readonly<Record<string, string>>,
  clock: Clock,
): Transport {
  const running = new Set<AbortController>();
  let received = 0;
  let lastRead = Number.NEGATIVE_INFINITY;
  const heard = (): void => {
    received++;
    lastRead = clock.now();
  };
  /** The bytes of the answer, or why there are none; undefined if the server could not be reached. */
  const post = async (body: Uint8Array, signal: AbortSignal): Promise<Uint8Array | string | undefined> => {
    try {
      const response = await send(url, {
        method: 'POST',
        // A redirect would hand the question to somebody who was not chosen.
        redirect: 'manual',
        headers: { ...headers, accept: MEDIA_TYPE, 'content-type': MEDIA_TYPE },
        body: body as Uint8Array<ArrayBuffer>,
        signal,
      });
      heard();
      if (response.status !== 200) {
        await response.body?.cancel();
        return `http ${response.status}`;
      }
      if (!response.headers.get('content-type')?.toLowerCase().startsWith(MEDIA_TYPE)) {
        await response.body?.cancel();
        return 'malformed';
      }
      return (await readBody(response, heard)) ?? 'malformed';
    } catch {
      return undefined;
    }
  };
  return {
    get received() {
      return received;
    },
    get lastRead() {
      return lastRead;
    },
    ask({ name, type, plain }, done) {
      const abort = new AbortController();
      // RFC 8484 §4.1: the id is zero, since HTTP matches answers to questions.
      const query = writeQuery(name, type, { id: 0, plain, pad: true });
      running.add(abort);
      const answer = query === undefined ? Promise.resolve('not a name') : post(query.bytes, abort.signal);
      answer.then((result) => {
        running.delete(abort);
        if (abort.signal.aborted) return;
        const head = typeof result === 'object' ? readHead(result) : undefined;
        if (result === undefined) done({ kind: 'lost', reason: 'network error', sent: true });
        else if (typeof result === 'string') done({ kind: 'failure', reason: result });
        else if (query === undefined || head === undefined || matchAnswer(query, head) !== 'answer')
          done({ kind: 'failure', reason: 'malformed' });
        else done({ kind: 'message', bytes: result, head });
      });
      return () => abort.abort();
    },
    close() {
      for (const abort of running) abort.abort();
    },
  };
}

/** The body, where it is not longer than a DNS message can be: a server could send for ever. */
async function readBody(response: Response, onPart: () => void): Promise<Uint8Array | undefined> {
  const reader = response.body?.getReader();
  if (reader === undefined) return undefined;
  const bytes = new Uint8Array(MAX_MESSAGE);
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return bytes.slice(0, size);
    onPart();
    if (size + value.length > MAX_MESSAGE) {
      await reader.cancel();
      return undefined;
    }
    bytes.set(value, size);
    size += value.length;
  }
}
