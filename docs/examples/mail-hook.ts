/**
 * A host that calls a function for each message and never shows the client's address. Its stages are its own; the
 * compiler refuses a check that would need what it does not know.
 */
import { dnsbl } from 'postern/checks/dnsbl';
import { evaluate, on, quarantine, reject } from 'postern/core';
import type { Env } from 'postern/env';
import { parseDomain } from 'postern/net';
import type { MailFacts } from 'postern/smtp';
import { fixedClock, zone } from 'postern/testing';

/** What such a host tells. */
type HookFacts = Pick<MailFacts, 'reversePath'>;

const policy = {
  message: [
    on(dnsbl({ zone: 'names.dnsbl.example', label: 'Names', of: 'sender' }), { fail: reject() }),
    on(dnsbl({ zone: 'new.dnsbl.example', label: 'New', of: 'sender' }), { fail: quarantine }),
  ],
};

const addresses = { message: [dnsbl({ zone: 'zen.dnsbl.example' })] };
export const refused = (facts: HookFacts, env: Env): unknown =>
  // @ts-expect-error a list of addresses asks for the client's address, which nobody knows here
  evaluate(addresses, 'message', facts, env);

/** What becomes of a message from this sender. */
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
