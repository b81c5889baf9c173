import { maskOf, scanAddress, scanned, wasCanonical } from './ip-scan.ts';

declare const canonical: unique symbol;

/**
 * An IP address in canonical text: dotted decimal, or RFC 5952 for IPv6. An IPv4-mapped address (`::ffff:192.0.2.1`) becomes
 * its IPv4 address. Only this module makes one, so that equal addresses are equal strings.
 */
export type IpAddress = string & { readonly [canonical]: 'IpAddress' };

export type IpVersion = 4 | 6;

/** Whether the canonical address is IPv4 or IPv6. */
export const ipVersion = (address: IpAddress): IpVersion => (address.includes(':') ? 6 : 4);

/**
 * Reads an address in the form that sockets and peers use.
 *
 * A zone (`%eth0`) is removed from a link-local address and refused elsewhere. IPv4-mapped IPv6 becomes IPv4. Leading zeroes,
 * short forms and hexadecimal forms are refused, because programs read them differently.
 *
 * @returns the canonical address, or undefined if the text is not an address
 */
export function parseIp(text: string): IpAddress | undefined {
  if (typeof text !== 'string') return undefined;
  const version = scanAddress(text, 0, text.length);
  if (version === 4) return (text.includes(':') ? printWord(scanned[0]!) : text) as IpAddress;
  if (version !== 6) return undefined;
  return (wasCanonical() ? text : printWords()) as IpAddress;
}

const printWord = (word: number): string => `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;

/** Returns the bytes of the address scanned last. */
function octets(version: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(version === 4 ? 4 : 16);
  for (let i = 0; i < bytes.length; i++) bytes[i] = scanned[i >> 2]! >>> (24 - (i & 3) * 8);
  return bytes;
}

/** Returns the address of 4 or 16 bytes in network order. */
export function ipFromBytes(bytes: ArrayLike<number>): IpAddress {
  if (bytes.length === 4) return Array.prototype.join.call(bytes, '.') as IpAddress;
  if (bytes.length !== 16) throw new TypeError(`ipFromBytes: bytes must be 4 or 16 bytes, got ${bytes.length}`);
  let mapped = bytes[10] === 255 && bytes[11] === 255;
  for (let i = 0; mapped && i < 10; i++) mapped = bytes[i] === 0;
  if (mapped) return Array.prototype.slice.call(bytes, 12).join('.') as IpAddress;
  for (let i = 0; i < 4; i++)
    scanned[i] = (bytes[i * 4]! << 24) | (bytes[i * 4 + 1]! << 16) | (bytes[i * 4 + 2]! << 8) | bytes[i * 4 + 3]!;
  return printWords() as IpAddress;
}

/** Returns the 4 or 16 bytes of a canonical address, in network order. */
export function ipBytes(address: IpAddress): Uint8Array {
  const version = scanAddress(address, 0, address.length);
  if (version === 0)
    throw new TypeError(`ipBytes: address must be a canonical IP address, got ${JSON.stringify(address)}`);
  return octets(version);
}

/** Prints the words in `scanned` as IPv6 (RFC 5952 §4): lower case, `::` for the first longest run of two or more zero groups. */
function printWords(): string {
  let best = -1;
  let length = 1;
  let run = 0;
  for (let i = 0; i < 8; i++) {
    run = groupAt(i) === 0 ? run + 1 : 0;
    if (run > length) {
      best = i - run + 1;
      length = run;
    }
  }
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === best) {
      text += '::';
      i += length - 1;
    } else text += (i > 0 && i !== best + length ? ':' : '') + groupAt(i).toString(16);
  }
  return text;
}

const groupAt = (i: number): number => (scanned[i >> 1]! >>> (i & 1 ? 0 : 16)) & 0xffff;

/**
 * Returns the labels of the address in the DNS and in DNS lists, without a zone: `1.2.0.192` for 192.0.2.1, 32 nibbles for
 * IPv6 (RFC 1035 §3.5, RFC 3596 §2.5, RFC 5782 §2.1 and §2.4).
 */
export function reverseLabels(address: IpAddress): string {
  const bytes = ipBytes(address);
  if (bytes.length === 4) return `${bytes[3]}.${bytes[2]}.${bytes[1]}.${bytes[0]}`;
  let labels = '';
  for (let i = 15; i >= 0; i--) {
    const byte = bytes[i] as number;
    labels += `${(byte & 15).toString(16)}.${(byte >> 4).toString(16)}${i > 0 ? '.' : ''}`;
  }
  return labels;
}

/** Returns the name of the address's PTR records: `1.2.0.192.in-addr.arpa`. */
export const reverseName = (address: IpAddress): string =>
  `${reverseLabels(address)}.${ipVersion(address) === 4 ? 'in-addr.arpa' : 'ip6.arpa'}`;

/** A network: a canonical address whose host bits are zero, and its length in bits. */
export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}

export interface ParsePrefixOptions {
  /** What to do with host bits that are set (`192.0.2.1/24`): refuse the text, or clear them. Default: `refuse`. */
  readonly hostBits?: 'refuse' | 'clear';
}

/**
 * Reads `192.0.2.0/24`, `2001:db8::/32`, or a bare address, which means its /32 or /128. An IPv4-mapped prefix of 96 bits or
 * more becomes the IPv4 prefix. A shorter one is refused, because it would contain both families.
 *
 * @throws {TypeError} if the text is not a prefix; the message says why
 */
export function parsePrefix(text: string, options: ParsePrefixOptions = {}): Prefix {
  const wrong = (why: string): TypeError =>
    new TypeError(`${JSON.stringify(text)} is not an IP address or prefix: ${why}`);
  if (typeof text !== 'string') throw wrong('it is not a string');
  const slash = text.indexOf('/');
  const host = slash < 0 ? text : text.slice(0, slash);
  if (host.includes('%')) throw wrong('a zone is not allowed');
  const address = parseIp(host);
  if (address === undefined)
    throw wrong(
      host.includes(':') ? 'the IPv6 address is malformed' : 'write four numbers from 0 to 255, without leading zeroes',
    );
  const written = host.includes(':') ? 128 : 32;
  const bits = ipVersion(address) === 4 ? 32 : 128;
  if (slash < 0) return { address, length: bits };
  const length = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > written) throw wrong(`the length must be 0 to ${written}`);
  const kept = Number(length) - (written - bits);
  if (kept < 0) throw wrong('an IPv4-mapped prefix shorter than 96 bits contains both families');
  const network = networkOf(address, kept);
  if (network !== address && options.hostBits !== 'clear')
    throw wrong(`host bits are set; did you mean ${network}/${kept}?`);
  return { address: network, length: kept };
}

/** Prints a prefix: `192.0.2.0/24`. */
export const printPrefix = (prefix: Prefix): string => `${prefix.address}/${prefix.length}`;

/**
 * Returns the network of `length` bits that contains the address.
 *
 * @throws {TypeError} if the text is not an address
 */
export function networkOf(address: IpAddress, length: number): IpAddress {
  const version = scanAddress(address, 0, address.length);
  if (version === 0)
    throw new TypeError(`networkOf: address must be a canonical IP address, got ${JSON.stringify(address)}`);
  if (version === 4) {
    if (length >= 32) return address.includes(':') ? (printWord(scanned[0]!) as IpAddress) : address;
    return printWord(scanned[0]! & maskOf(length)) as IpAddress;
  }
  if (length >= 128 && wasCanonical()) return address;
  for (let i = 0; i < 4; i++) scanned[i] = scanned[i]! & maskOf(length - i * 32);
  return printWords() as IpAddress;
}

const network = new Int32Array(4);

/** Whether the prefix contains the address. The families never match each other. */
export function prefixHas(prefix: Prefix, address: IpAddress): boolean {
  const version = scanAddress(prefix.address, 0, prefix.address.length);
  if (version === 0) return false;
  network.set(scanned);
  if (scanAddress(address, 0, address.length) !== version) return false;
  if (((network[0]! ^ scanned[0]!) & maskOf(prefix.length)) !== 0) return false;
  if (version === 4) return true;
  for (let i = 1; i < 4; i++) if (((network[i]! ^ scanned[i]!) & maskOf(prefix.length - i * 32)) !== 0) return false;
  return true;
}

/** Returns the prefix of the address as text: `192.0.2.0/24`, a key for counting neighbours together. */
export const prefixKey = (address: IpAddress, lengths: { readonly v4: number; readonly v6: number }): string => {
  const length = ipVersion(address) === 4 ? lengths.v4 : lengths.v6;
  return `${networkOf(address, length)}/${length}`;
};

/**
 * The kind of an address. `documentation`: reserved for examples (RFC 5737, RFC 3849, RFC 9637). `reserved`: every other
 * address that is not routed on the Internet.
 */
export type AddressScope =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link-local'
  | 'shared'
  | 'multicast'
  | 'documentation'
  | 'reserved';

/**
 * The IANA special-purpose registries (RFC 6890) as of 2025-10. The first match wins. Addresses that the registries call
 * globally reachable are `public`. Of IPv6, only 2000::/3 is allocated (RFC 4291 §2.4); addresses outside it are not routed.
 */
const scopes: readonly (readonly [AddressScope, string])[] = [
  ['reserved', '0.0.0.0/8'],
  ['private', '10.0.0.0/8'],
  ['shared', '100.64.0.0/10'],
  ['loopback', '127.0.0.0/8'],
  ['link-local', '169.254.0.0/16'],
  ['private', '172.16.0.0/12'],
  ['public', '192.0.0.9/32'], // Port Control Protocol anycast, RFC 7723
  ['public', '192.0.0.10/32'], // TURN anycast, RFC 8155
  ['reserved', '192.0.0.0/24'],
  ['documentation', '192.0.2.0/24'],
  ['reserved', '192.88.99.0/24'], // relays of 6to4 and 6a44, RFC 7526 and RFC 6751
  ['private', '192.168.0.0/16'],
  ['reserved', '198.18.0.0/15'],
  ['documentation', '198.51.100.0/24'],
  ['documentation', '203.0.113.0/24'],
  ['multicast', '224.0.0.0/4'],
  ['reserved', '240.0.0.0/4'],
  ['loopback', '::1/128'],
  ['private', '64:ff9b:1::/48'], // NAT64 prefixes of one site, RFC 8215
  ['public', '2001:1::1/128'], // Port Control Protocol anycast, RFC 7723
  ['public', '2001:1::2/128'], // TURN anycast, RFC 8155
  ['public', '2001:1::3/128'], // DNS-SD anycast, RFC 9665
  ['public', '2001:3::/32'], // AMT, RFC 7450
  ['public', '2001:4:112::/48'], // AS112, RFC 7535
  ['public', '2001:20::/28'], // ORCHIDv2, RFC 7343
  ['public', '2001:30::/28'], // Drone Remote ID, RFC 9374
  ['reserved', '2001::/23'],
  ['documentation', '2001:db8::/32'],
  ['documentation', '3fff::/20'],
  ['public', '2000::/3'],
  ['private', 'fc00::/7'],
  ['link-local', 'fe80::/10'],
  ['private', 'fec0::/10'], // site-local, RFC 3879
  ['multicast', 'ff00::/8'],
  ['reserved', '::/0'],
];
const scopePrefixes = scopes.map(([scope, text]) => {
  const { address, length } = parsePrefix(text);
  const version = scanAddress(address, 0, address.length);
  return { scope, version, length, words: scanned.slice() };
});

/**
 * Returns the kind of an address. For mail, every address that is not `public` is a bogon. An IPv6 address that contains an
 * IPv4 address (NAT64, 6to4, Teredo, IPv4-compatible) has the scope of that address.
 *
 * @throws {TypeError} if the text is not an address
 */
export function addressScope(address: IpAddress): AddressScope {
  const version = scanAddress(address, 0, address.length);
  if (version === 0)
    throw new TypeError(`addressScope: address must be a canonical IP address, got ${JSON.stringify(address)}`);
  return version === 6 ? scopeOf6() : scopeOfScanned(4);
}

/** Returns the scope of the address in `scanned`, from the table only. */
function scopeOfScanned(version: 4 | 6): AddressScope {
  for (const prefix of scopePrefixes) {
    if (prefix.version !== version) continue;
    let same = true;
    for (let i = 0; same && i < (version === 4 ? 1 : 4); i++)
      same = ((prefix.words[i]! ^ scanned[i]!) & maskOf(prefix.length - i * 32)) === 0;
    if (same) return prefix.scope;
  }
  return 'public';
}

function scopeOf6(): AddressScope {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = scanned;
  const carried = (word: number): AddressScope => {
    scanned[0] = word;
    return scopeOfScanned(4);
  };
  // NAT64, RFC 6052 §2.1.
  if (w0 === 0x64ff9b && w1 === 0 && w2 === 0) return carried(w3);
  // IPv4-compatible, RFC 4291 §2.5.5.1: deprecated, so never public. `::` and `::1` are in the table.
  if (w0 === 0 && w1 === 0 && w2 === 0 && w3 >>> 0 > 1) {
    const scope = carried(w3);
    return scope === 'public' ? 'reserved' : scope;
  }
  // 6to4, RFC 3056 §2.
  if (w0 >>> 16 === 0x2002) return carried((w0 << 16) | (w1 >>> 16));
  // Teredo, RFC 4380 §4: the server, and the client with its bits inverted.
  if (w0 === 0x20010000) {
    const server = carried(w1);
    return server === 'public' ? carried(~w3) : server;
  }
  return scopeOfScanned(6);
}

/** The bytes of an IPv4 address after a prefix of n bits (RFC 6052 §2.2). Byte 8 (the "u" octet) is not used. */
const nat64Octets: { readonly [length: number]: readonly [number, number, number, number] } = {
  32: [4, 5, 6, 7],
  40: [5, 6, 7, 9],
  48: [6, 7, 9, 10],
  56: [7, 9, 10, 11],
  64: [9, 10, 11, 12],
  96: [12, 13, 14, 15],
};

/**
 * Returns the IPv4 address that an IPv6 address contains: NAT64 (RFC 6052: 64:ff9b::/96) and 6to4 (RFC 3056). Use it for block
 * lists only: the IPv4 address may be blocked, but must not be allowed.
 *
 * @param nat64 the site's own NAT64 prefixes, of 32, 40, 48, 56, 64 or 96 bits
 */
export function embeddedIpv4(address: IpAddress, nat64: readonly Prefix[] = []): IpAddress | undefined {
  if (ipVersion(address) === 4) return undefined;
  const bytes = ipBytes(address);
  const head = (...octets: number[]): boolean => octets.every((octet, i) => bytes[i] === octet);
  if (head(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0)) return ipFromBytes(bytes.subarray(12));
  if (head(0x20, 0x02)) return ipFromBytes(bytes.subarray(2, 6));
  for (const prefix of nat64) {
    const octets = nat64Octets[prefix.length];
    if (octets !== undefined && prefixHas(prefix, address))
      return ipFromBytes(octets.map((octet) => bytes[octet] ?? 0));
  }
  return undefined;
}

/**
 * Reads a NAT64 prefix (RFC 6052 §2.2).
 *
 * @throws {TypeError} if the length is not one of the six
 */
export function parseNat64Prefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (ipVersion(prefix.address) !== 6 || nat64Octets[prefix.length] === undefined)
    throw new TypeError(`${JSON.stringify(text)} is not a NAT64 prefix: the length must be 32, 40, 48, 56, 64 or 96`);
  return prefix;
}

/**
 * Reads an SMTP address literal (RFC 5321 §4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8::1]`.
 *
 * @returns the address, or undefined if the text is not a literal of a known kind
 */
export function parseAddressLiteral(text: string): IpAddress | undefined {
  if (!text.startsWith('[') || !text.endsWith(']')) return undefined;
  const inner = text.slice(1, -1);
  if (/^ipv6:/i.test(inner))
    return inner.includes('%') ? undefined : /:/.test(inner.slice(5)) ? parseIp(inner.slice(5)) : undefined;
  return inner.includes(':') ? undefined : parseIp(inner);
}

/** Prints an address literal: `[192.0.2.1]` or `[IPv6:2001:db8::1]`. */
export const printAddressLiteral = (address: IpAddress): string =>
  ipVersion(address) === 4 ? `[${address}]` : `[IPv6:${address}]`;
