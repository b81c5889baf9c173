import { memoryCounters } from 'postern/adapters/memory';
import { type SmtpAuthOptions, smtpAuth } from 'postern/checks/smtp-auth';
import { evaluate } from 'postern/core';
import { parseIp } from 'postern/net';
import { type AuthFacts, printReply, type Role, type SmtpStages, smtpPolicy, smtpReply } from 'postern/smtp';
import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const clock = fixedClock();
const env = { clock, counters: memoryCounters({ clock }) };

interface Asked {
  readonly role?: Role;
  readonly tls?: string | null;
  readonly certificate?: boolean;
  readonly ip?: string;
  readonly mechanism?: string;
}

const facts = ({
  role = 'submission',
  tls = 'TLSv1.3',
  certificate,
  ip = '192.0.2.1',
  mechanism = 'PLAIN',
}: Asked): AuthFacts => ({
  session: { id: 's', role },
  client: { ip: parseIp(ip)! },
  tls:
    tls === null
      ? null
      : { version: tls, ...(certificate ? { clientCertificate: { fingerprint: 'ab'.repeat(32) } } : {}) },
  helo: { verb: 'EHLO', name: 'client.example' },
  attempt: { mechanism },
});

async function reply(options: SmtpAuthOptions, asked: Asked): Promise<string | null> {
  const policy = smtpPolicy<typeof env>({ relay: 'decided-by-the-server', auth: [smtpAuth(options)] });
  const said = smtpReply(await evaluate<SmtpStages, typeof env, 'auth'>(policy, 'auth', facts(asked), env), 'auth');
  return said === null ? null : printReply(said);
}

const loopback: SmtpAuthOptions = { clearTextFrom: 'loopback' };
const everywhere: SmtpAuthOptions = { roles: ['submission', 'mx'] };
const many: SmtpAuthOptions = { mechanisms: ['scram-sha-256-plus', 'SCRAM-SHA-256', 'PLAIN', 'EXTERNAL'] };

const cases: readonly [string, SmtpAuthOptions, Asked, readonly string[], string | null][] = [
  ['TLS 1.3', {}, {}, ['PLAIN', 'LOGIN'], null],
  ['TLS 1.2', {}, { tls: 'TLSv1.2' }, ['PLAIN', 'LOGIN'], null],
  ['TLS 1.1', {}, { tls: 'TLSv1.1' }, [], '538 5.7.11 TLS 1.2 or later is required'],
  ['TLS of a version nobody knows', {}, { tls: 'TLSv9' }, [], '538 5.7.11 TLS 1.2 or later is required'],
  [
    'TLS 1.2 where 1.3 is wanted',
    { minimumTls: 'TLSv1.3' },
    { tls: 'TLSv1.2' },
    [],
    '538 5.7.11 TLS 1.3 or later is required',
  ],
  ['clear text on submission', {}, { tls: null }, [], '530 5.7.0 Must issue a STARTTLS command first'],
  [
    'clear text on the MX',
    everywhere,
    { tls: null, role: 'mx' },
    [],
    '538 5.7.11 Encryption required for requested authentication mechanism',
  ],
  [
    'clear text on an MX that offers no login',
    {},
    { tls: null, role: 'mx' },
    [],
    '538 5.7.11 Encryption required for requested authentication mechanism',
  ],
  ['TLS on the MX: not opted in', {}, { role: 'mx' }, [], '503 5.5.1 Authentication is not offered here'],
  ['TLS on the MX: opted in', everywhere, { role: 'mx' }, ['PLAIN', 'LOGIN'], null],
  ['LMTP', {}, { role: 'lmtp' }, [], '503 5.5.1 Authentication is not offered here'],
  [
    'clear text from loopback: not exempt by itself',
    {},
    { tls: null, ip: '127.0.0.1' },
    [],
    '530 5.7.0 Must issue a STARTTLS command first',
  ],
  ['clear text from loopback: exempt', loopback, { tls: null, ip: '127.0.0.1' }, ['PLAIN', 'LOGIN'], null],
  ['clear text from ::1: exempt', loopback, { tls: null, ip: '::1' }, ['PLAIN', 'LOGIN'], null],
  [
    'clear text from the LAN: never exempt',
    loopback,
    { tls: null, ip: '192.168.1.2' },
    [],
    '530 5.7.0 Must issue a STARTTLS command first',
  ],
  ['TLS 1.0 from loopback', loopback, { tls: 'TLSv1', ip: '127.0.0.1' }, [], '538 5.7.11 TLS 1.2 or later is required'],
  [
    'a mechanism that is not offered',
    {},
    { mechanism: 'CRAM-MD5' },
    ['PLAIN', 'LOGIN'],
    '504 5.5.4 Unrecognized authentication type',
  ],
  ['a mechanism in lower case', {}, { mechanism: 'plain' }, ['PLAIN', 'LOGIN'], null],
  [
    'a mechanism without a name',
    {},
    { mechanism: '' },
    ['PLAIN', 'LOGIN'],
    '504 5.5.4 Unrecognized authentication type',
  ],
  [
    '-PLUS where nothing can be bound',
    many,
    { mechanism: 'SCRAM-SHA-256-PLUS' },
    ['SCRAM-SHA-256', 'PLAIN'],
    '504 5.5.4 Unrecognized authentication type',
  ],
  [
    '-PLUS where it can',
    { ...many, channelBinding: true },
    { mechanism: 'SCRAM-SHA-256-PLUS' },
    ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN'],
    null,
  ],
  [
    '-PLUS in the clear, exempt',
    { ...many, ...loopback, channelBinding: true },
    { mechanism: 'SCRAM-SHA-256-PLUS', tls: null, ip: '127.0.0.1' },
    ['SCRAM-SHA-256', 'PLAIN'],
    '504 5.5.4 Unrecognized authentication type',
  ],
  [
    'EXTERNAL without a certificate',
    many,
    { mechanism: 'EXTERNAL' },
    ['SCRAM-SHA-256', 'PLAIN'],
    '504 5.5.4 Unrecognized authentication type',
  ],
  [
    'EXTERNAL with a certificate',
    many,
    { mechanism: 'EXTERNAL', certificate: true },
    ['SCRAM-SHA-256', 'PLAIN', 'EXTERNAL'],
    null,
  ],
];

describe('auth: what may be used, and what is said otherwise', () => {
  test.each(cases)('auth: %s', async (_, options, asked, offered, expected) => {
    expect(smtpAuth(options).mechanismsFor(facts(asked))).toEqual(offered);
    expect(await reply(options, asked)).toBe(expected);
  });

  test('trap: accepted though not advertised → for all of these, what is offered is accepted, and nothing else', async () => {
    const names = [
      'PLAIN',
      'LOGIN',
      'CRAM-MD5',
      'DIGEST-MD5',
      'NTLM',
      'XOAUTH2',
      'OAUTHBEARER',
      'SCRAM-SHA-1',
      'SCRAM-SHA-256',
      'SCRAM-SHA-256-PLUS',
      'EXTERNAL',
      'ANONYMOUS',
      'GSSAPI',
      'X-OWN',
    ];
    for (const [, options, asked] of cases) {
      const offered = smtpAuth(options).mechanismsFor(facts(asked));
      for (const mechanism of names) {
        const accepted = (await reply(options, { ...asked, mechanism })) === null;
        expect([mechanism, accepted]).toEqual([mechanism, offered.includes(mechanism)]);
      }
    }
  });
});

describe('options', () => {
  test.each<[string, unknown, RegExp]>([
    ['two mechanisms in one name', { mechanisms: ['PLAIN LOGIN'] }, /mechanisms must be SASL .*, got "PLAIN LOGIN"/],
    ['a number for a mechanism', { mechanisms: [1] }, /mechanisms must be SASL .*, got 1/],
    ['TLS that is too old', { minimumTls: 'TLSv1.1' }, /minimumTls must be "TLSv1.2" or "TLSv1.3", got "TLSv1.1"/],
    ['an unknown role', { roles: ['msa'] }, /roles must be .*, got "msa"/],
    ['an unknown exemption', { clearTextFrom: 'lan' }, /clearTextFrom must be "nobody" or "loopback", got "lan"/],
    ['an unknown option', { mechanism: ['PLAIN'] }, /^smtpAuth: unknown option mechanism .*mechanisms/],
    ['an unknown delay', { accountDelay: { first: 1 } }, /accountDelay: unknown option first/],
    [
      'a failed login that proceeds',
      { loginConsequences: { fail: { action: 'proceed' } } },
      /fail: action must be "defer" or "reject", got "proceed"/,
    ],
    ['a consequence of success', { loginConsequences: { pass: { action: 'reject' } } }, /unknown option pass/],
    ['a budget of zero', { perSession: 0 }, /perSession must be a whole number, 1 or more, got 0/],
    ['a fractional budget', { perMinute: 1.5 }, /perMinute must be .*, got 1.5/],
    ['a negative delay', { accountDelay: { firstMs: -1 } }, /accountDelay.firstMs must be .*, got -1/],
    ['a negative wait', { waitMs: -1 }, /waitMs must be .*, got -1/],
    ['a short key', { key: new Uint8Array(8) }, /key must be a Uint8Array of at least 16 bytes/],
    ['a deadline of zero', { verifyWithinMs: 0 }, /verifyWithinMs must be .*, got 0/],
  ])('%s → TypeError', (_, options, message) => {
    expect(() => smtpAuth(options as never)).toThrow(TypeError);
    expect(() => smtpAuth(options as never)).toThrow(message);
  });
});
