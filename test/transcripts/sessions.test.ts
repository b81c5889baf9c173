import { dnsbl } from 'postern/checks/dnsbl';
import { relayControl } from 'postern/checks/relay-control';
import { senderDomain } from 'postern/checks/reverse-dns';
import { authenticationRequired, senderMatchesLogin, smtpAuth } from 'postern/checks/smtp-auth';
import { spf } from 'postern/checks/spf';
import { uribl } from 'postern/checks/uribl';
import { on, reject, together } from 'postern/core';
import { smtpPolicy } from 'postern/smtp';
import { smtpSession } from 'postern/smtp-session';
import type { FactsOver } from 'postern/testing';
import {
  connectFacts,
  dataFacts,
  documentationNetworks,
  factsAt,
  fixedClock,
  playTranscript,
  quietEnv,
  replyTo,
  zone,
} from 'postern/testing';
import { describe, expect, test } from 'vitest';

const clock = fixedClock();
const relay = relayControl({
  localDomains: ['example.com'],
  recipients: ({ localPart }) => (localPart === 'nobody' ? 'unknown' : 'known'),
});
const inbound = smtpPolicy({
  relay,
  rcpt: [
    together(
      senderDomain({ publicNetworks: documentationNetworks }),
      on(spf(), { fail: reject() }),
      dnsbl({ zone: 'bl.test', label: 'BL', testEntries: 'none' }),
    ),
  ],
  data: [uribl({ zone: 'uri.test', label: 'URI', testEntries: 'none' })],
});
const submission = smtpPolicy({
  relay,
  auth: [smtpAuth()],
  mail: [authenticationRequired(), senderMatchesLogin({ senders: { bob: ['bob@example.com'] } })],
});
const dns = zone({
  'example.org': { MX: [[10, 'mx.example.org']], TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
  'mx.example.org': { A: ['198.51.100.1'] },
  'nomail.test': { MX: [[0, '']] },
  '66.2.0.192.bl.test': { A: ['127.0.0.2'] },
  'bad.com.uri.test': { A: ['127.0.0.2'] },
});
const play = (text: string, over: FactsOver = {}, policy = inbound) =>
  clock.until(playTranscript(smtpSession(policy, quietEnv({ dns, clock }), connectFacts(over)), text.trim()));

describe('port 25', () => {
  test.each<[string, FactsOver, string]>([
    [
      'clean mail',
      {},
      `
S: 220
C: EHLO mx.example.org
S: 250
C: MAIL FROM:<ann@example.org> SIZE=100
S: 250
C: RCPT TO:<bob@example.com>
S: 250
C: DATA
S: 354
C: Subject: hello
C: 
C: see you at https://www.good.com/
C: .
S: 250
C: QUIT
S: 221`,
    ],
    [
      'relaying, an unknown recipient, then one that is taken',
      {},
      `
S: 220
C: EHLO mx.example.org
S: 250
C: MAIL FROM:<ann@example.org>
S: 250
C: RCPT TO:<x@elsewhere.test>
S: 550 5.7.1 Relaying denied
C: RCPT TO:<nobody@example.com>
S: 550 5.1.1 No such mailbox here
C: RCPT TO:<bob@example.com>
S: 250
C: RSET
S: 250
C: QUIT
S: 221`,
    ],
    [
      'a listed client',
      { client: '192.0.2.66' },
      `
S: 220
C: EHLO mx.example.org
S: 250
C: MAIL FROM:<>
S: 250
C: RCPT TO:<bob@example.com>
S: 550 5.7.1 Client host [192.0.2.66] blocked using BL`,
    ],
    [
      'a listed link',
      {},
      `
S: 220
C: HELO mx.example.org
S: 250
C: MAIL FROM:<ann@example.org>
S: 250
C: RCPT TO:<bob@example.com>
S: 250
C: DATA
S: 354
C: Subject: x
C: 
C: http://www.bad.com/
C: .
S: 550 5.7.1 Message contains a link to bad.com, which is listed by URI`,
    ],
    [
      'commands out of order',
      {},
      `
S: 220
C: MAIL FROM:<ann@example.org>
S: 503 5.5.1 Send EHLO first
C: EHLO mx.example.org
S: 250
C: RCPT TO:<bob@example.com>
S: 503 5.5.1 Send MAIL first`,
    ],
  ])('%s → as it is written', async (_, over, text) => expect(await play(text, over)).toBe(text.trim()));
});

test('port 587: clear text, STARTTLS, a login, another’s sender, one’s own → as it is written', async () => {
  const text = `
S: 220
C: EHLO laptop.test
S: 250
C: AUTH PLAIN
S: 530 5.7.0 Must issue a STARTTLS command first
C: STARTTLS
S: 220
C: EHLO laptop.test
S: 250
C: MAIL FROM:<bob@example.com>
S: 530 5.7.0 Authentication required
C: AUTH PLAIN
S: 334
-- bob logs in
C: MAIL FROM:<eve@example.com>
S: 553 5.7.1 Sender address is not owned by the login
C: MAIL FROM:<bob@example.com>
S: 250
C: RCPT TO:<x@elsewhere.test>
S: 250`;
  expect(await play(text, { role: 'submission' }, submission)).toBe(text.trim());
});

test('a session that differs → the played transcript differs', async () => {
  const text = 'S: 220\nC: EHLO a.test\nS: 550 5.7.1 Go away';
  expect(await play(text)).toBe('S: 220\nC: EHLO a.test\nS: 250');
});

test.each([
  ['C: FROBNICATE', 'unknown command'],
  ['hello', 'a line must begin with'],
  ['C: DATA', 'without a line'],
  ['C: MAIL <a@b>', 'has no path'],
])('%s → TypeError', async (line, message) => {
  await expect(play(line)).rejects.toThrow(message);
});

describe('replyTo', () => {
  test.each<[string, Parameters<typeof replyTo>[1], FactsOver, string | null]>([
    ['rcpt: a foreign recipient', 'rcpt', { to: 'x@elsewhere.test' }, '550 5.7.1'],
    ['rcpt: a login → may relay', 'rcpt', { to: 'x@elsewhere.test', auth: 'bob' }, null],
    ['rcpt: a sender without mail', 'rcpt', { from: 'a@nomail.test' }, '550 5.7.27'],
    ['rcpt: SPF fail', 'rcpt', { client: '192.0.2.2' }, '550 5.7.23'],
    ['connect: no rules', 'connect', {}, null],
    ['data: a listed link', 'data', { message: 'Subject: x\r\n\r\nhttp://bad.com/' }, '550 5.7.1'],
  ])('%s → %s', async (_, stage, over, expected) => {
    expect(await clock.until(replyTo(inbound, stage, over, quietEnv({ dns, clock })))).toBe(expected);
  });
});

test('facts of every stage → hold what the ones before held, and are plain JSON', () => {
  const over: FactsOver = {
    client: '::ffff:192.0.2.7',
    helo: '[192.0.2.7]',
    tls: true,
    from: null,
    auth: 'bob',
    role: 'submission',
  };
  for (const stage of ['connect', 'helo', 'auth', 'mail', 'rcpt', 'data'] as const) {
    const facts = factsAt(stage, over);
    expect(facts).toMatchObject({
      client: { ip: '192.0.2.7' },
      session: { role: 'submission' },
      tls: { version: 'TLSv1.3' },
    });
    expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
  }
  expect(dataFacts({ message: 'Subject: x\r\n\r\nhttp://a.com' }).message.uris).toHaveLength(1);
  expect(() => factsAt('rcpt', { to: 'nonsense' })).toThrow('facts: to "nonsense"');
});
