import type { TLSSocket } from 'node:tls';
import { withDeadline } from '../../env/index.ts';
import type { AuditContext } from '../context.ts';
import { certificateFindings, isValid, readCertificate } from '../tls/index.ts';
import type { RecordsContext } from './probe-resolver.ts';

/** The result of a request. */
export type Fetched =
  | {
      readonly status: 'answered';
      readonly code: number;
      /** By lower-case name. Of duplicates, the last. */
      readonly headers: ReadonlyMap<string, string>;
      /** One character per byte. */
      readonly body: string;
    }
  /** No connection: the server or the network may be at fault. */
  | { readonly status: 'not-reached'; readonly reason: string }
  /** `late`: the server accepted the connection but did not respond in time. */
  | { readonly status: 'refused' | 'tls' | 'certificate' | 'late' | 'broken'; readonly reason: string };

/** RFC 8461 §3.3 allows senders to limit policies to 64 KB. */
export const MAX_BODY = 65_536;
const MAX_HEAD = 16_384;
const MAX_ADDRESSES = 4;
const MAX_EARLY = 10;

/**
 * Fetches a file over HTTPS as mail senders do: it verifies the certificate and does not follow redirects. If a connection
 * fails, it tries the next address. Never rejects.
 */
export async function fetchFile(
  host: string,
  path: string,
  addresses: readonly string[],
  port: number,
  context: RecordsContext & Pick<AuditContext, 'connect'>,
): Promise<Fetched> {
  let result: Fetched = { status: 'not-reached', reason: 'it has no address' };
  for (const address of addresses.slice(0, MAX_ADDRESSES)) {
    const next = await fetchFrom(host, path, { address, port }, context);
    // A refused connection is better evidence than a timeout.
    if (next.status !== 'not-reached' || result.status !== 'refused') result = next;
    if (result.status !== 'not-reached' && result.status !== 'refused') return result;
  }
  return result;
}

async function fetchFrom(
  host: string,
  path: string,
  target: { readonly address: string; readonly port: number },
  context: RecordsContext & Pick<AuditContext, 'connect'>,
): Promise<Fetched> {
  const { clock, settings, signal } = context;
  const { timeoutMs, authorities } = settings;
  const where = `${target.address}:${target.port}`;
  const opened = await context
    .connect(target, { signal, timeoutMs })
    .catch((error: Error) => ({ status: 'unreachable' as const, reason: error.message }));
  if (opened.status !== 'open')
    return {
      status: opened.status === 'refused' ? 'refused' : 'not-reached',
      reason: `no connection to ${where}: ${opened.reason}`,
    };
  const { wire } = opened;
  try {
    const begun = await wire.startTls({ name: host, authorities, timeoutMs });
    if (begun.status === 'aborted') return { status: 'not-reached', reason: 'aborted' };
    if (begun.status !== 'secure')
      return { status: begun.status === 'timeout' ? 'late' : 'tls', reason: `TLS with ${where}: ${begun.reason}` };
    const { socket } = begun;
    const certificate = readCertificate(socket, [host], context);
    if (certificate === undefined) return { status: 'certificate', reason: 'the server sends no certificate' };
    if (!isValid(certificate, clock.now())) {
      const faults = certificateFindings(host, certificate, [host], context, 'high')
        .filter(({ id }) => id !== 'certificate-expires-soon' && id !== 'certificate-weak')
        .map(({ what }) => what.replace(/\.$/, ''));
      return { status: 'certificate', reason: faults.join('; ') };
    }
    const response = readResponse(socket, context);
    wire.write(
      [
        `GET ${path} HTTP/1.1`,
        `Host: ${target.port === 443 ? host : `${host}:${target.port}`}`,
        'User-Agent: postern-audit',
        'Accept: text/plain',
        'Connection: close',
        '',
        '',
      ].join('\r\n'),
    );
    return await response;
  } finally {
    wire.close();
  }
}

/** Reads one response until it is complete, too long or late, or the connection ends. */
async function readResponse(socket: TLSSocket, { clock, settings, signal }: RecordsContext): Promise<Fetched> {
  const ended = await withDeadline(
    clock,
    settings.timeoutMs,
    signal,
    () =>
      new Promise<Fetched>((resolve) => {
        const reader = responseReader();
        const closed = (): void => resolve(reader.end());
        socket.on('end', closed).on('close', closed);
        socket.on('data', (chunk: Buffer) => {
          const response = reader.take(chunk.toString('latin1'));
          if (response !== undefined) resolve(response);
        });
        if (socket.destroyed || socket.readableEnded) closed();
      }),
  );
  switch (ended.how) {
    case 'answered':
      return ended.value;
    case 'late':
      return { status: 'late', reason: `no complete response in ${settings.timeoutMs} ms` };
    case 'failed':
      return broken((ended.error as Error).message);
    case 'aborted':
      return { status: 'not-reached', reason: 'aborted' };
  }
}

const broken = (reason: string): Fetched => ({ status: 'broken', reason });
const tooLong = (): Fetched => broken(`the response is longer than ${MAX_BODY} bytes`);
const incomplete = (): Fetched => broken('the connection was closed before the response was complete');

/** Parses an HTTP response incrementally (RFC 9112). */
export interface ResponseReader {
  /** Adds received bytes, one character each. Returns the result when the response is complete or invalid. */
  take(octets: string): Fetched | undefined;
  /** Ends the input. */
  end(): Fetched;
}

/** A body parser. */
interface Body {
  take(octets: string): string | Fetched | undefined;
  /** Returns the body if the end of the connection delimits it. */
  end(): string | undefined;
}

interface Head {
  readonly code: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Body;
}

/** Creates a parser for one response. The time is linear in the input, however it is split. */
export function responseReader(): ResponseReader {
  let unread = '';
  let head: Head | undefined;
  let early = 0;
  const answered = (body: string): Fetched =>
    head === undefined ? incomplete() : { status: 'answered', code: head.code, headers: head.headers, body };
  const take = (octets: string): Fetched | undefined => {
    if (head === undefined) {
      unread += octets;
      const read = readHead(unread);
      if (read === undefined) return undefined;
      if ('status' in read) return read;
      unread = unread.slice(read.length);
      // An interim response such as 103 Early Hints.
      if (read.code < 200) return ++early > MAX_EARLY ? broken('it sends only 1xx responses') : take('');
      head = read;
      // The body of a redirect or an error does not matter.
      if (read.code !== 200) return answered('');
      return take(unread);
    }
    const body = head.body.take(octets);
    return typeof body === 'string' ? answered(body) : body;
  };
  return {
    take,
    end() {
      const body = head?.body.end();
      if (body !== undefined) return answered(body);
      return head === undefined ? broken('it closed the connection before it sent a header') : incomplete();
    },
  };
}

/** Parses the status line and the header. Returns undefined if more input is needed. `length` is the size of both. */
function readHead(octets: string): (Head & { readonly length: number }) | Fetched | undefined {
  if (!octets.startsWith('HTTP/'.slice(0, octets.length))) return broken('the response is not HTTP');
  const end = octets.indexOf('\r\n\r\n');
  if (end > MAX_HEAD || (end < 0 && octets.length > MAX_HEAD))
    return broken(`the header is longer than ${MAX_HEAD} bytes`);
  // Without CRLF line ends, the header would never end.
  if (end < 0) return octets.includes('\n\n') ? broken('its header is not valid HTTP/1.1') : undefined;
  const [statusLine = '', ...fields] = octets.slice(0, end).split('\r\n');
  const code = Number(/^HTTP\/1\.[01] ([1-5]\d\d)(?: |$)/.exec(statusLine)?.[1] ?? 0);
  if (code === 0) return broken('its status line is not valid HTTP/1.1');
  const headers = new Map<string, string>();
  for (const field of fields) {
    // RFC 9112 §5.1, §5.2: no space before the colon, and no line folding.
    const colon = field.indexOf(':');
    const name = field.slice(0, Math.max(0, colon)).toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || /[\r\n\0]/.test(field)) return broken('a header line is invalid');
    const value = field.slice(colon + 1).trim();
    const before = headers.get(name);
    if (before !== undefined && before !== value && (name === 'content-length' || name === 'transfer-encoding'))
      return broken(`it has two different ${name} headers`);
    headers.set(name, value);
  }
  const body = bodyOf(headers);
  return 'status' in body ? body : { code, headers, body, length: end + 4 };
}

/** Chooses the body parser (RFC 9112 §6.3). */
function bodyOf(headers: ReadonlyMap<string, string>): Body | Fetched {
  const coding = headers.get('transfer-encoding');
  const written = headers.get('content-length');
  if (coding !== undefined)
    return coding.toLowerCase() === 'chunked' && written === undefined
      ? chunks()
      : broken('the length of its response is ambiguous (RFC 9112 §6.3)');
  if (written === undefined) return untilTheEnd();
  if (!/^\d{1,15}$/.test(written)) return broken('its Content-Length is not a number');
  return Number(written) > MAX_BODY ? tooLong() : ofLength(Number(written));
}

function ofLength(length: number): Body {
  let body = '';
  return {
    take(octets) {
      body += octets;
      return body.length < length ? undefined : body.slice(0, length);
    },
    end: () => undefined,
  };
}

function untilTheEnd(): Body {
  let body = '';
  return {
    take(octets) {
      body += octets;
      return body.length > MAX_BODY ? tooLong() : undefined;
    },
    end: () => body,
  };
}

/** Maximum length of a chunk size line. */
const MAX_SIZE_LINE = 1_024;
/** Maximum total length of chunk size lines. */
const MAX_SIZE_LINES = 65_536;

/** Parses a chunked body (RFC 9112 §7.1). */
function chunks(): Body {
  let body = '';
  let unread = '';
  let sizeLines = 0;
  /** Remaining length of the current chunk. Undefined: a size line comes next. */
  let left: number | undefined;
  const wrong = broken('its chunked encoding is invalid');
  return {
    take(octets) {
      unread += octets;
      for (let at = 0; ; ) {
        if (left === undefined) {
          const end = unread.indexOf('\r\n', at);
          if (end < 0 ? unread.length - at > MAX_SIZE_LINE : end - at > MAX_SIZE_LINE) return wrong;
          if (end < 0) {
            unread = unread.slice(at);
            return undefined;
          }
          const size = /^([0-9a-f]{1,8})[ \t]*(?:;|$)/i.exec(unread.slice(at, end))?.[1];
          sizeLines += end - at;
          if (size === undefined || sizeLines > MAX_SIZE_LINES) return wrong;
          left = Number.parseInt(size, 16);
          at = end + 2;
          // Trailers are ignored.
          if (left === 0) return body;
          if (body.length + left > MAX_BODY) return tooLong();
        }
        if (unread.length - at < left + 2) {
          unread = unread.slice(at);
          return undefined;
        }
        if (unread.slice(at + left, at + left + 2) !== '\r\n') return wrong;
        body += unread.slice(at, at + left);
        at += left + 2;
        left = undefined;
      }
    },
    end: () => undefined,
  };
}
