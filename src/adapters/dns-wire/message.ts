import type { DnsRecord, RecordType } from '../../env/index.ts';
import { readName } from './name.ts';

/** The numbers of the record types (RFC 1035 §3.2.2, RFC 3596, 2782, 6698, 8659). */
export const typeNumbers: { readonly [T in RecordType]: number } = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  TLSA: 52,
  CAA: 257,
};
const typeNames = new Map<number, RecordType>(
  Object.entries(typeNumbers).map(([name, number]) => [number, name as RecordType]),
);

/** The type of this number, where it is one that checks ask for. */
export const typeName = (number: number): RecordType | undefined => typeNames.get(number);

export const OPT = 41;
/** The EDNS option of RFC 7828. */
export const KEEP_ALIVE = 11;
export const CLASS_IN = 1;

/** Bits of the second word of the header (RFC 1035 §4.1.1, RFC 4035 §3). */
export const flagBits = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  authentic: 0x0020,
} as const;

/** The head of a message, which says whether the rest is worth reading. */
export interface MessageHead {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly truncated: boolean;
  readonly recursionAvailable: boolean;
  readonly authentic: boolean;
  /** The four bits of the header; the OPT record holds more of it. */
  readonly rcode: number;
  readonly counts: readonly [questions: number, answers: number, authority: number, additional: number];
  /** The first question; undefined where there is none. */
  readonly question:
    | { readonly name: string; readonly type: number; readonly class: number; readonly rawName: Uint8Array }
    | undefined;
  /** The offset after the questions. */
  readonly end: number;
}

/** A record and where it stands. */
export interface WireRecord {
  readonly owner: string;
  /** Seconds. */
  readonly ttl: number;
  readonly record: DnsRecord;
}

/** What a message says, as far as a stub needs it. */
export interface Message {
  readonly head: MessageHead;
  /** With the upper bits from the OPT record (RFC 6891 §6.1.3). */
  readonly rcode: number;
  readonly answers: readonly WireRecord[];
  /** The SOA records of the authority section. */
  readonly authority: readonly WireRecord[];
  /** The authority section names servers, as a referral does. */
  readonly refers: boolean;
  /** The UDP size that the sender takes; 512 where it sent no OPT record. */
  readonly udpSize: number;
  readonly edns: boolean;
  /** How long the server keeps an idle connection open, in milliseconds (RFC 7828); 0 asks for it to be closed. */
  readonly keepAliveMs: number | undefined;
}

/** Reads header and question; undefined where they are not whole. */
export function readHead(bytes: Uint8Array): MessageHead | undefined {
  if (bytes.length < 12) return undefined;
  const word = (at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  const flags = word(2);
  const counts = [word(4), word(6), word(8), word(10)] as const;
  let end = 12;
  let question: MessageHead['question'];
  for (let i = 0; i < counts[0]; i++) {
    const name = readName(bytes, end);
    if (name === undefined || name.end + 4 > bytes.length) return undefined;
    question ??= {
      name: name.text,
      type: word(name.end),
      class: word(name.end + 2),
      rawName: bytes.subarray(end, name.end),
    };
    end = name.end + 4;
  }
  return {
    id: word(0),
    response: (flags & flagBits.response) !== 0,
    opcode: (flags >> 11) & 15,
    truncated: (flags & flagBits.truncated) !== 0,
    recursionAvailable: (flags & flagBits.recursionAvailable) !== 0,
    authentic: (flags & flagBits.authentic) !== 0,
    rcode: flags & 15,
    counts,
    question,
    end,
  };
}

/**
 * Reads a whole message. Time is linear in its size, times the 127 labels that a name can have.
 *
 * @returns undefined where any part of it is malformed
 */
export function readMessage(bytes: Uint8Array, head: MessageHead | undefined = readHead(bytes)): Message | undefined {
  if (head === undefined) return undefined;
  const answers: WireRecord[] = [];
  const authority: WireRecord[] = [];
  let refers = false;
  let rcode = head.rcode;
  let udpSize = 512;
  let edns = false;
  let keepAliveMs: number | undefined;
  let at = head.end;
  for (let section = 1; section <= 3; section++) {
    for (let i = 0; i < (head.counts[section] as number); i++) {
      const owner = readName(bytes, at);
      if (owner === undefined || owner.end + 10 > bytes.length) return undefined;
      const view = new DataView(bytes.buffer, bytes.byteOffset + owner.end, 10);
      const type = view.getUint16(0);
      const ttl = view.getUint32(4);
      const start = owner.end + 10;
      at = start + view.getUint16(8);
      if (at > bytes.length) return undefined;
      if (type === OPT && section === 3) {
        rcode = head.rcode | ((ttl >>> 24) << 4);
        udpSize = Math.max(512, view.getUint16(2));
        edns = true;
        keepAliveMs = keepAlive(bytes, start, at);
        continue;
      }
      const known = typeName(type);
      if (known === undefined || view.getUint16(2) !== CLASS_IN || section === 3) continue;
      if (section === 2 && known !== 'SOA') {
        refers ||= known === 'NS';
        continue;
      }
      const record = readRecord(bytes, known, start, at);
      if (record === undefined) return undefined;
      // RFC 2181 §8: a TTL with the upper bit set is zero.
      (section === 1 ? answers : authority).push({ owner: owner.text, ttl: ttl > 0x7fffffff ? 0 : ttl, record });
    }
  }
  return { head, rcode, answers, authority, refers, udpSize, edns, keepAliveMs };
}

/** RFC 7828 §3.1: the option holds a number of 100 milliseconds. */
function keepAlive(bytes: Uint8Array, start: number, end: number): number | undefined {
  const word = (at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  for (let at = start; at + 4 <= end; at += 4 + word(at + 2)) {
    if (word(at) === KEEP_ALIVE && word(at + 2) === 2 && at + 6 <= end) return word(at + 4) * 100;
  }
  return undefined;
}

function readRecord(bytes: Uint8Array, type: RecordType, start: number, end: number): DnsRecord | undefined {
  const size = end - start;
  const word = (at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  /** A name at `at` that must end where `stop` says. */
  const nameAt = (at: number, stop = end): string | undefined => {
    const name = at < end ? readName(bytes, at) : undefined;
    return name?.end === stop ? name.text : undefined;
  };
  switch (type) {
    case 'A':
      return size === 4 ? { type, address: bytes.subarray(start, end).join('.') } : undefined;
    case 'AAAA':
      return size === 16 ? { type, address: printIpv6(bytes, start) } : undefined;
    case 'PTR':
    case 'NS':
    case 'CNAME': {
      const name = nameAt(start);
      return name === undefined ? undefined : { type, name };
    }
    case 'MX': {
      const exchange = size > 2 ? nameAt(start + 2) : undefined;
      return exchange === undefined ? undefined : { type, exchange, preference: word(start) };
    }
    case 'SRV': {
      const target = size > 6 ? nameAt(start + 6) : undefined;
      return target === undefined
        ? undefined
        : { type, target, port: word(start + 4), priority: word(start), weight: word(start + 2) };
    }
    case 'SOA': {
      const primary = readName(bytes, start);
      const mailbox = primary === undefined || primary.end >= end ? undefined : readName(bytes, primary.end);
      if (primary === undefined || mailbox === undefined || mailbox.end + 20 !== end) return undefined;
      return { type, primary: primary.text, minimum: word(end - 4) * 0x10000 + word(end - 2) };
    }
    case 'TLSA': {
      if (size < 3) return undefined;
      let data = '';
      for (let i = start + 3; i < end; i++) data += (bytes[i] as number).toString(16).padStart(2, '0');
      return {
        type,
        usage: bytes[start] as number,
        selector: bytes[start + 1] as number,
        matching: bytes[start + 2] as number,
        data,
      };
    }
    case 'CAA': {
      const length = bytes[start + 1] as number;
      if (size < 2 || length === 0 || start + 2 + length > end) return undefined;
      const text = (from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));
      return {
        type,
        critical: ((bytes[start] as number) & 0x80) !== 0,
        tag: text(start + 2, start + 2 + length).toLowerCase(),
        value: text(start + 2 + length, end),
      };
    }
    case 'TXT': {
      const parts: string[] = [];
      for (let at = start; at < end; ) {
        const stop = at + 1 + (bytes[at] as number);
        if (stop > end) return undefined;
        parts.push(latin1(bytes, at + 1, stop));
        at = stop;
      }
      return { type, text: parts.join('') };
    }
  }
}

/** Octet by octet, so that nothing is lost or guessed; `TextDecoder`'s "latin1" is windows-1252. */
const latin1 = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode.apply(undefined, bytes.subarray(start, end) as unknown as number[]);

/**
 * RFC 5952, except that a mapped address stays in its IPv6 form (`::ffff:192.0.2.1`): it is what the record says. Checks
 * fold it when they parse it.
 */
function printIpv6(bytes: Uint8Array, start: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[start + i] as number) << 8) | (bytes[start + i + 1] as number));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(start + 12, start + 16).join('.')}`;
  }
  let best = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > length) [best, length] = [i, run];
    i += run > 0 ? run - 1 : 0;
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  return best < 0 ? hex(groups) : `${hex(groups.slice(0, best))}::${hex(groups.slice(best + length))}`;
}
