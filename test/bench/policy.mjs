// The policy that the session bench guards with: every protection that takes part in a session of an MX.
import { connectionLimits } from 'postern/checks/connection-limits';
import { dnsbl } from 'postern/checks/dnsbl';
import { encryptedAuth } from 'postern/checks/encrypted-auth';
import { ipBlocklist } from 'postern/checks/ip-blocklist';
import { mxRedundancy } from 'postern/checks/mx-redundancy';
import { relayControl } from 'postern/checks/relay-control';
import { heloIdentity, reverseDns, senderDomain } from 'postern/checks/reverse-dns';
import { smtpAuth } from 'postern/checks/smtp-auth';
import { spf } from 'postern/checks/spf';
import { uribl } from 'postern/checks/uribl';
import { flag, on, reject, score, together, unless, within } from 'postern/core';
import { authenticated, smtpPolicy } from 'postern/smtp';

const publicNetworks = ['198.18.0.0/15', '192.0.2.0/24'];

export function benchPolicy() {
  const blocked = Array.from({ length: 10_000 }, (_, n) => `203.${n >> 8}.${n & 255}.0/24`);
  // Protections 8 and 10 concern the site itself and its login ports; they are made, and asked nothing per session.
  mxRedundancy({ publicNetworks });
  encryptedAuth({});
  return smtpPolicy({
    relay: relayControl({ localDomains: ['example.com'], recipients: () => 'known' }),
    connect: [
      ipBlocklist({ block: blocked }),
      connectionLimits({ concurrent: 30, perMinute: 300, classes: [{ v4: 32, v6: 64, times: 1 }] }),
    ],
    auth: [smtpAuth()],
    rcpt: [
      unless(
        authenticated,
        within(
          10_000,
          together(
            senderDomain({ publicNetworks }),
            on(spf(), { fail: reject() }),
            score(
              { rejectAt: 5, tagAt: 2 },
              dnsbl({ zone: 'one.lists.example', label: 'One', weight: 4, testEntries: 'none' }),
              dnsbl({ zone: 'two.lists.example', label: 'Two', weight: 2, testEntries: 'none' }),
              dnsbl({ zone: 'good.lists.example', label: 'Good', kind: 'allow', weight: -2, testEntries: 'none' }),
              on(reverseDns(), { fail: flag(2), permerror: flag(2) }),
              heloIdentity({ ownNames: ['mx.example.com'] }),
            ),
          ),
        ),
      ),
    ],
    data: [within(10_000, uribl({ zone: 'uri.lists.example', label: 'URI', testEntries: 'none' }))],
  });
}
