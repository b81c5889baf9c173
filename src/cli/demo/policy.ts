import { connectionLimits } from '../../checks/connection-limits/index.ts';
import { dnsbl } from '../../checks/dnsbl/index.ts';
import { ipBlocklist } from '../../checks/ip-blocklist/index.ts';
import { authenticator, dmarc } from '../../checks/message-authentication/index.ts';
import { relayControl } from '../../checks/relay-control/index.ts';
import { heloIdentity, reverseDns, senderDomain } from '../../checks/reverse-dns/index.ts';
import type { SmtpAuth } from '../../checks/smtp-auth/index.ts';
import { authenticationRequired, senderMatchesLogin, smtpAuth } from '../../checks/smtp-auth/index.ts';
import { spf } from '../../checks/spf/index.ts';
import { uribl } from '../../checks/uribl/index.ts';
import { flag, on, reject, score, unless, within } from '../../core/index.ts';
import { type ListWatch, type ListZone, listWatch, listZone } from '../../dns/index.ts';
import type { RcptFacts, SessionPolicy } from '../../smtp/index.ts';
import { authenticated, smtpPolicy, toPostmaster } from '../../smtp/index.ts';

/** In the demonstration, the networks set apart for documentation (RFC 5737, RFC 3849) stand for the public Internet. */
const publicNetworks = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'];

const blockList = {
  zone: 'bl.lists.example',
  label: 'Example BL',
  url: 'https://lists.example/?q={subject}',
} as const;
const uriList = { zone: 'uri.lists.example', label: 'Example URIBL' } as const;

/** The lists whose test entries are asked for from time to time; the other one is there to answer with an error code. */
export const watchedLists: readonly ListZone[] = [
  listZone({ zone: blockList.zone, label: blockList.label }),
  listZone({ ...uriList, holds: 'name' }),
];

/** Whose mail is not judged: users who have logged in, and everybody who writes to the postmaster. */
const spared = (facts: RcptFacts): boolean => authenticated(facts) || toPostmaster(facts);

/** Mail for example.com, arriving on port 25. */
export function inboundPolicy(watch: ListWatch = listWatch()): SessionPolicy {
  const sender = spf();
  return smtpPolicy({
    // Who may send to where. Every policy must say it, and nothing below can widen it.
    relay: relayControl({
      localDomains: ['example.com'],
      recipients: ({ localPart }) => (localPart === 'nobody' ? 'unknown' : 'known'),
    }),

    // Cheap and certain first: no DNS is asked about a client that is refused here.
    connect: [
      ipBlocklist({ block: [{ prefix: '192.0.2.0/25', reason: 'years of abuse' }] }),
      connectionLimits({ concurrent: 3, perMinute: 300 }),
    ],

    // Judged at RCPT, so that the log can say whose mail was refused; asked as soon as the facts are there.
    rcpt: [
      unless(
        spared,
        within(
          10_000,
          // Every flag stands inside the score; outside it would have no effect.
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

    // What the message says, and whether it is from whom it says it is.
    authentication: authenticator({ spf: sender }),
    data: [score({ tagAt: 1, id: 'message' }, within(10_000, uribl({ ...uriList, watch })), dmarc())],
  });
}

export interface Submission {
  readonly policy: SessionPolicy;
  readonly check: SmtpAuth;
}

/** Mail from example.com's own users, arriving on port 587. */
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
