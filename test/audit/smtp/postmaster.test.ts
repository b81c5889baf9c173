import { afterEach, describe, expect, test } from 'vitest';
import { auditMxHost } from '../../../src/audit/smtp/index.ts';
import { contextWith } from '../context.ts';
import { authority, issue } from '../tls/certificates.ts';
import { type FakeMxHost, fakeMxHost, type Posture } from './fake-mx-host.ts';

const host = 'mx.example.test';
const ca = authority();
const tls = { chain: [issue({ names: [host], by: ca })] };
const postmaster = '<postmaster@example.test>';
const closed = '554 5.7.1 Relay access denied';
const ok = '250 2.1.5 Ok';

const running: FakeMxHost[] = [];
afterEach(() => Promise.all(running.splice(0).map((server) => server.close())));

async function found(posture: Posture): Promise<readonly string[]> {
  const server = await fakeMxHost({ tls, ...posture });
  running.push(server);
  const context = contextWith({ authorities: [ca.cert], only: ['smtp'] });
  const target = { host, address: '127.0.0.1', port: server.port, preference: 10 };
  const { findings } = await auditMxHost(target, 'example.test', context);
  return findings.filter(({ id }) => id.startsWith('postmaster')).map(({ id, severity }) => `${severity} ${id}`);
}

/** A server that replies with this to the postmaster, and rejects other recipients. */
const answers = (reply: string): Posture => ({ rcpt: (path) => (path === postmaster ? reply : closed) });

describe('the postmaster of the domain', () => {
  test.each<[string, Posture]>([
    ['is accepted', answers(ok)],
    ['is accepted, with a forward', answers('251 User not local; will forward')],
    ['is accepted from the null sender alone', { rcpt: (_, sender) => (sender === '<>' ? ok : closed) }],
    ['is accepted, but not from the null sender', { rcpt: (_, sender) => (sender === '<>' ? closed : ok) }],
    ['is accepted, and the null sender is not', { mail: (sender) => (sender === '<>' ? '550 5.7.1 No' : ok) }],
    ['is accepted within TLS', { rcpt: (_, __, secure) => (secure ? ok : '530 5.7.0 Must issue STARTTLS first') }],
  ])('%s → nothing', async (_, posture) => {
    expect(await found(posture)).toEqual([]);
  });

  test.each<[string, Posture]>([
    ['550 5.1.1 User unknown', answers('550 5.1.1 User unknown')],
    ['550 User unknown', answers('550 User unknown')],
    ['Relay access denied', answers(closed)],
    ['Relay access denied, with the mailbox', answers(`554 5.7.1 ${postmaster}: Relay access denied`)],
    ['Relay access denied, for now', answers('454 4.7.1 Relay access denied')],
    ['relaying denied, without a code', answers('550 relaying denied')],
    [
      'Recipient address rejected: Access denied',
      answers(`554 5.7.1 ${postmaster}: Recipient address rejected: Access denied`),
    ],
    ['the mailbox is full', answers('552 5.2.2 Mailbox full')],
    ['the mailbox is disabled', answers('550 5.2.1 Disabled')],
    ["the domain is not in the server's list", answers("553 sorry, that domain isn't in my list of allowed rcpthosts")],
    ['a login is wanted at MAIL', { mail: () => '530 5.7.0 Authentication required' }],
    ['a login is wanted at RCPT', answers('550 5.7.1 Authentication required')],
    ['TLS is wanted, and not offered', { tls: undefined, mail: () => '530 5.7.0 Must issue STARTTLS first' }],
  ])('%s → critical', async (_, posture) => {
    expect(await found(posture)).toEqual(['critical postmaster-refused']);
  });

  test.each<[string, Posture, string]>([
    ['greylisting', answers('451 4.7.1 Greylisted, try again later'), 'info'],
    ['too busy', answers('452 4.3.1 Insufficient system storage'), 'info'],
    ['no reverse DNS', answers('550 5.7.25 Client has no reverse DNS'), 'medium'],
    ['a list', answers('554 5.7.1 Client host [192.0.2.1] blocked using zen.example'), 'medium'],
    ['the sender', answers('553 5.1.8 Sender address rejected: Domain not found'), 'medium'],
    ['the sender is unknown', answers('550 Sender address rejected: User unknown'), 'medium'],
    ['the name in EHLO', answers('550 5.7.1 Helo command rejected: Host not found'), 'medium'],
    ['access denied, no word to whom', answers('554 5.7.1 Access denied'), 'medium'],
    ['every sender is refused', { mail: () => '550 5.7.1 Not from you' }, 'medium'],
    ['421', answers('421 4.7.0 Too many errors'), 'info'],
    ['no reply of SMTP', answers('what'), 'info'],
  ])('%s → not known', async (_, posture, severity) => {
    expect(await found(posture)).toEqual([`${severity} postmaster-unknown`]);
  });
});
