import { dnsbl } from 'postern/checks/dnsbl';
import { mxRedundancy } from 'postern/checks/mx-redundancy';
import { heloIdentity, recipientDomain, reverseDns, senderDomain } from 'postern/checks/reverse-dns';
import { type MailFacts, smtpPolicy } from 'postern/smtp';
import { expect, test } from 'vitest';

const relay = 'decided-by-the-server';
const zone = 'list.example';
const byName = () => dnsbl({ zone, label: 'F', of: (facts: MailFacts) => facts.reversePath?.domain });

test('each check stands at the first stage that knows its facts', () => {
  expect(() =>
    smtpPolicy({
      relay,
      connect: [reverseDns(), dnsbl({ zone, label: 'A' }), dnsbl({ zone, label: 'B', of: 'ptr' })],
      helo: [heloIdentity(), dnsbl({ zone, label: 'C', of: 'helo' })],
      mail: [senderDomain(), dnsbl({ zone, label: 'D', of: 'sender' }), byName()],
      rcpt: [recipientDomain()],
    }),
  ).not.toThrow();
});

/** For the compiler: a check before its facts does not compile. */
const wrong = (): unknown[] => [
  // @ts-expect-error the HELO name is not known at connect
  smtpPolicy({ relay, connect: [heloIdentity()] }),
  // @ts-expect-error the HELO name is not known at connect
  smtpPolicy({ relay, connect: [dnsbl({ zone, of: 'helo' })] }),
  // @ts-expect-error the sender is not known at HELO
  smtpPolicy({ relay, helo: [dnsbl({ zone, of: 'sender' })] }),
  // @ts-expect-error the selector asks for more than HELO knows
  smtpPolicy({ relay, helo: [byName()] }),
  // @ts-expect-error the sender is not known at HELO
  smtpPolicy({ relay, helo: [senderDomain()] }),
  // @ts-expect-error the recipient is not known at MAIL
  smtpPolicy({ relay, mail: [recipientDomain()] }),
  // @ts-expect-error no session has a domain to audit
  smtpPolicy({ relay, rcpt: [mxRedundancy()] }),
];

test('it is the compiler that refuses the others: nothing is looked at when the policy is made', () => {
  expect(wrong()).toHaveLength(7);
});
