import { questionName } from '../../dns/index.ts';

/** RFC 1035 §2.3.4. */
const MAX_WIRE = 255;

/** A name read from a message. */
export interface WireName {
  /**
   * Lower case, without the trailing dot; the root is `''`. An octet that text cannot carry is escaped (RFC 1035 §5.1,
   * RFC 4343 §2.1): a dot within a label is `\.`, so that one label never looks like two.
   */
  readonly text: string;
  /** The offset after the name. */
  readonly end: number;
}

/**
 * Reads a name, following compression (RFC 1035 §4.1.4). A pointer must point before everything that was read of the
 * name so far ("prior occurrence"), which ends every loop.
 *
 * @returns undefined if the octets are not a name: an unknown label type, more than 255 octets, a pointer forward
 */
export function readName(bytes: Uint8Array, offset: number): WireName | undefined {
  let at = offset;
  let end = -1;
  let segment = offset;
  let size = 1;
  const codes: number[] = [];
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return { text: String.fromCharCode.apply(undefined, codes), end: end < 0 ? at + 1 : end };
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) return undefined;
      const target = ((length & 0x3f) << 8) | low;
      if (target >= segment) return undefined;
      if (end < 0) end = at + 2;
      at = segment = target;
      continue;
    }
    // 0x40 and 0x80 are extended labels and reserved (RFC 6891 §5, RFC 2673 is historic).
    if (length > 63 || at + 1 + length > bytes.length) return undefined;
    size += length + 1;
    if (size > MAX_WIRE) return undefined;
    if (codes.length > 0) codes.push(DOT);
    for (let i = at + 1; i <= at + length; i++) {
      const octet = bytes[i] as number;
      if (octet >= 0x41 && octet <= 0x5a) codes.push(octet + 32);
      else if (octet >= 0x20 && octet < 0x7f && octet !== DOT && octet !== BACKSLASH) codes.push(octet);
      else for (const character of escaped(octet)) codes.push(character.charCodeAt(0));
    }
    at += length + 1;
  }
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;

function escaped(octet: number): string {
  return octet === DOT || octet === BACKSLASH
    ? `\\${String.fromCharCode(octet)}`
    : `\\${String(octet).padStart(3, '0')}`;
}

/**
 * Writes a name, without compression.
 *
 * @returns undefined if the wire cannot carry the name
 */
export function nameBytes(text: string): Uint8Array | undefined {
  const name = questionName(text);
  if (name === undefined) return undefined;
  const bytes = new Uint8Array(nameSize(name));
  writeName(bytes, 0, name);
  return bytes;
}

/** Returns the octets that a name takes on the wire. The name has the form that `questionName` returns. */
export const nameSize = (name: string): number => (name === '' ? 1 : name.length + 2);

/** Writes a name in the form that `questionName` returns, into octets that are zero. */
export function writeName(bytes: Uint8Array, offset: number, name: string): void {
  if (name === '') return;
  let length = 0;
  for (let i = name.length - 1; i >= 0; i--) {
    const code = name.charCodeAt(i);
    if (code === DOT) {
      bytes[offset + i + 1] = length;
      length = 0;
    } else {
      bytes[offset + i + 1] = code;
      length++;
    }
  }
  bytes[offset] = length;
}
