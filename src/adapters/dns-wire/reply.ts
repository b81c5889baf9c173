import type { DnsRecord } from '../../env/index.ts';
import { ipBytes, parseIp } from '../../net/index.ts';
import { CLASS_IN, flagBits, type Message, OPT, typeNumbers } from './message.ts';
import { nameBytes } from './name.ts';
import { UDP_SIZE } from './query.ts';

/** One record of a reply. */
export interface ReplyRecord {
  readonly owner: string;
  readonly ttl: number;
  readonly record: DnsRecord;
  /** The character-strings of a TXT record, where they are not the text cut at 255. */
  readonly strings?: readonly string[];
}

export interface Reply {
  readonly rcode: number;
  readonly answers: readonly ReplyRecord[];
  readonly authority?: readonly ReplyRecord[];
  readonly authentic?: boolean;
}

/**
 * Writes the reply to a question, without compression.
 *
 * @param limit octets; a longer reply is sent without records and with the TC bit (RFC 2181 §9)
 */
export function writeReply(question: Message, reply: Reply, limit: number): Uint8Array {
  const asked = question.head.question;
  // The first name of a message has nothing to point at: its octets are the whole name, in the case that was sent.
  const name = asked === undefined ? new Uint8Array(0) : asked.bytes.subarray(12, question.head.end - 4);
  const sections = [reply.answers, reply.authority ?? []].map((records) =>
    records.map(recordBytes).filter((bytes) => bytes !== undefined),
  );
  const tail = question.edns ? 11 : 0;
  const start = 12 + (asked === undefined ? 0 : name.length + 4);
  const size = sections.flat().reduce((sum, bytes) => sum + bytes.length, start + tail);
  const truncated = size > limit;
  const bytes = new Uint8Array(truncated ? start + tail : size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, question.head.id);
  view.setUint16(
    2,
    flagBits.response |
      flagBits.recursionDesired |
      flagBits.recursionAvailable |
      (truncated ? flagBits.truncated : 0) |
      (reply.authentic ? flagBits.authentic : 0) |
      reply.rcode,
  );
  view.setUint16(4, asked === undefined ? 0 : 1);
  if (asked !== undefined) {
    bytes.set(name, 12);
    view.setUint16(start - 4, asked.type);
    view.setUint16(start - 2, asked.class);
  }
  let at = start;
  if (!truncated) {
    sections.forEach((records, i) => {
      view.setUint16(6 + 2 * i, records.length);
      for (const record of records) {
        bytes.set(record, at);
        at += record.length;
      }
    });
  }
  if (tail > 0) {
    view.setUint16(10, 1);
    view.setUint16(at + 1, OPT);
    view.setUint16(at + 3, UDP_SIZE);
  }
  return bytes;
}

function recordBytes({ owner, ttl, record, strings }: ReplyRecord): Uint8Array | undefined {
  const name = nameBytes(owner);
  const data = dataBytes(record, strings);
  // A name that the wire cannot carry is left out, as no server could hold it.
  if (name === undefined || data === undefined || data.length > 0xffff) return undefined;
  const bytes = new Uint8Array(name.length + 10 + data.length);
  const view = new DataView(bytes.buffer, name.length);
  bytes.set(name);
  view.setUint16(0, typeNumbers[record.type]);
  view.setUint16(2, CLASS_IN);
  view.setUint32(4, ttl);
  view.setUint16(8, data.length);
  bytes.set(data, name.length + 10);
  return bytes;
}

function dataBytes(record: DnsRecord, strings: readonly string[] | undefined): Uint8Array | undefined {
  switch (record.type) {
    case 'A':
    case 'AAAA': {
      const address = parseIp(record.address);
      if (address === undefined) return undefined;
      const octets = ipBytes(address);
      return record.type === 'AAAA' && octets.length === 4
        ? join([new Uint8Array(10), Uint8Array.of(255, 255), octets])
        : octets;
    }
    case 'PTR':
    case 'NS':
    case 'CNAME':
      return nameBytes(record.name);
    case 'MX':
      return join([words(record.preference), nameBytes(record.exchange)]);
    case 'SRV':
      return join([words(record.priority, record.weight, record.port), nameBytes(record.target)]);
    case 'SOA': {
      const minimum = words(record.minimum >>> 16, record.minimum & 0xffff);
      return join([nameBytes(record.primary), new Uint8Array(1), new Uint8Array(16), minimum]);
    }
    case 'TLSA': {
      const octets = (record.data.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
      return Uint8Array.of(record.usage, record.selector, record.matching, ...octets);
    }
    case 'CAA': {
      const octets = [...`${record.tag}${record.value}`].map((character) => character.charCodeAt(0) & 0xff);
      return Uint8Array.of(record.critical ? 0x80 : 0, record.tag.length, ...octets);
    }
    case 'TXT':
      return join((strings ?? [record.text]).flatMap(characterStrings));
  }
}

/** One octet for a character up to U+00FF, as texts are read; UTF-8 for the others. */
function characterStrings(text: string): Uint8Array[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for octets
  const octets = /^[\x00-\xff]*$/.test(text)
    ? Uint8Array.from(text, (character) => character.charCodeAt(0))
    : new TextEncoder().encode(text);
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < octets.length; at += 255) {
    const part = octets.subarray(at, at + 255);
    parts.push(join([Uint8Array.of(part.length), part]) as Uint8Array);
  }
  return parts;
}

const words = (...values: number[]): Uint8Array =>
  Uint8Array.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]));

function join(parts: readonly (Uint8Array | undefined)[]): Uint8Array | undefined {
  if (parts.includes(undefined)) return undefined;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + (part as Uint8Array).length, 0));
  let at = 0;
  for (const part of parts as Uint8Array[]) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
