/**
 * Addresses, ranges and durations in the notations of list formats. The meaning of a leading zero depends on the format.
 * The functions here convert each notation to the strict one that `net` parses.
 *
 * @module
 */
import { explainAddress, parseIp, parsePrefix } from '../../../net/index.ts';

/** Shortens a piece of a line for a problem. */
export const quoted = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** Returns why a text is not an address or prefix. This is a hundred times slower than the check itself. */
export function explainedSyntax(text: string): string {
  if (text === '') return 'there is no address';
  const host = text.split('/', 1)[0] as string;
  if (!host.includes('%') && parseIp(host) === undefined)
    return `${quoted(text)} is not an IP address or prefix: ${explainAddress(host)}`;
  try {
    parsePrefix(text);
  } catch (error) {
    return (error as Error).message;
  }
  return `${quoted(text)} is not an IP address or prefix`;
}

/**
 * Returns the length of the netmask `255.255.255.0`: 24.
 *
 * @returns undefined if the text is not a netmask: a set bit follows a clear one, or it is not an address
 */
export function netmaskLength(text: string): number | undefined {
  if (text.includes(':') || parseIp(text) === undefined) return undefined;
  const word = text.split('.').reduce((sum, octet) => (sum << 8) | Number(octet), 0);
  const length = Math.clz32(~word);
  return word === (length === 0 ? 0 : -1 << (32 - length)) ? length : undefined;
}

/** `192.0.2.0/255.255.255.0` → `192.0.2.0/24`. Other text is returned unchanged. */
export function withLength(text: string): string {
  const slash = text.indexOf('/');
  const length = slash < 0 || text.includes(':') ? undefined : netmaskLength(text.slice(slash + 1));
  return length === undefined ? text : `${text.slice(0, slash + 1)}${length}`;
}

/** `001.009.096.105` → `1.9.96.105`: removes padding zeroes. Text that is not a dotted decimal is returned unchanged. */
export const unpadded = (text: string): string =>
  /^\d{1,3}(\.\d{1,3}){3}$/.test(text)
    ? text
        .split('.')
        .map((octet) => String(Number(octet)))
        .join('.')
    : text;

/**
 * `010.1.1.1` → `8.1.1.1`: a leading zero means octal. Text that is not a dotted decimal is returned unchanged.
 *
 * @returns undefined if an octet starts with a zero and is not octal (`08`)
 */
export function octalRead(text: string): string | undefined {
  if (!/^\d{1,4}(\.\d{1,4}){3}$/.test(text)) return text;
  const octets = text.split('.').map((octet) => {
    if (octet.length === 1 || octet[0] !== '0') return octet;
    return /^[0-7]+$/.test(octet) ? String(Number.parseInt(octet, 8)) : undefined;
  });
  return octets.includes(undefined) ? undefined : octets.join('.');
}

/** Returns whether an octet of the dotted decimal has a leading zero. */
export const hasLeadingZero = (text: string): boolean => /(^|\.)0\d/.test(text);

/**
 * Returns the first and the last address of `127.16-31`, `127.0.0.1-255`, `127.0.0.1-127.0.0.9`, `127/8`, `192.168` or a
 * whole address. Missing octets stand for all values.
 *
 * @returns undefined if the text is none of these
 */
export function partialRange(text: string): { readonly first: string; readonly last: string } | undefined {
  const slash = text.indexOf('/');
  if (slash >= 0) {
    const octets = octetsOf(text.slice(0, slash));
    const length = text.slice(slash + 1);
    if (octets === undefined || !/^([1-9]|[12]\d|3[0-2])$/.test(length)) return undefined;
    const mask = -1 << (32 - Number(length));
    const word = padded(octets, 0).reduce((sum, octet) => (sum << 8) | octet, 0);
    if ((word & mask) !== word) return undefined;
    return { first: dotted(word), last: dotted(word | ~mask) };
  }
  const dash = text.indexOf('-');
  const low = octetsOf(dash < 0 ? text : text.slice(0, dash));
  if (low === undefined) return undefined;
  if (dash < 0) return { first: padded(low, 0).join('.'), last: padded(low, 255).join('.') };
  const end = octetsOf(text.slice(dash + 1));
  if (end === undefined || end.length > low.length) return undefined;
  // A shorter end replaces the last octets of the start.
  const high = [...low.slice(0, low.length - end.length), ...end];
  return { first: padded(low, 0).join('.'), last: padded(high, 255).join('.') };
}

const padded = (octets: readonly number[], fill: number): number[] =>
  [...octets, ...[fill, fill, fill, fill]].slice(0, 4);
const dotted = (word: number): string => [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.');

function octetsOf(text: string): number[] | undefined {
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){0,3}$/.test(text)) return undefined;
  const octets = text.split('.').map(Number);
  return octets.every((octet) => octet <= 255) ? octets : undefined;
}

const unitMs: { readonly [unit: string]: number } = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * `1d2h3m4s`, `59m`, `3h59m59.9s`, `-1s`: parses a duration of nftables or Go, and returns milliseconds.
 *
 * @returns undefined if the text is not a duration
 */
export function durationMs(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = sign < 0 ? text.slice(1) : text;
  if (body.length > 64 || !/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+$/.test(body)) return body === '0' ? 0 : undefined;
  let sum = 0;
  for (const [, amount, unit] of body.matchAll(/([\d.]+)([a-zµ]+)/gy)) sum += Number(amount) * unitMs[unit ?? 's']!;
  return sign * Math.round(sum);
}
