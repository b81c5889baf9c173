import type { DnsAnswer, RecordOf, RecordType } from '../../env/index.ts';
import type { Message, WireRecord } from './message.ts';

/** The longest chain of aliases that is followed. */
export const MAX_ALIASES = 16;

/** The meaning of a message for a question: its answer, or the name to ask next if the aliases lead out of the message. */
export type Reading<T extends RecordType> =
  | DnsAnswer<T>
  | {
      readonly status: 'alias';
      readonly target: string;
      readonly ttl: number;
      readonly hops: number;
      readonly authentic: boolean;
    };

const rcodes = new Map<number, string>([
  [1, 'formerr'],
  [2, 'servfail'],
  [4, 'notimp'],
  [5, 'refused'],
]);

/**
 * Reads the answer from a message whose question has been matched.
 *
 * A chain of aliases is followed, in any order of records. The TTL is the lowest of the chain and the set. For a negative
 * answer it is the lower of the SOA's TTL and its minimum (RFC 2308 §5), and 0 without an SOA.
 *
 * @param trusted whether the AD bit counts: no third party can write on the path to the server
 */
export function readAnswer<T extends RecordType>(
  message: Message,
  name: string,
  type: T,
  trusted: boolean,
): Reading<T> {
  if (message.rcode !== 0 && message.rcode !== 3) {
    return { status: 'temperror', reason: rcodes.get(message.rcode) ?? `rcode ${message.rcode}` };
  }
  let owner = name;
  let lowest = 0x7fffffff;
  let hops = 0;
  let alias = type === 'CNAME' ? undefined : aliasOf(message, owner);
  while (alias?.record.type === 'CNAME') {
    if (++hops > MAX_ALIASES) return { status: 'temperror', reason: 'too many aliases' };
    lowest = Math.min(lowest, alias.ttl);
    owner = alias.record.name;
    alias = aliasOf(message, owner);
  }

  const records: RecordOf<T>[] = [];
  for (const { owner: at, ttl, record } of message.answers) {
    if (at !== owner || record.type !== type) continue;
    lowest = Math.min(lowest, ttl);
    records.push(record as RecordOf<T>);
  }
  if (records.length > 0)
    return { status: 'found', records, ttl: lowest, authentic: trusted && message.head.authentic };

  const soa = message.authority[0];
  const ttl = soa?.record.type === 'SOA' ? Math.min(lowest, soa.ttl, soa.record.minimum) : 0;
  if (message.rcode === 3) return { status: 'nxdomain', ttl };
  if (soa !== undefined) return { status: 'nodata', ttl };
  if (hops > 0)
    return { status: 'alias', target: owner, ttl: lowest, hops, authentic: trusted && message.head.authentic };
  // A server that only refers to others does not recurse for us. It has not answered the question.
  if (message.refers && !message.head.recursionAvailable) return { status: 'temperror', reason: 'referral' };
  return { status: 'nodata', ttl };
}

/** Returns the alias of this name, if the answer section holds one. */
function aliasOf({ answers }: Message, owner: string): WireRecord | undefined {
  for (const answer of answers) if (answer.record.type === 'CNAME' && answer.owner === owner) return answer;
  return undefined;
}
