import { connectionLimits } from 'postern/checks/connection-limits';
import { dnsbl } from 'postern/checks/dnsbl';
import { ipBlocklist } from 'postern/checks/ip-blocklist';
import { authenticator, dmarc } from 'postern/checks/message-authentication';
import { relayControl } from 'postern/checks/relay-control';
import { heloIdentity, reverseDns, senderDomain } from 'postern/checks/reverse-dns';
import type { SmtpAuth } from 'postern/checks/smtp-auth';
import { authenticationRequired, senderMatchesLogin, smtpAuth } from 'postern/checks/smtp-auth';
import { spf } from 'postern/checks/spf';
import { uribl } from 'postern/checks/uribl';
import { flag, on, reject, score, unless, within } from 'postern/core';
import { type ListWatch, type ListZone, listWatch, listZone } from 'postern/dns';
import type { RcptFacts, SessionPolicy } from 'postern/smtp';
import { authenticated, smtpPolicy, toPostmaster } from 'postern/smtp';

/** The demo treats the documentation networks (RFC 5737, RFC 3849) as public. */
const publicNetworks = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'];

const blockList = {
  zone: 'bl.lists.example',
  label: 'Example BL',
  url: 'https://lists.example/?q={subject}',
} as const;
const uriList = { zone: 'uri.lists.example', label: 'Example URIBL' } as const;

/** Lists whose test entries are queried at intervals. The third list of the policy always answers with an error code. */
export const watchedLists: readonly ListZone[] = [
  listZone({ zone: blockList.zone, label: blockList.label }),
  listZone({ ...uriList, holds: 'name' }),
];

/** Exempts users who have logged in, and mail to the postmaster. */
const spared = (facts: RcptFacts): boolean => authenticated(facts) || toPostmaster(facts);

/** Mail for example.com, arriving on port 25. */
export function inboundPolicy(watch: ListWatch = listWatch()): SessionPolicy {
  const sender = spf();
  return smtpPolicy({
    // Who may send where. Required in every policy; no other rule can widen it.
    relay: relayControl({
      localDomains: ['example.com'],
      recipients: ({ localPart }) => (localPart === 'nobody' ? 'unknown' : 'known'),
    }),

    // Cheap and certain checks first: a client refused here costs no DNS query.
    connect: [
      ipBlocklist({ block: [{ prefix: '192.0.2.0/25', reason: 'years of abuse' }] }),
      connectionLimits({ concurrent: 3, perMinute: 300 }),
    ],

    // Decided at RCPT, so that the log names the sender and recipient. Checks start as soon as their facts are known.
    rcpt: [
      unless(
        spared,
        within(
          10_000,
          // Flags count only inside a score.
          score(
            { rejectAt: 5, tagAt: 2 },
            senderDomain({ publicNetworks }),
            on(sender, { fail: reject() }),
            dnsbl({ ...blockList, weight: 5, watch }),
            dnsbl({ zone: 'busy.lists.example', label: 'Busy BL', weight: 5 }),
            on(reverseDns(), { fail: flag(2), permerror: flag(2) }),
            heloIdentity({ ownNames: ['mx.example.com'] }),
          ),
        ),
      ),
    ],

    // The content of the message, and whether its author is authentic.
    authentication: authenticator({ spf: sender }),
    data: [score({ tagAt: 1, id: 'message' }, within(10_000, uribl({ ...uriList, watch })), dmarc())],
  });
}

export interface Submission {
  readonly policy: SessionPolicy;
  readonly check: SmtpAuth;
}

/** Mail from users of example.com, arriving on port 587. */
export function submissionPolicy(): Submission {
  const check = smtpAuth({ mechanisms: ['PLAIN', 'LOGIN'] });
  const policy = smtpPolicy({
    relay: relayControl({ localDomains: ['example.com'], trustedNetworks: [] }),
    connect: [connectionLimits({ concurrent: 10, perMinute: 60 })],
    auth: [check],
    mail: [authenticationRequired(), senderMatchesLogin({ senders: { alice: ['alice@example.com'] } })],
  });
  return { policy, check };
}
