import { flag, on, reject, score, shadow, unless, within } from 'postern/core';
import { connectionLimits } from 'postern/checks/connection-limits';
import { dnsbl } from 'postern/checks/dnsbl';
import { ipBlocklist } from 'postern/checks/ip-blocklist';
import { relayControl } from 'postern/checks/relay-control';
import { reverseDns, senderDomain } from 'postern/checks/reverse-dns';
import { spf } from 'postern/checks/spf';
import { uribl } from 'postern/checks/uribl';
import type { RcptFacts } from 'postern/smtp';
import { authenticated, smtpPolicy, toPostmaster } from 'postern/smtp';

/** Whose mail is not judged: users who have logged in, and everybody who writes to the postmaster. */
const spared = (facts: RcptFacts): boolean => authenticated(facts) || toPostmaster(facts);

const stranger = score(
  { rejectAt: 5, tagAt: 2 }, // every flag below counts here
  dnsbl({ zone: 'zen.dnsbl.example', label: 'ZEN', weight: 5 }), // enough by itself
  dnsbl({ zone: 'other.example', label: 'Other', weight: 3 }),
  on(reverseDns(), { fail: flag(2), permerror: flag(2) }),
  on(spf(), { fail: reject() }),
  senderDomain(),
);

export const inbound = smtpPolicy({
  relay: relayControl({ localDomains: ['example.com'] }), // required; nothing below can widen it
  connect: [ipBlocklist({ block: ['203.0.113.0/24'] }), connectionLimits({ concurrent: 30, perMinute: 300 })],
  rcpt: [unless(spared, within(10_000, stranger))], // judged at RCPT, so the log can say whose mail was refused
  data: [shadow(uribl({ zone: 'uribl.example', label: 'URIBL' }))], // recorded, not enforced, until you trust the numbers
});

for (const { rule, reason, fix } of inbound.warnings) console.warn(`${rule}: ${reason}; write ${fix}`);