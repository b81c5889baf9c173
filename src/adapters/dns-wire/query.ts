import type { RecordType } from '../../env/index.ts';
import { CLASS_IN, flagBits, KEEP_ALIVE, type MessageHead, OPT, typeNumbers } from './message.ts';
import { nameSize, writeName } from './name.ts';

/** The UDP size that no known path fragments (DNS flag day 2020; RFC 9715 §3.1). */
export const UDP_SIZE = 1232;
/** RFC 8467 §4.1: encrypted questions are padded to a multiple of this, so that their length reveals nothing. */
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
  readonly class: number;
  readonly mixedCase: boolean;
}

/**
 * Writes a question that requests recursion and, from a validating server, the AD bit (RFC 6840 §5.7).
 *
 * @param name in the form that `questionName` returns
 */
export function writeQuery(name: string, type: RecordType, options: QueryOptions): Query {
  const { id, plain, caseBits } = options;
  const questionEnd = 12 + nameSize(name) + 4;
  const keepAlive = options.keepAlive && !plain ? 4 : 0;
  let size = questionEnd + (plain ? 0 : 11) + keepAlive;
  const padding = options.pad && !plain ? (PADDING_BLOCK - ((size + 4) % PADDING_BLOCK)) % PADDING_BLOCK : undefined;
  if (padding !== undefined) size += 4 + padding;
  const bytes = allocate(size);
  setWord(bytes, 0, id);
  setWord(bytes, 2, flagBits.recursionDesired | flagBits.authentic);
  setWord(bytes, 4, 1);
  writeName(bytes, 12, name);
  if (caseBits !== undefined) mixCase(bytes, 12, questionEnd - 4, caseBits);
  setWord(bytes, questionEnd - 4, typeNumbers[type]);
  setWord(bytes, questionEnd - 2, CLASS_IN);
  if (!plain) {
    setWord(bytes, 10, 1);
    setWord(bytes, questionEnd + 1, OPT);
    setWord(bytes, questionEnd + 3, UDP_SIZE);
    setWord(bytes, questionEnd + 9, keepAlive + (padding === undefined ? 0 : 4 + padding));
    if (keepAlive > 0) setWord(bytes, questionEnd + 11, KEEP_ALIVE);
    if (padding !== undefined) {
      setWord(bytes, questionEnd + 11 + keepAlive, PADDING);
      setWord(bytes, questionEnd + 13 + keepAlive, padding);
    }
  }
  return { id, bytes, name, type: typeNumbers[type], class: CLASS_IN, mixedCase: caseBits !== undefined };
}

function setWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >> 8;
  bytes[at + 1] = word;
}

/** Letters are 0x41–0x5a and 0x61–0x7a. Lengths never are: they are 63 at most. */
function mixCase(bytes: Uint8Array, start: number, end: number, bits: Uint8Array): void {
  for (let i = 0; i < end - start; i++) {
    const octet = bytes[start + i] as number;
    if (octet >= 0x61 && octet <= 0x7a && ((bits[i >> 3] ?? 0) >> (i & 7)) & 1) bytes[start + i] = octet - 32;
  }
}

const POOL_SIZE = 8_192;
let pool = new Uint8Array(POOL_SIZE);
let used = 0;

/** Returns zero octets from a pool: an ArrayBuffer for each question would cost more than all else about it. */
function allocate(size: number): Uint8Array {
  if (used + size > POOL_SIZE) {
    pool = new Uint8Array(POOL_SIZE);
    used = 0;
  }
  used += size;
  return pool.subarray(used - size, used);
}

/** How an incoming message relates to a question: its answer, its answer in the wrong case, or unrelated. */
export type Match = 'answer' | 'wrong case' | 'unrelated';

/**
 * Compares id, name, type and class with those that were sent (RFC 5452 §9.1). The caller has matched address and port.
 *
 * @param head read with the same query
 */
export function matchAnswer(query: Query, head: MessageHead): Match {
  if (!head.response || head.opcode !== 0 || head.id !== query.id) return 'unrelated';
  const { question } = head;
  // The octets of the question are those that were sent.
  if (question === query) return 'answer';
  // A server that could not read the question may leave it out. Then the message holds nothing else either.
  if (question === undefined)
    return head.rcode !== 0 && head.rcode !== 3 && head.counts[1] === 0 ? 'answer' : 'unrelated';
  if (
    head.counts[0] !== 1 ||
    question.type !== query.type ||
    question.class !== CLASS_IN ||
    question.name !== query.name
  )
    return 'unrelated';
  return query.mixedCase ? 'wrong case' : 'answer';
}
