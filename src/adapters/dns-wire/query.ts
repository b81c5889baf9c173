import { questionName } from '../../dns/index.ts';
import type { RecordType } from '../../env/index.ts';
import { CLASS_IN, flagBits, KEEP_ALIVE, type MessageHead, OPT, typeNumbers } from './message.ts';
import { nameBytes } from './name.ts';

/** The UDP size that no path is known to fragment (DNS flag day 2020; RFC 9715 §3.1). */
export const UDP_SIZE = 1232;
/** RFC 8467 §4.1: encrypted questions are padded to a multiple of this, so that their length says nothing. */
const PADDING_BLOCK = 128;
/** The EDNS option of RFC 7830. */
const PADDING = 12;

export interface QueryOptions {
  readonly id: number;
  /** Leave the OPT record out, for servers that answer FORMERR to it (RFC 6891 §7). */
  readonly plain?: boolean;
  /** Pad the message (RFC 7830). */
  readonly pad?: boolean;
  /** Ask how long the server keeps the connection (RFC 7828). For TCP and TLS only (§3.2.1). */
  readonly keepAlive?: boolean;
  /** Random bits that choose the case of each letter of the name (draft-vixie-dnsext-dns0x20). */
  readonly caseBits?: Uint8Array;
}

/** A question as it is sent. */
export interface Query {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** Lower case. */
  readonly name: string;
  readonly type: number;
  /** The octets of the name, with the case they were sent in. */
  readonly rawName: Uint8Array;
  readonly mixedCase: boolean;
}

/**
 * Writes a question that wants recursion and, where the server validates, the AD bit (RFC 6840 §5.7).
 *
 * @returns undefined where the wire cannot carry the name
 */
export function writeQuery(name: string, type: RecordType, options: QueryOptions): Query | undefined {
  const rawName = nameBytes(name);
  if (rawName === undefined) return undefined;
  if (options.caseBits !== undefined) mixCase(rawName, options.caseBits);
  const questionEnd = 12 + rawName.length + 4;
  const keepAlive = options.keepAlive && !options.plain ? 4 : 0;
  let size = questionEnd + (options.plain ? 0 : 11) + keepAlive;
  const padding =
    options.pad && !options.plain ? (PADDING_BLOCK - ((size + 4) % PADDING_BLOCK)) % PADDING_BLOCK : undefined;
  if (padding !== undefined) size += 4 + padding;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, options.id);
  view.setUint16(2, flagBits.recursionDesired | flagBits.authentic);
  view.setUint16(4, 1);
  bytes.set(rawName, 12);
  view.setUint16(questionEnd - 4, typeNumbers[type]);
  view.setUint16(questionEnd - 2, CLASS_IN);
  if (!options.plain) {
    view.setUint16(10, 1);
    view.setUint16(questionEnd + 1, OPT);
    view.setUint16(questionEnd + 3, UDP_SIZE);
    view.setUint16(questionEnd + 9, keepAlive + (padding === undefined ? 0 : 4 + padding));
    if (keepAlive > 0) view.setUint16(questionEnd + 11, KEEP_ALIVE);
    if (padding !== undefined) {
      view.setUint16(questionEnd + 11 + keepAlive, PADDING);
      view.setUint16(questionEnd + 13 + keepAlive, padding);
    }
  }
  return {
    id: options.id,
    bytes,
    name: questionName(name) ?? '',
    type: typeNumbers[type],
    rawName,
    mixedCase: options.caseBits !== undefined,
  };
}

/** Letters lie at 0x41–0x5a and 0x61–0x7a; lengths never do, since they are 63 at most. */
function mixCase(rawName: Uint8Array, bits: Uint8Array): void {
  for (let i = 0; i < rawName.length; i++) {
    const octet = rawName[i] as number;
    if (octet >= 0x61 && octet <= 0x7a && ((bits[i >> 3] ?? 0) >> (i & 7)) & 1) rawName[i] = octet - 32;
  }
}

/** How an incoming message relates to a question: its answer, its answer in the wrong case, or somebody else's. */
export type Match = 'answer' | 'wrong case' | 'stranger';

/** RFC 5452 §9.1: id, name, type and class must be those that were asked. The caller has matched address and port. */
export function matchAnswer(query: Query, head: MessageHead): Match {
  if (!head.response || head.opcode !== 0 || head.id !== query.id) return 'stranger';
  const { question } = head;
  // A server that could not read the question may leave it out; then it has nothing else to say either.
  if (question === undefined)
    return head.rcode !== 0 && head.rcode !== 3 && head.counts[1] === 0 ? 'answer' : 'stranger';
  if (
    head.counts[0] !== 1 ||
    question.type !== query.type ||
    question.class !== CLASS_IN ||
    question.name !== query.name
  )
    return 'stranger';
  if (!query.mixedCase) return 'answer';
  return question.rawName.length === query.rawName.length &&
    question.rawName.every((octet, i) => octet === query.rawName[i])
    ? 'answer'
    : 'wrong case';
}
