/** A check around a prefix set of one's own: networks that may only send to the postmaster. */
import type { Check } from 'postern/core';
import { defineCheck, evaluate, fail, none, reject, unless } from 'postern/core';
import { parseIp } from 'postern/net';
import { PrefixSet } from 'postern/prefix-set';
import type { RcptFacts } from 'postern/smtp';
import { toPostmaster } from 'postern/smtp';

const quiet = PrefixSet.from(['192.0.2.0/24', '2001:db8:bad::/48']);

export const quietNetwork: Check<Pick<RcptFacts, 'client'>, object, 'none' | 'fail'> = defineCheck(
  'quiet-network',
  ({ client }: Pick<RcptFacts, 'client'>) =>
    quiet.has(client.ip) ? fail({ explanation: 'Your network may write to the postmaster only' }) : none(),
  { fail: reject({ status: '7.1' }) },
  { earliest: 'connect' },
);

const policy = { rcpt: [unless(toPostmaster, quietNetwork)] };

export async function main(): Promise<string[]> {
  const actions = [];
  for (const [client, localPart] of [
    ['192.0.2.9', 'bob'],
    ['2001:db8:bad::1', 'bob'],
    ['192.0.2.9', 'Postmaster'],
    ['198.51.100.1', 'bob'],
  ] as const) {
    const ip = parseIp(client);
    if (ip === undefined) throw new TypeError(`${client} is no address`);
    const facts = { client: { ip }, forwardPath: { localPart, domain: 'example.com' } } as unknown as RcptFacts;
    actions.push((await evaluate(policy, 'rcpt', facts, {})).action);
  }
  console.log(actions.join(' ')); // reject reject accept accept
  return actions;
}
