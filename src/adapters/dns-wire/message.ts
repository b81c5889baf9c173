import type { DnsRecord, RecordType } from '../../env/index.ts';
import { nameSize, readName } from './name.ts';

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

/** Returns the record type with this number, or undefined if no check needs it. */
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

/** The header and the question of a message. */
export interface MessageHead {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly truncated: boolean;
  readonly recursionAvailable: boolean;
  readonly authentic: boolean;
  /** The four bits of the header. The OPT record holds the upper ones. */
  readonly rcode: number;
  readonly counts: readonly [questions: number, answers: number, authority: number, additional: number];
  /** The first question; undefined if there is none. The query itself if the octets are those that were sent. */
  readonly question: WireQuestion | undefined;
  /** The offset after the questions. */
  readonly end: number;
}

/** The question of a message. */
export interface WireQuestion {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The octets of the message that was read, or of the question that was sent. */
  readonly bytes: Uint8Array;
}

/** A record of a message. */
export interface WireRecord {
  readonly owner: string;
  /** Seconds. */
  readonly ttl: number;
  readonly record: DnsRecord;
}

/** The parts of a message that a stub needs. */
export interface Message {
  readonly head: MessageHead;
  /** With the upper bits from the OPT record (RFC 6891 §6.1.3). */
  readonly rcode: number;
  readonly answers: readonly WireRecord[];
  /** The SOA records of the authority section. */
  readonly authority: readonly WireRecord[];
  /** The authority section names servers, as a referral does. */
  readonly refers: boolean;
  /** The UDP size that the sender accepts; 512 without an OPT record. */
  readonly udpSize: number;
  readonly edns: boolean;
  /** How long the server keeps an idle connection open, in milliseconds (RFC 7828); 0 asks for it to be closed. */
  readonly keepAliveMs: number | undefined;
}

/**
 * Reads header and question.
 *
 * @param query the question that the message should answer: if the octets are the same, they are not read again
 * @returns undefined if they are incomplete
 */
export function readHead(bytes: Uint8Array, query?: WireQuestion): MessageHead | undefined {
  if (bytes.length < 12) return undefined;
  const flags = word(bytes, 2);
  const counts = [word(bytes, 4), word(bytes, 6), word(bytes, 8), word(bytes, 10)] as const;
  let end = 12;
  let question: WireQuestion | undefined;
  if (query !== undefined && counts[0] === 1 && sameQuestion(bytes, query)) {
    question = query;
    end += nameSize(query.name) + 4;
  } else {
    for (let i = 0; i < counts[0]; i++) {
      const name = readName(bytes, end);
      if (name === undefined || name.end + 4 > bytes.length) return undefined;
      question ??= {
        name: name.text,
        type: word(bytes, name.end),
        class: word(bytes, name.end + 2),
        bytes,
      };
      end = name.end + 4;
    }
  }
  return {
    id: word(bytes, 0),
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

const word = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

/** Whether the first question has the octets of the query; type and class included. */
function sameQuestion(bytes: Uint8Array, query: WireQuestion): boolean {
  const end = 12 + nameSize(query.name) + 4;
  if (end > bytes.length) return false;
  for (let i = 12; i < end; i++) if (bytes[i] !== query.bytes[i]) return false;
  return true;
}

/** A pointer to the name of the question, which servers write for most owners. */
const QUESTION_POINTER = 0xc00c;

/**
 * Reads a whole message. Time is linear in its size, times the 127 labels that a name can have.
 *
 * @returns undefined if any part of it is malformed
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
      let owner: string;
      if (head.question !== undefined && word(bytes, at) === QUESTION_POINTER) {
        owner = head.question.name;
        at += 2;
      } else {
        const name = readName(bytes, at);
        if (name === undefined) return undefined;
        owner = name.text;
        at = name.end;
      }
      const start = at + 10;
      if (start > bytes.length) return undefined;
      const type = word(bytes, at);
      const dnsClass = word(bytes, at + 2);
      const ttl = word(bytes, at + 4) * 0x10000 + word(bytes, at + 6);
      at = start + word(bytes, at + 8);
      if (at > bytes.length) return undefined;
      if (type === OPT && section === 3) {
        rcode = head.rcode | ((ttl >>> 24) << 4);
        udpSize = Math.max(512, dnsClass);
        edns = true;
        keepAliveMs = keepAlive(bytes, start, at);
        continue;
      }
      const known = typeName(type);
      if (known === undefined || dnsClass !== CLASS_IN || section === 3) continue;
      if (section === 2 && known !== 'SOA') {
        refers ||= known === 'NS';
        continue;
      }
      const record = readRecord(bytes, known, start, at);
      if (record === undefined) return undefined;
      // RFC 2181 §8: a TTL with the upper bit set is zero.
      (section === 1 ? answers : authority).push({ owner, ttl: ttl > 0x7fffffff ? 0 : ttl, record });
    }
  }
  return { head, rcode, answers, authority, refers, udpSize, edns, keepAliveMs };
}

/** RFC 7828 §3.1: the option holds a number of 100 milliseconds. */
function keepAlive(bytes: Uint8Array, start: number, end: number): number | undefined {
  for (let at = start; at + 4 <= end; at += 4 + word(bytes, at + 2)) {
    if (word(bytes, at) === KEEP_ALIVE && word(bytes, at + 2) === 2 && at + 6 <= end) return word(bytes, at + 4) * 100;
  }
  return undefined;
}

function readRecord(bytes: Uint8Array, type: RecordType, start: number, end: number): DnsRecord | undefined {
  const size = end - start;
  switch (type) {
    case 'A':
      return size === 4
        ? { type, address: `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}` }
        : undefined;
    case 'AAAA':
      return size === 16 ? { type, address: printIpv6(bytes, start) } : undefined;
    case 'PTR':
    case 'NS':
    case 'CNAME': {
      const name = lastName(bytes, start, end);
      return name === undefined ? undefined : { type, name };
    }
    case 'MX': {
      const exchange = size > 2 ? lastName(bytes, start + 2, end) : undefined;
      return exchange === undefined ? undefined : { type, exchange, preference: word(bytes, start) };
    }
    case 'SRV': {
      const target = size > 6 ? lastName(bytes, start + 6, end) : undefined;
      return target === undefined
        ? undefined
        : { type, target, port: word(bytes, start + 4), priority: word(bytes, start), weight: word(bytes, start + 2) };
    }
    case 'SOA': {
      const primary = readName(bytes, start);
      const mailbox = primary === undefined || primary.end >= end ? undefined : readName(bytes, primary.end);
      if (primary === undefined || mailbox === undefined || mailbox.end + 20 !== end) return undefined;
      return { type, primary: primary.text, minimum: word(bytes, end - 4) * 0x10000 + word(bytes, end - 2) };
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

/** Reads the name that ends a record; undefined if it does not end exactly there. */
function lastName(bytes: Uint8Array, at: number, end: number): string | undefined {
  const name = at < end ? readName(bytes, at) : undefined;
  return name?.end === end ? name.text : undefined;
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
