import { questionName } from '../../dns/index.ts';

/** RFC 1035 §2.3.4. */
const MAX_WIRE = 255;

/** A name read from a message. */
export interface WireName {
  /**
   * Lower case, without the trailing dot; the root is `''`. An octet that text cannot carry is escaped (RFC 1035 §5.1,
   * RFC 4343 §2.1): a dot within a label is `\.`, so that no label is ever taken for two.
   */
  readonly text: string;
  /** The offset after the name. */
  readonly end: number;
}

/**
 * Reads a name, following compression (RFC 1035 §4.1.4). A pointer must point before everything that was read of the
 * name so far, which is what "prior occurrence" means, and ends every loop.
 *
 * @returns undefined where the octets are no name: a label type that is unknown, more than 255 octets, a pointer forward
 */
export function readName(bytes: Uint8Array, offset: number): WireName | undefined {
  let at = offset;
  let end = -1;
  let segment = offset;
  let size = 1;
  let text = '';
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return { text, end: end < 0 ? at + 1 : end };
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
    if (text !== '') text += '.';
    for (let i = at + 1; i <= at + length; i++) text += octetText(bytes[i] as number);
    at += length + 1;
  }
}

function octetText(octet: number): string {
  if (octet >= 0x41 && octet <= 0x5a) return String.fromCharCode(octet + 32);
  if (octet === 0x2e || octet === 0x5c) return `\\${String.fromCharCode(octet)}`;
  if (octet < 0x20 || octet > 0x7e) return `\\${String(octet).padStart(3, '0')}`;
  return String.fromCharCode(octet);
}

/**
 * The octets of a name, without compression.
 *
 * @returns undefined where the wire cannot carry the name
 */
export function nameBytes(text: string): Uint8Array | undefined {
  const name = questionName(text);
  if (name === undefined) return undefined;
  if (name === '') return new Uint8Array(1);
  const bytes = new Uint8Array(name.length + 2);
  let length = 0;
  for (let i = name.length - 1; i >= 0; i--) {
    const code = name.charCodeAt(i);
    if (code === 0x2e) {
      bytes[i + 1] = length;
      length = 0;
    } else {
      bytes[i + 1] = code;
      length++;
    }
  }
  bytes[0] = length;
  return bytes;
}
