/**
 * Questions to DNS lists.
 *
 * **Answers**: what does this list say about these labels: listed, not listed, or was there no answer that can be used?
 * **Knows**: the list ({@link listZone}) and the labels. **Asks**: `dns`, `clock`.
 * **Standards**: RFC 5782 §2 (how a list is asked), §5 (test entries).
 * **Limits**: answers are kept by the resolver, not here. A listing is believed only of a list that does not list its own
 * counter-example (127.0.0.1, INVALID); where a `watch` is given, that is found out at the first listing.
 *
 * @example
 * ```ts
 * import { addressLabels, listWatch, listZone, queryList } from 'postern/dns';
 * import { parseIp } from 'postern/net';
 * import { fixedClock, zone } from 'postern/testing';
 *
 * const env = { dns: zone({ '1.2.0.192.zen.dnsbl.example': { A: ['127.0.0.4'] } }), clock: fixedClock() };
 * const list = listZone({ zone: 'zen.dnsbl.example', label: 'ZEN' });
 * const answer = await queryList(list, addressLabels(parseIp('192.0.2.1')!), env, { watch: listWatch() });
 * switch (answer.status) {
 *   case 'listed':    answer.codes;  break; // [{ code: '127.0.0.4' }]
 *   case 'notListed': break;
 *   case 'blocked':   // the list refuses to answer this resolver: an error code
 *   case 'invalid':   // somebody else answers: an address outside 127.0.0.0/8
 *   case 'suspended': // the list has failed before, and is not asked for a while
 *   case 'timeout':
 *   case 'error':     answer.reason;
 * }
 * ```
 *
 * @module
 */
import type { IpAddress } from '../net/index.ts';
import { reverseLabels } from '../net/index.ts';
import type { ListWatch } from './list-health.ts';
import type { ListAnswer, ListEnv } from './list-question.ts';
import { askList } from './list-question.ts';
import type { ListZone } from './list-zone.ts';

/** Options of {@link queryList}. */
export interface QueryListOptions {
  /** Gives up early. */
  readonly signal?: AbortSignal;
  /** Keeps an eye on the list's health: suspends it and brings it back. Without it, every answer is taken as it is. */
  readonly watch?: ListWatch;
}

/** The labels under which a list knows an address: `1.2.0.192`, or 32 nibbles. */
export const addressLabels = (address: IpAddress): string => reverseLabels(address);

/**
 * Asks one list one question. Never rejects.
 *
 * @param labels what stands before the zone: {@link addressLabels}, or a domain name
 */
export async function queryList(
  list: ListZone,
  labels: string,
  env: ListEnv,
  options: QueryListOptions = {},
): Promise<ListAnswer> {
  const { watch, signal } = options;
  if (watch === undefined) return askList(list, labels, env, signal);
  const admission = watch.admit(list, env);
  if (admission.suspended !== undefined) return admission.suspended;
  const since = env.clock.now();
  const answer = await askList(list, labels, env, signal);
  if (admission.trial !== undefined) await admission.trial;
  return (await watch.note(list, env, answer, since)) ?? answer;
}
