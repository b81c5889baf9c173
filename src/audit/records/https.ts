import type { TLSSocket } from 'node:tls';
import type { AuditContext } from '../context.ts';
import { certificateFindings, isValid, readCertificate } from '../tls/index.ts';
import type { RecordsContext } from './questions.ts';

/** What came of a request. */
export type Fetched =
  | {
      readonly status: 'answered';
      readonly code: number;
      /** By name, in lower case; of several, the last. */
      readonly headers: ReadonlyMap<string, string>;
      /** Octets as one character each. */
      readonly body: string;
    }
  /** Nothing was sent back: whether that is the server's fault cannot be seen from here. */
  | { readonly status: 'not-reached'; readonly reason: string }
  /** `late`: it takes connections, and did not answer in time. */
  | { readonly status: 'refused' | 'tls' | 'certificate' | 'late' | 'broken'; readonly reason: string };

/** RFC 8461 §3.3 lets senders stop at 64 KB. */
export const MAX_BODY = 65_536;
const MAX_HEAD = 16_384;
const MAX_ADDRESSES = 4;
const MAX_EARLY = 10;

/**
 * Asks a host for a file by HTTPS, as senders of mail do: with a certificate for its name, without following redirects. Of
 * its addresses the next is tried where there was no connection. Never rejects.
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
    // That somebody refuses says more than that nobody answers.
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
    if (certificate === undefined) return { status: 'certificate', reason: 'the server shows no certificate' };
    if (!isValid(certificate, clock.now())) {
      const faults = certificateFindings(host, certificate, [host], context, 'high')
        .filter(({ id }) => id !== 'certificate-expires-soon' && id !== 'certificate-weak')
        .map(({ what }) => what.replace(/\.$/, ''));
      return { status: 'certificate', reason: faults.join('; ') };
    }
    const answer = answerOn(socket, context);
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
    return await answer;
  } finally {
    wire.close();
  }
}

/** Reads one answer: until it is whole, too long, late, or the connection ends. */
function answerOn(socket: TLSSocket, { clock, settings, signal }: RecordsContext): Promise<Fetched> {
  return new Promise((resolve) => {
    const reader = answerReader();
    const end = (fetched: Fetched): void => {
      cancel();
      socket.off('data', data).off('end', closed).off('close', closed);
      resolve(fetched);
    };
    const data = (chunk: Buffer): void => {
      const read = reader.take(chunk.toString('latin1'));
      if (read !== undefined) end(read);
    };
    const closed = (): void => end(signal?.aborted ? { status: 'not-reached', reason: 'aborted' } : reader.end());
    const cancel = clock.after(settings.timeoutMs, () =>
      end({ status: 'late', reason: `no whole answer in ${settings.timeoutMs} ms` }),
    );
    socket.on('data', data).on('end', closed).on('close', closed);
    if (socket.destroyed || socket.readableEnded) closed();
  });
}

const broken = (reason: string): Fetched => ({ status: 'broken', reason });
const tooLong = (): Fetched => broken(`the answer is longer than ${MAX_BODY} octets`);
const notWhole = (): Fetched => broken('the connection was closed before the answer was whole');

/** Reads an answer of HTTP as it comes (RFC 9112). */
export interface AnswerReader {
  /** More octets, as one character each. What it returns is the end. */
  take(octets: string): Fetched | undefined;
  /** Nothing more comes. */
  end(): Fetched;
}

/** How the body is delimited, and what of it is there. */
interface Body {
  take(octets: string): string | Fetched | undefined;
  /** The body, where the end of the connection is its end. */
  end(): string | undefined;
}

interface Head {
  readonly code: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Body;
}

/** A reader for one answer. Every octet is looked at a few times at most, however they come. */
export function answerReader(): AnswerReader {
  let unread = '';
  let head: Head | undefined;
  let early = 0;
  const answered = (body: string): Fetched =>
    head === undefined ? notWhole() : { status: 'answered', code: head.code, headers: head.headers, body };
  const take = (octets: string): Fetched | undefined => {
    if (head === undefined) {
      unread += octets;
      const read = readHead(unread);
      if (read === undefined) return undefined;
      if ('status' in read) return read;
      unread = unread.slice(read.length);
      // An answer ahead of the answer: 103 Early Hints.
      if (read.code < 200) return ++early > MAX_EARLY ? broken('it answers with nothing but 1xx') : take('');
      head = read;
      // What stands in the body of a redirect or an error does not matter.
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
      return head === undefined ? broken('it closed the connection before it had sent a header') : notWhole();
    },
  };
}

/** The status line and the header; undefined where more is needed. `length` is how much of the text they are. */
function readHead(octets: string): (Head & { readonly length: number }) | Fetched | undefined {
  if (!octets.startsWith('HTTP/'.slice(0, octets.length))) return broken('what it answers is not HTTP');
  const end = octets.indexOf('\r\n\r\n');
  if (end > MAX_HEAD || (end < 0 && octets.length > MAX_HEAD))
    return broken(`the header is longer than ${MAX_HEAD} octets`);
  // A header whose lines end otherwise never ends.
  if (end < 0) return octets.includes('\n\n') ? broken('its header is not one of HTTP/1.1') : undefined;
  const [statusLine = '', ...fields] = octets.slice(0, end).split('\r\n');
  const code = Number(/^HTTP\/1\.[01] ([1-5]\d\d)(?: |$)/.exec(statusLine)?.[1] ?? 0);
  if (code === 0) return broken('its status line is not one of HTTP/1.1');
  const headers = new Map<string, string>();
  for (const field of fields) {
    // RFC 9112 §5.1, §5.2: no space before the colon, and no line that goes on.
    const colon = field.indexOf(':');
    const name = field.slice(0, Math.max(0, colon)).toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || /[\r\n\0]/.test(field))
      return broken('a line of its header is not one of HTTP');
    const value = field.slice(colon + 1).trim();
    const before = headers.get(name);
    if (before !== undefined && before !== value && (name === 'content-length' || name === 'transfer-encoding'))
      return broken(`it has two headers ${name} that differ`);
    headers.set(name, value);
  }
  const body = bodyOf(headers);
  return 'status' in body ? body : { code, headers, body, length: end + 4 };
}

/** RFC 9112 §6.3. */
function bodyOf(headers: ReadonlyMap<string, string>): Body | Fetched {
  const coding = headers.get('transfer-encoding');
  const written = headers.get('content-length');
  if (coding !== undefined)
    return coding.toLowerCase() === 'chunked' && written === undefined
      ? chunks()
      : broken('where its answer ends cannot be told (RFC 9112 §6.3)');
  if (written === undefined) return untilTheEnd();
  if (!/^\d{1,15}$/.test(written)) return broken('its Content-Length is no number');
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

/** A line with the size of a chunk is no longer than this. */
const MAX_SIZE_LINE = 1_024;
/** Extensions and sizes beside the body, in octets. */
const MAX_BESIDE = 65_536;

/** RFC 9112 §7.1. */
function chunks(): Body {
  let body = '';
  let unread = '';
  let beside = 0;
  /** Octets that are to come of the chunk that is being read; undefined: a size is to come. */
  let left: number | undefined;
  const wrong = broken('its chunks are not those of HTTP/1.1');
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
          beside += end - at;
          if (size === undefined || beside > MAX_BESIDE) return wrong;
          left = Number.parseInt(size, 16);
          at = end + 2;
          // Trailers say nothing here.
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
