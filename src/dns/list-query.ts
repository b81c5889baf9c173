/**
 * One query to one DNS list, regardless of the health of the list.
 *
 * **Answers**: does this list contain these labels?
 * **Knows**: the list and the labels. **Asks**: `dns`, `clock`.
 * **Standards**: RFC 5782 §2.
 * **Limits**: time in which this process stalled does not count against the list.
 *
 * @module
 */
import type { Env } from '../env/index.ts';
import { withDeadline } from '../env/index.ts';
import type { ListedCode, ListZone } from './dns-list.ts';
import { readAnswers, withoutZone } from './dns-list.ts';
import { questionName } from './questions.ts';
import { stallAware, stallWatch } from './stall.ts';

/** The answer of a list. Only `listed` is a listing. */
export type ListAnswer =
  | {
      readonly status: 'listed';
      readonly codes: readonly ListedCode[];
      /** Sum of the weights of the codes found. `undefined` if none of them has a weight. */
      readonly weight: number | undefined;
      /** Whether a code without a weight of its own was found. */
      readonly plain: boolean;
      /** The TXT record of the listing without zone and key, if the list has the option `text`. */
      readonly text?: string;
      /** Seconds. */
      readonly ttl: number;
    }
  | {
      readonly status: 'notListed';
      /** Answers that match no code of the list. */
      readonly unknown: readonly string[];
      readonly ttl: number;
    }
  /** `blocked`: an error code. `invalid`: an address outside 127.0.0.0/8. Neither is ever a listing. */
  | { readonly status: 'blocked' | 'invalid'; readonly reason: string; readonly answers: readonly string[] }
  | { readonly status: 'timeout' | 'error'; readonly reason: string; readonly aborted?: true; readonly stalled?: true }
  /** The list is not queried before `until` (milliseconds since the epoch). */
  | { readonly status: 'suspended'; readonly reason: string; readonly until: number };

/** What a query to a list may touch. */
export type ListEnv = Pick<Env, 'dns' | 'clock'>;

/** Queries a list without regard to its health. */
export async function askList(list: ListZone, labels: string, env: ListEnv, signal?: AbortSignal): Promise<ListAnswer> {
  const name = questionName(`${labels}.${list.key === undefined ? '' : `${list.key.reveal()}.`}${list.zone}`);
  // A name that cannot be sent is on no list.
  if (name === undefined || labels === '') return { status: 'notListed', unknown: [], ttl: 0 };
  const since = env.clock.now();
  const failed = (status: 'timeout' | 'error', reason: string): ListAnswer => ({
    status,
    reason,
    stalled: stallWatch(env.clock).stalledSince(since) ? true : undefined,
  });
  /** The listing, once it is known. It counts even if its TXT record does not arrive. */
  let listing: ListAnswer | undefined;
  const ended = await withDeadline(stallAware(env.clock), list.timeoutMs, signal, async (end): Promise<ListAnswer> => {
    const found = await env.dns.resolve(name, 'A', { signal: end });
    if (found.status === 'temperror') {
      // A failure in this process, or on the way to the resolver, is not evidence about the list.
      if (ownTrouble.has(found.reason)) return { status: 'error', reason: found.reason, aborted: true };
      return failed(late.test(found.reason) ? 'timeout' : 'error', withoutZone(list, found.reason));
    }
    if (found.status !== 'found') return { status: 'notListed', unknown: [], ttl: found.ttl };
    const reading = readAnswers(
      list,
      found.records.flatMap((record) => (record.type === 'A' ? [record.address] : [])),
    );
    if (reading.status === 'notListed') return { ...reading, ttl: found.ttl };
    if (reading.status !== 'listed') return reading;
    listing = { ...reading, ttl: found.ttl };
    return list.text ? { ...listing, text: await reasonOf(list, name, env, end) } : listing;
  });
  if (ended.how === 'answered') return ended.value;
  if (listing !== undefined) return listing;
  switch (ended.how) {
    case 'aborted':
      return { status: 'error', reason: 'aborted', aborted: true };
    case 'late':
      return failed('timeout', `no answer within ${list.timeoutMs} ms`);
    case 'failed': // A resolver that throws breaks its contract.
      return failed(
        'error',
        withoutZone(list, ended.error instanceof Error ? ended.error.message : 'the resolver failed'),
      );
  }
}

/** Reasons of a `temperror` that mean the query did not reach the list. */
const ownTrouble: ReadonlySet<string> = new Set([
  'aborted',
  'closed',
  'overloaded',
  'connection refused',
  'connection closed',
  'unreachable',
  'network error',
  'certificate or TLS error',
]);
const late = /time.?out|timed out|deadline/i;

/**
 * Returns whether the resolver answers a query that concerns no list.
 *
 * The name is new each time, since a cache would answer for a dead resolver. Resolvers answer queries below `invalid`
 * themselves (RFC 6761 §6.4).
 */
export async function resolverAnswers({ dns, clock }: ListEnv, timeoutMs: number): Promise<boolean> {
  const name = `t${Math.round(clock.now())}.invalid`;
  const ended = await withDeadline(stallAware(clock), timeoutMs, undefined, (signal) =>
    dns.resolve(name, 'A', { signal }),
  );
  if (ended.how !== 'answered') return false;
  const { value } = ended;
  return value.status !== 'temperror' || !(ownTrouble.has(value.reason) || late.test(value.reason));
}

/** Limit of a TXT record in characters. */
const MAX_TEXT = 200;

/** Queries the TXT record of a listing, and returns it as one line of printable ASCII. */
async function reasonOf(
  list: ListZone,
  name: string,
  { dns }: ListEnv,
  signal: AbortSignal,
): Promise<string | undefined> {
  const found = await dns.resolve(name, 'TXT', { signal });
  if (found.status !== 'found') return undefined;
  const first = found.records.find((record) => record.type === 'TXT');
  if (first === undefined) return undefined;
  const text = withoutZone(list, first.text.slice(0, 4 * MAX_TEXT))
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim();
  return text === '' ? undefined : text.slice(0, MAX_TEXT);
}
