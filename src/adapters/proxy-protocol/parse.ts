import { ipFromBytes, parseIp } from '../../net/index.ts';
import { type Endpoint, SIGNATURE } from './write.ts';

/**
 * What the first bytes of a connection are.
 *
 * - `incomplete`: the beginning of a header; more bytes decide
 * - `malformed`: not a header; `reason` says why
 * - `complete`: a header of `length` bytes. `client` is the client it names, or undefined if it names none: the proxy speaks for
 *   itself (LOCAL, a health check), or does not know its client (UNKNOWN, UNSPEC, Unix sockets, UDP)
 */
export type ProxyHeader =
  | { readonly state: 'incomplete' }
  | { readonly state: 'malformed'; readonly reason: string }
  | { readonly state: 'complete'; readonly length: number; readonly client: Endpoint | undefined };

const V1 = Buffer.from('PROXY ', 'latin1');
/** §2.1: the longest line of version 1, its CRLF included. */
const MAX_V1 = 107;
const FIXED_V2 = 16;
/** A header of version 2 with its type-length-values. They hold some hundred bytes in practice: names, checksums, cloud ids. */
const MAX_V2 = 4_096;
const UNIX_ADDRESSES = 216;

const incomplete: ProxyHeader = { state: 'incomplete' };
const malformed = (reason: string): ProxyHeader => ({ state: 'malformed', reason });

/** Reads a header of either version. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (begins(bytes, V1)) return bytes.length < V1.length ? incomplete : parseV1(bytes);
  if (begins(bytes, SIGNATURE)) return bytes.length < FIXED_V2 ? incomplete : parseV2(bytes);
  return malformed('it does not begin with a PROXY header');
}

/** Whether the bytes begin as the signature does, as far as both go. */
function begins(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

/** §2.1: one line, written in exactly one way. */
function parseV1(bytes: Buffer): ProxyHeader {
  const feed = bytes.subarray(0, MAX_V1).indexOf(10);
  if (feed < 0) return bytes.length < MAX_V1 ? incomplete : malformed(`a line of more than ${MAX_V1} bytes`);
  const line = bytes.toString('latin1', 0, feed + 1);
  const length = feed + 1;
  if (/^PROXY UNKNOWN(?: [\x20-\x7e]*)?\r\n$/.test(line)) return { state: 'complete', length, client: undefined };
  const [, family, source, destination, sourcePort, destinationPort] =
    /^PROXY TCP([46]) ([\da-fA-F.:]+) ([\da-fA-F.:]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n$/.exec(line) ?? [];
  if (source === undefined || destination === undefined) return malformed('the line cannot be read');
  const ip = parseIp(source);
  const port = Number(sourcePort);
  const fits = (text: string): boolean => parseIp(text) !== undefined && text.includes(':') === (family === '6');
  if (ip === undefined || !fits(source) || !fits(destination)) return malformed('an address cannot be read');
  if (port > 65_535 || Number(destinationPort) > 65_535) return malformed('a port is larger than 65535');
  return { state: 'complete', length, client: { ip, port } };
}

/** §2.2: a fixed part, then as many bytes as it says. */
function parseV2(bytes: Buffer): ProxyHeader {
  const versionAndCommand = bytes[12] as number;
  const family = bytes[13] as number;
  const size = bytes.readUInt16BE(14);
  const length = FIXED_V2 + size;
  if (versionAndCommand >> 4 !== 2) return malformed('its version is not 2');
  const command = versionAndCommand & 15;
  if (command > 1) return malformed(`its command ${command} is not assigned`);
  if (length > MAX_V2) return malformed(`a header of more than ${MAX_V2} bytes`);
  const needed = command === 0 ? 0 : addressBytes[family];
  if (needed === undefined) return malformed(`its address family ${family} is not assigned`);
  if (size < needed) return malformed('it is too short for its addresses');
  if (bytes.length < length) return incomplete;
  // LOCAL: the family and all that follows are ignored.
  const width = command === 0 ? undefined : family === TCP4 ? 4 : family === TCP6 ? 16 : undefined;
  if (width === undefined) return { state: 'complete', length, client: undefined };
  const ip = ipFromBytes(bytes.subarray(FIXED_V2, FIXED_V2 + width));
  return { state: 'complete', length, client: { ip, port: bytes.readUInt16BE(FIXED_V2 + 2 * width) } };
}

const TCP4 = 0x11;
const TCP6 = 0x21;

/** How many bytes of addresses each family and protocol has. */
const addressBytes: { readonly [family: number]: number } = {
  0: 0,
  [TCP4]: 12,
  18: 12,
  [TCP6]: 36,
  34: 36,
  49: UNIX_ADDRESSES,
  50: UNIX_ADDRESSES,
};
