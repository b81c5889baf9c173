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
/** Chunks carry their sizes, and may be small. */
const MAX_OCTETS: number = MAX_HEAD + 2 * MAX_BODY;
const MAX_ADDRESSES = 4;

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
  const opened = await context.connect(target, { signal, timeoutMs });
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
    let octets = '';
    const end = (fetched: Fetched): void => {
      cancel();
      socket.off('data', data).off('end', closed).off('close', closed);
      resolve(fetched);
    };
    const data = (chunk: Buffer): void => {
      octets += chunk.toString('latin1');
      const read = readAnswer(octets, false);
      if (read !== undefined) end(read);
      else if (octets.length > MAX_OCTETS) end(broken(`it sent more than ${MAX_OCTETS} octets`));
    };
    const closed = (): void =>
      end(
        signal?.aborted
          ? { status: 'not-reached', reason: 'aborted' }
          : (readAnswer(octets, true) ?? broken('the connection was closed before the answer was whole')),
      );
    const cancel = clock.after(settings.timeoutMs, () =>
      end({ status: 'late', reason: `no whole answer in ${settings.timeoutMs} ms` }),
    );
    socket.on('data', data).on('end', closed).on('close', closed);
    if (socket.destroyed || socket.readableEnded) closed();
  });
}

const broken = (reason: string): Fetched => ({ status: 'broken', reason });

/**
 * Reads what has come of an answer (RFC 9112). Undefined: more is needed.
 *
 * @param over whether nothing more comes
 */
export function readAnswer(octets: string, over: boolean): Fetched | undefined {
  if (octets.length >= 5 && !octets.startsWith('HTTP/')) return broken('what it answers is not HTTP');
  const end = octets.indexOf('\r\n\r\n');
  if (end < 0) {
    if (octets.length > MAX_HEAD) return broken(`the header is longer than ${MAX_HEAD} octets`);
    // A header whose lines end otherwise never ends.
    return over || octets.includes('\n\n') ? broken('the header is not one of HTTP, or not whole') : undefined;
  }
  const [statusLine = '', ...fields] = octets.slice(0, end).split('\r\n');
  const code = Number(/^HTTP\/1\.[01] ([1-5]\d\d)(?: |$)/.exec(statusLine)?.[1] ?? 0);
  if (code === 0) return broken('its status line is not one of HTTP/1.1');
  const rest = octets.slice(end + 4);
  if (code < 200) return readAnswer(rest, over);
  const headers = new Map<string, string>();
  for (const field of fields) {
    // RFC 9112 §5.1, §5.2: no space before the colon, and no line that goes on.
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/s.exec(field);
    if (match === null || /[\r\n\0]/.test(field)) return broken('a line of its header is not one of HTTP');
    const [, name = '', value = ''] = match;
    const lower = name.toLowerCase();
    const before = headers.get(lower);
    if (before !== undefined && before !== value && (lower === 'content-length' || lower === 'transfer-encoding'))
      return broken(`it has two headers ${lower} that differ`);
    headers.set(lower, value);
  }
  const answer = (body: string): Fetched =>
    body.length > MAX_BODY
      ? broken(`the answer is longer than ${MAX_BODY} octets`)
      : { status: 'answered', code, headers, body };
  // What stands in the body of a redirect or an error does not matter.
  if (code !== 200) return answer('');
  const coding = headers.get('transfer-encoding');
  const written = headers.get('content-length');
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked' || written !== undefined)
      return broken('how long its answer is cannot be told (RFC 9112 §6.3)');
    const body = readChunks(rest);
    if (body === 'wrong') return broken('its chunks are not those of HTTP/1.1');
    if (body !== undefined) return answer(body);
    return over ? broken('the connection was closed before the answer was whole') : undefined;
  }
  if (written !== undefined) {
    if (!/^\d{1,15}$/.test(written)) return broken('its Content-Length is no number');
    const length = Number(written);
    if (length > MAX_BODY) return broken(`the answer is longer than ${MAX_BODY} octets`);
    if (rest.length >= length) return answer(rest.slice(0, length));
    return over ? broken('the connection was closed before the answer was whole') : undefined;
  }
  if (rest.length > MAX_BODY) return answer(rest);
  return over ? answer(rest) : undefined;
}

/** RFC 9112 §7.1. Undefined: more is needed. */
function readChunks(octets: string): string | 'wrong' | undefined {
  let body = '';
  for (let at = 0; ; ) {
    const end = octets.indexOf('\r\n', at);
    if (end < 0) return octets.length - at > 1_024 ? 'wrong' : undefined;
    const size = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i.exec(octets.slice(at, end))?.[1];
    if (size === undefined) return 'wrong';
    const length = Number.parseInt(size, 16);
    at = end + 2;
    // Trailers say nothing here.
    if (length === 0) return body;
    if (body.length + length > MAX_BODY) return body + octets.slice(at, at + length).padEnd(length);
    if (octets.length < at + length + 2) return undefined;
    if (octets.slice(at + length, at + length + 2) !== '\r\n') return 'wrong';
    body += octets.slice(at, at + length);
    at += length + 2;
  }
}
