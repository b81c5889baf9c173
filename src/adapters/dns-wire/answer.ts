import type { DnsAnswer, RecordOf, RecordType } from '../../env/index.ts';
import type { Message } from './message.ts';

/** Aliases that are followed before the chain is called endless. */
export const MAX_ALIASES = 16;

/** What a message means for the question: its answer, or the name to ask next where the aliases lead out of it. */
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
 * Reads an answer out of a message whose question has been matched.
 *
 * A chain of aliases is followed in whatever order the records stand. The TTL is the lowest of the chain and the set; of
 * a negative answer it is the lower of the SOA's TTL and its minimum (RFC 2308 §5), and 0 without an SOA.
 *
 * @param trusted whether the AD bit may be believed: the way to the server is one that nobody else can write on
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
  const aliases = new Map<string, { target: string; ttl: number }>();
  if (type !== 'CNAME') {
    for (const { owner, ttl, record } of message.answers) {
      if (record.type === 'CNAME' && !aliases.has(owner)) aliases.set(owner, { target: record.name, ttl });
    }
  }
  let owner = name;
  let lowest = 0x7fffffff;
  let hops = 0;
  for (let alias = aliases.get(owner); alias !== undefined; alias = aliases.get(owner)) {
    if (++hops > MAX_ALIASES) return { status: 'temperror', reason: 'too many aliases' };
    lowest = Math.min(lowest, alias.ttl);
    owner = alias.target;
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
  // A server that only points elsewhere does not recurse for us: it has said nothing about the name.
  if (message.refers && !message.head.recursionAvailable) return { status: 'temperror', reason: 'referral' };
  return { status: 'nodata', ttl };
}
