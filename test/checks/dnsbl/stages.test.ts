import { dnsbl, nameList } from 'postern/checks/dnsbl';
import { mxRedundancy } from 'postern/checks/mx-redundancy';
import { heloIdentity, recipientDomain, reverseDns, senderDomain } from 'postern/checks/reverse-dns';
import { type MailFacts, smtpPolicy } from 'postern/smtp';
import { expect, test } from 'vitest';

const relay = 'decided-by-the-server';
const zone = 'list.example';
const byName = () => nameList({ zone, label: 'F', of: (facts: MailFacts) => facts.reversePath?.domain });

test('each check compiles at the first stage that has its facts', () => {
  expect(() =>
    smtpPolicy({
      relay,
      connect: [reverseDns(), dnsbl({ zone, label: 'A' }), nameList({ zone, label: 'B', of: 'ptr' })],
      helo: [heloIdentity(), nameList({ zone, label: 'C', of: 'helo' })],
      mail: [senderDomain(), nameList({ zone, label: 'D', of: 'sender' }), byName()],
      rcpt: [recipientDomain()],
    }),
  ).not.toThrow();
});

/** A check at a stage without its facts does not compile. */
const wrong = (): unknown[] => [
  // @ts-expect-error the HELO name is not known at connect
  smtpPolicy({ relay, connect: [heloIdentity()] }),
  // @ts-expect-error the HELO name is not known at connect
  smtpPolicy({ relay, connect: [nameList({ zone, of: 'helo' })] }),
  // @ts-expect-error the sender is not known at HELO
  smtpPolicy({ relay, helo: [nameList({ zone, of: 'sender' })] }),
  // @ts-expect-error either name may be checked, so the facts of both are needed
  smtpPolicy({ relay, helo: [nameList({ zone, of: 'helo' as 'helo' | 'sender' })] }),
  // @ts-expect-error the function needs facts that HELO does not have
  smtpPolicy({ relay, helo: [byName()] }),
  // @ts-expect-error the sender is not known at HELO
  smtpPolicy({ relay, helo: [senderDomain()] }),
  // @ts-expect-error the recipient is not known at MAIL
  smtpPolicy({ relay, mail: [recipientDomain()] }),
  // @ts-expect-error a session has no domain to audit
  smtpPolicy({ relay, rcpt: [mxRedundancy()] }),
];

test('the others are refused by the compiler only: the policy is not validated at run time', () => {
  expect(wrong()).toHaveLength(8);
});
