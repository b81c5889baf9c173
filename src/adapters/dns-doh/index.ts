/**
 * A resolver by DNS over HTTPS and `fetch`, for runtimes without sockets.
 *
 * **Answers**: what does the DNS say? Every outcome is a value.
 * **Knows**: the URLs to ask. **Asks**: `fetch` and a timer; no builtins of a runtime.
 * **Standards**: RFC 8484, 8467 (padding), 2308 (negative TTL).
 * **Limits**: `fetch` of Node before 26 does not speak HTTP/2, which some servers (unbound) require: there, use an `https://`
 * server of `stubResolver` in `postern/dns/node`. Many DNS lists refuse the big public resolvers: use one of your own.
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
import { assertFunction, assertKnownOptions, positiveNumber, wrongOption } from '../../core/index.ts';
import type { Clock } from '../../env/index.ts';
import {
  bodyCollector,
  DNS_MESSAGE,
  type HttpOutcome,
  httpsTransport,
  monotonicClock,
  type Post,
  type Server,
  type StubResolver,
  stub,
  stubLimits,
} from '../dns-wire/index.ts';

export type { StubResolver, StubResolverStats } from '../dns-wire/index.ts';

export interface DohResolverOptions {
  /** URLs, asked in this order: `https://dns.example/dns-query`. */
  readonly servers: readonly string[];
  /** The `fetch` to use. Default: the runtime's. */
  readonly fetch?: typeof fetch;
  /** Headers of every request, for servers that require a token. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds for a question, including all servers and aliases. Default: 5,000. */
  readonly timeoutMs?: number;
  /** Milliseconds until the next server is asked too; doubled each time. Default: 1,500. */
  readonly retryMs?: number;
  /** Questions that may be open at once. More wait in line. Default: 100. */
  readonly maxInFlight?: number;
  /** Questions that may wait in line. More are answered `temperror`, `overloaded`. Default: 10,000. */
  readonly maxWaiting?: number;
  /** Whether to trust the servers' AD bit. Default: true, since the path to them is encrypted. */
  readonly trustAd?: boolean;
  /** Default: the runtime's monotonic clock. */
  readonly clock?: Clock;
}

const OPTIONS = [
  'servers',
  'fetch',
  'headers',
  'timeoutMs',
  'retryMs',
  'maxInFlight',
  'maxWaiting',
  'trustAd',
  'clock',
] as const satisfies readonly (keyof DohResolverOptions)[];

/**
 * Makes a resolver that asks by `fetch`.
 *
 * @throws {TypeError} if an option is wrong
 */
export function dohResolver(options: DohResolverOptions): StubResolver {
  const owner = 'dohResolver';
  assertKnownOptions(owner, options, OPTIONS);
  const { servers, trustAd = true, headers = {}, clock = monotonicClock } = options;
  const send = options.fetch ?? globalThis.fetch;
  assertFunction(owner, 'fetch', send);
  if (!Array.isArray(servers) || servers.length === 0)
    throw wrongOption(owner, 'servers', 'a list of URLs like ["https://dns.example/dns-query"]', servers);
  const opened = servers.map((url) => {
    if (typeof url !== 'string' || !URL.canParse(url) || new URL(url).protocol !== 'https:')
      throw wrongOption(owner, 'server', 'an https URL like "https://dns.example/dns-query"', url);
    return openServer(new URL(url), send, headers, trustAd, clock);
  });
  const retryMs = positiveNumber(owner, 'retryMs', options.retryMs ?? 1_500);
  return stub({
    ...stubLimits(owner, options, { timeoutMs: 5_000, maxInFlight: 100, maxWaiting: 10_000 }),
    servers: () => opened,
    clock,
    retryMs: () => retryMs,
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
  const running = new Set<AbortController>();
  const post: Post = (body, onRead, done) => {
    const abort = new AbortController();
    running.add(abort);
    request(url.href, send, headers, body, onRead, abort.signal).then((outcome) => {
      running.delete(abort);
      if (!abort.signal.aborted) done(outcome);
    });
    return () => abort.abort();
  };
  const transport = httpsTransport(clock, post, () => {
    for (const abort of running) abort.abort();
  });
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

async function request(
  url: string,
  send: typeof fetch,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  onRead: () => void,
  signal: AbortSignal,
): Promise<HttpOutcome> {
  try {
    const response = await send(url, {
      method: 'POST',
      // A redirect would send the question to a server that was not configured.
      redirect: 'manual',
      headers: { ...headers, accept: DNS_MESSAGE, 'content-type': DNS_MESSAGE },
      body: body as Uint8Array<ArrayBuffer>,
      signal,
    });
    onRead();
    const { status } = response;
    const contentType = response.headers.get('content-type') ?? '';
    if (status === 200) return { kind: 'response', status, contentType, body: await readBody(response, onRead) };
    await response.body?.cancel();
    return { kind: 'response', status, contentType, body: undefined };
  } catch {
    return { kind: 'lost', reason: 'network error', sent: true };
  }
}

/** Reads the body; undefined if there is none, or if it is too long. */
async function readBody(response: Response, onRead: () => void): Promise<Uint8Array | undefined> {
  const reader = response.body?.getReader();
  const body = bodyCollector();
  for (;;) {
    const part = await reader?.read();
    if (part === undefined) return undefined;
    if (part.done) return body.bytes();
    onRead();
    if (body.add(part.value)) continue;
    await reader?.cancel();
    return undefined;
  }
}
