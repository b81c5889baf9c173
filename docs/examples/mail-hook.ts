/**
 * A host that calls a function for each message and does not know the client's address. It has one stage, `message`. A check
 * that needs other facts does not compile.
 */
import { dnsbl, nameList } from 'postern/checks/dnsbl';
import { evaluate, on, quarantine, reject } from 'postern/core';
import type { Env } from 'postern/env';
import { parseDomain } from 'postern/net';
import type { MailFacts } from 'postern/smtp';
import { fixedClock, zone } from 'postern/testing';

/** The facts of this host. */
type HookFacts = Pick<MailFacts, 'reversePath'>;

const policy = {
  message: [
    on(nameList({ zone: 'names.dnsbl.example', label: 'Names', of: 'sender' }), { fail: reject() }),
    on(nameList({ zone: 'new.dnsbl.example', label: 'New', of: 'sender' }), { fail: quarantine }),
  ],
};

const addresses = { message: [dnsbl({ zone: 'zen.dnsbl.example' })] };
export const refused = (facts: HookFacts, env: Env): unknown =>
  // @ts-expect-error dnsbl() needs the client's address, which this host does not know
  evaluate(addresses, 'message', facts, env);

/** Decides about a message from this sender. */
export async function onMessage(from: string, env: Pick<Env, 'dns' | 'clock'>): Promise<'drop' | 'junk' | 'inbox'> {
  const at = from.lastIndexOf('@');
  const domain = parseDomain(from.slice(at + 1));
  if (at < 1 || domain === undefined) return 'drop';
  const facts: HookFacts = { reversePath: { localPart: from.slice(0, at), domain } };
  const { action } = await evaluate(policy, 'message', facts, env);
  if (action === 'reject' || action === 'defer') return 'drop';
  return action === 'quarantine' ? 'junk' : 'inbox';
}

export async function main(): Promise<string[]> {
  const clock = fixedClock();
  const dns = zone({
    'spam.example.names.dnsbl.example': { A: ['127.0.1.2'] },
    'fresh.example.new.dnsbl.example': { A: ['127.0.1.2'] },
  });
  const became = [];
  for (const sender of ['a@spam.example', 'a@fresh.example', 'a@example.org'])
    became.push(await onMessage(sender, { dns, clock }));
  console.log(became.join(' ')); // drop junk inbox
  return became;
}
