import { ipFromBytes, parseIp } from '../../net/index.ts';
import { type Endpoint, SIGNATURE } from './write.ts';

/**
 * Result of parsing the first bytes of a connection.
 *
 * - `incomplete`: the beginning of a header; more bytes are needed
 * - `malformed`: not a header; `reason` says why
 * - `complete`: a header of `length` bytes. `client` is undefined if the header does not name one: the proxy connected on
 *   its own behalf (LOCAL, a health check), or does not know its client (UNKNOWN, UNSPEC, Unix sockets, UDP)
 */
export type ProxyHeader =
  | { readonly state: 'incomplete' }
  | { readonly state: 'malformed'; readonly reason: string }
  | { readonly state: 'complete'; readonly length: number; readonly client: Endpoint | undefined };

const V1 = Buffer.from('PROXY ', 'latin1');
/** §2.1: maximum length of a version 1 line, including CRLF. */
const MAX_V1 = 107;
const FIXED_V2 = 16;
/** Limit of a version 2 header in bytes. In practice its type-length-values (names, cloud IDs) take a few hundred. */
const MAX_V2 = 4_096;
const UNIX_ADDRESSES = 216;

const incomplete: ProxyHeader = { state: 'incomplete' };
const malformed = (reason: string): ProxyHeader => ({ state: 'malformed', reason });

/** Parses a header of either version. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (begins(bytes, V1)) return bytes.length < V1.length ? incomplete : parseV1(bytes);
  if (begins(bytes, SIGNATURE)) return bytes.length < FIXED_V2 ? incomplete : parseV2(bytes);
  return malformed('it does not begin with a PROXY header');
}

/** Reports whether the bytes match the signature, up to the length of the shorter one. */
function begins(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

/** Parses version 1 (§2.1): one line with a strict syntax. */
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

/** Parses version 2 (§2.2): a fixed part that contains the length of the rest. */
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
  // LOCAL: the family and everything after it are ignored.
  const width = command === 0 ? undefined : family === TCP4 ? 4 : family === TCP6 ? 16 : undefined;
  if (width === undefined) return { state: 'complete', length, client: undefined };
  const ip = ipFromBytes(bytes.subarray(FIXED_V2, FIXED_V2 + width));
  return { state: 'complete', length, client: { ip, port: bytes.readUInt16BE(FIXED_V2 + 2 * width) } };
}

const TCP4 = 0x11;
const TCP6 = 0x21;

/** Length of the addresses in bytes, by family and protocol. */
const addressBytes: { readonly [family: number]: number } = {
  0: 0,
  [TCP4]: 12,
  18: 12,
  [TCP6]: 36,
  34: 36,
  49: UNIX_ADDRESSES,
  50: UNIX_ADDRESSES,
};
