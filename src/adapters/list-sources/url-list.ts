import { createHash, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import { numberFrom } from '../../core/index.ts';
import { MAX_LIST_BYTES } from './build.ts';
import type { Fetched, ListEvent, ListSource, ListSourceOptions } from './list-source.ts';
import { listSource } from './list-source.ts';

export interface UrlListOptions extends ListSourceOptions {
  /** How often the list is asked for, in milliseconds; an hour, and never less than a minute. Publishers ask for no more. */
  readonly intervalMs?: number;
  /** How long one download may take, in milliseconds; 60,000. */
  readonly timeoutMs?: number;
  /** Header fields of the request, a token for instance. */
  readonly headers?: { readonly [name: string]: string };
  /** The address of a file that says the list's SHA-256, as `sha256sum` prints it. */
  readonly sha256?: string;
  /** The address of a signature over the list's bytes, and the public key (PEM, Ed25519 or RSA with SHA-256) it was made with. */
  readonly signature?: { readonly url: string; readonly publicKey: string };
  /** Takes the place of the platform's `fetch`, for proxies and tests. */
  readonly fetch?: typeof globalThis.fetch;
}

interface Answer {
  readonly status: number;
  readonly fields: Headers;
  /** The body; empty where the status is not 200. */
  readonly list: Uint8Array<ArrayBuffer>;
}

const LEAST_INTERVAL_MS = 60_000;
/** The longest checksum or signature file that is read. */
const MAX_PROOF_BYTES = 65_536;

/**
 * A list from a URL, plain or packed with gzip. It is asked for again with the entity tag and date of the last answer; what has
 * not changed is not sent. After a failure it is asked for earlier: after one, two, four … minutes.
 *
 * @param url https; http only from this machine, or with a signature
 * @throws TypeError where an option is wrong
 */
export function urlList(url: string | URL, options: UrlListOptions): ListSource {
  const address = addressOf(url, options.signature !== undefined);
  const { intervalMs = 3_600_000, timeoutMs = 60_000, fetch: get = globalThis.fetch, sha256, signature } = options;
  const name = options.name ?? address.hostname;
  numberFrom('urlList', 'intervalMs', intervalMs, LEAST_INTERVAL_MS);
  numberFrom('urlList', 'timeoutMs', timeoutMs, 1);
  const sumAddress = sha256 === undefined ? undefined : addressOf(sha256, true);
  const key = signature === undefined ? undefined : keyOf(signature.publicKey);
  const signatureAddress = signature === undefined ? undefined : addressOf(signature.url, true);

  let validators: Record<string, string> = {};
  const closing = new AbortController();

  const ask = async (from: URL, headers: Record<string, string>, limit: number): Promise<Answer> => {
    const response = await get(from, {
      headers: { 'user-agent': 'postern', ...options.headers, ...headers },
      signal: AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]),
    });
    if (from.protocol === 'https:' && response.url !== '' && !response.url.startsWith('https:'))
      throw new Error('it was redirected away from https');
    const { status, headers: fields } = response;
    return { status, fields, list: status === 200 ? await readBody(response, limit) : new Uint8Array(0) };
  };

  const fetch = async (force: boolean): Promise<Fetched> => {
    const response = await ask(address, force ? {} : validators, MAX_LIST_BYTES);
    if (response.status === 304) return { unchanged: true };
    if (response.status !== 200) return { failed: `the server answered ${response.status}` };
    if (/^text\/html\b/i.test(response.fields.get('content-type') ?? ''))
      return { failed: 'the server answered with an HTML page' };
    const { list } = response;
    if (sumAddress !== undefined) {
      const sum = await ask(sumAddress, {}, MAX_PROOF_BYTES);
      if (sum.status !== 200) return { failed: `the checksum could not be had: ${sum.status}` };
      if (!sumFits(new TextDecoder().decode(sum.list), list)) return { failed: 'the checksum does not fit the list' };
    }
    if (signatureAddress !== undefined && key !== undefined) {
      const signed = await ask(signatureAddress, {}, MAX_PROOF_BYTES);
      if (signed.status !== 200) return { failed: `the signature could not be had: ${signed.status}` };
      if (!signatureFits(key, list, signed.list)) return { failed: 'the signature does not fit the list' };
    }
    const etag = response.fields.get('etag');
    const modified = response.fields.get('last-modified');
    return {
      list,
      file: `${address.origin}${address.pathname}`,
      // Only what was taken may be answered with "not modified": a list that was refused is asked for again in full.
      accepted: () => {
        validators = {
          ...(etag === null ? {} : { 'if-none-match': etag }),
          ...(modified === null ? {} : { 'if-modified-since': modified }),
        };
      },
    };
  };

  const start = (reload: () => Promise<ListEvent>): (() => void) => {
    let timer: NodeJS.Timeout | undefined;
    let failures = 0;
    let stopped = false;
    const later = (): void => {
      const wait = failures === 0 ? intervalMs : Math.min(intervalMs, LEAST_INTERVAL_MS * 2 ** (failures - 1));
      // A tenth more or less, so that not everybody asks on the hour.
      timer = setTimeout(again, wait * (0.9 + Math.random() * 0.2)).unref();
    };
    const again = async (): Promise<void> => {
      const { type } = await reload();
      failures = type === 'kept' ? failures + 1 : 0;
      if (!stopped) later();
    };
    later();
    return () => {
      stopped = true;
      clearTimeout(timer);
      closing.abort(new Error('the source is closed'));
    };
  };

  return listSource({ name, maxShrink: 0.5, fetch, start }, options);
}

function addressOf(url: string | URL, plainIsFine: boolean): URL {
  let address: URL;
  try {
    address = new URL(url);
  } catch {
    throw new TypeError(`urlList: ${JSON.stringify(String(url))} is not a URL`);
  }
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(address.hostname);
  if (address.protocol === 'https:' || (address.protocol === 'http:' && (local || plainIsFine))) return address;
  throw new TypeError(
    `urlList: ${address.protocol}//${address.host} must be https, or http with a signature: anybody on the way could change it`,
  );
}

function keyOf(pem: string): ReturnType<typeof createPublicKey> {
  try {
    return createPublicKey(pem);
  } catch (error) {
    throw new TypeError(`urlList: signature.publicKey cannot be read: ${(error as Error).message}`);
  }
}

async function readBody(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > limit) throw new Error(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function sumFits(text: string, bytes: Uint8Array): boolean {
  const said = /\b[0-9a-f]{64}\b/i.exec(text)?.[0];
  return said !== undefined && timingSafeEqual(Buffer.from(said, 'hex'), createHash('sha256').update(bytes).digest());
}

/** The signature as bytes, or as base64 text. */
function signatureFits(key: ReturnType<typeof createPublicKey>, bytes: Uint8Array, signature: Uint8Array): boolean {
  const algorithm = key.asymmetricKeyType === 'ed25519' || key.asymmetricKeyType === 'ed448' ? null : 'sha256';
  const text = Buffer.from(signature).toString('latin1').trim();
  const candidates = [signature, ...(/^[A-Za-z0-9+/=\s]+$/.test(text) ? [Buffer.from(text, 'base64')] : [])];
  return candidates.some((candidate) => {
    try {
      return verify(algorithm, bytes, key, candidate);
    } catch {
      return false;
    }
  });
}
