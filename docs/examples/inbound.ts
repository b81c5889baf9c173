/** A policy for mail from the world, and one session judged by it. */
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { connectionLimits } from 'postern/checks/connection-limits';
import { dnsbl } from 'postern/checks/dnsbl';
import { relayControl } from 'postern/checks/relay-control';
import { heloIdentity, reverseDns, senderDomain } from 'postern/checks/reverse-dns';
import { spf } from 'postern/checks/spf';
import { flag, on, reject, score, unless, within } from 'postern/core';
import type { Env } from 'postern/env';
import { parseIp } from 'postern/net';
import type { RcptFacts, SmtpPolicy } from 'postern/smtp';
import { authenticated, printReply, smtpPolicy, toPostmaster } from 'postern/smtp';
import { smtpSession } from 'postern/smtp-session';
import { fixedClock, zone } from 'postern/testing';

const spared = (facts: RcptFacts): boolean => authenticated(facts) || toPostmaster(facts);

export const inbound: SmtpPolicy = smtpPolicy({
  relay: relayControl({ localDomains: ['example.com'] }),
  connect: [connectionLimits({ concurrent: 30, perMinute: 300 })],
  rcpt: [
    unless(
      spared,
      within(
        10_000,
        score(
          { rejectAt: 5, tagAt: 2 },
          senderDomain(),
          on(spf(), { fail: reject() }),
          dnsbl({ zone: 'zen.dnsbl.example', label: 'ZEN', weight: 5, url: 'https://lookup.example/?q={subject}' }),
          on(reverseDns(), { fail: flag(2), permerror: flag(2) }),
          heloIdentity(),
        ),
      ),
    ),
  ],
});

const clock = fixedClock();
/** In service: `stubResolver()` of `postern/dns/node` and `systemClock()` of `postern/adapters/system`. */
export const env: Env = {
  clock,
  dns: zone({
    'example.org': { MX: [[10, 'mx.example.org']], TXT: ['v=spf1 mx -all'] },
    'mx.example.org': { A: ['8.8.4.4'] },
    '4.4.8.8.in-addr.arpa': { PTR: ['mx.example.org'] },
    '9.9.9.9.zen.dnsbl.example': { A: ['127.0.0.2'] },
  }),
  counters: memoryCounters({ clock }),
  bans: memoryBans({ clock }),
};

/** What the session hears first: a refusal, or `null` where nobody objects. */
export async function firstRefusal(client: string, sender: string, recipient: string): Promise<string | null> {
  const ip = parseIp(client);
  if (ip === undefined) throw new TypeError(`${client} is no address`);
  const session = smtpSession(inbound, env, { session: { id: client, role: 'mx' }, client: { ip }, tls: null });
  const said =
    (await session.connect()) ??
    (await session.helo('EHLO', 'mx.example.org')) ??
    (await session.mail(`<${sender}>`)) ??
    (await session.rcpt(`<${recipient}>`));
  await session.close();
  return said === null ? null : printReply(said);
}

export async function main(): Promise<void> {
  console.log(await firstRefusal('8.8.4.4', 'alice@example.org', 'bob@example.com')); // null
  console.log(await firstRefusal('9.9.9.9', 'alice@example.org', 'bob@example.com')); // 550 5.7.23 …
  console.log(await firstRefusal('8.8.4.4', 'alice@example.org', 'bob@example.net')); // 550 5.7.1 …
}
