import fc from 'fast-check';
import { proxyHeader } from 'postern/adapters/login-gate';
import { parseIp } from 'postern/net';
import { describe, expect, test } from 'vitest';
import {
  imapCapabilitiesIn,
  imapCapabilitiesInside,
  imapGreeting,
  rewriteImapLine,
} from '../../../src/adapters/login-gate/imap-syntax.ts';
import { saslMessage, saslReader } from '../../../src/adapters/login-gate/mechanisms.ts';
import { withoutTimestamp } from '../../../src/adapters/login-gate/pop3.ts';

const ends = (client: string, server: string) => ({
  client: { ip: parseIp(client)!, port: 50_000 },
  server: { ip: parseIp(server)!, port: 143 },
});

describe('PROXY protocol', () => {
  test.each<[1 | 2, string, string, string]>([
    [1, '192.0.2.1', '198.51.100.1', 'PROXY TCP4 192.0.2.1 198.51.100.1 50000 143\r\n'],
    [1, '2001:db8::1', '2001:db8::2', 'PROXY TCP6 2001:db8::1 2001:db8::2 50000 143\r\n'],
    [1, '2001:db8::1', '198.51.100.1', 'PROXY UNKNOWN\r\n'],
    [2, '192.0.2.1', '198.51.100.1', '0d0a0d0a000d0a515549540a2111000cc0000201c6336401c350008f'],
    [
      2,
      '2001:db8::1',
      '2001:db8::2',
      '0d0a0d0a000d0a515549540a2121002420010db800000000000000000000000120010db8000000000000000000000002c350008f',
    ],
    [2, '2001:db8::1', '198.51.100.1', '0d0a0d0a000d0a515549540a20000000'],
  ])('version %i: %s to %s', (version, client, server, expected) => {
    const header = proxyHeader(version, ends(client, server));
    expect(version === 1 ? header.toString() : header.toString('hex')).toBe(expected);
  });
});

describe('lines of the backend', () => {
  const inside = (line: string): string => rewriteImapLine(line, imapCapabilitiesInside);
  test.each<[string, string]>([
    ['* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN LOGINDISABLED IDLE', '* CAPABILITY IMAP4rev1 IDLE'],
    ['* capability imap4rev1 starttls', '* capability imap4rev1'],
    [
      'a OK [CAPABILITY IMAP4rev1 STARTTLS] Welcome [CAPABILITY STARTTLS]',
      'a OK [CAPABILITY IMAP4rev1] Welcome [CAPABILITY STARTTLS]',
    ],
    ['* OK [ALERT] STARTTLS is a good idea', '* OK [ALERT] STARTTLS is a good idea'],
    ['* OK STARTTLS', '* OK STARTTLS'],
    ['a OK [CAPABILITY', 'a OK [CAPABILITY'],
    ['', ''],
  ])('%j → %j', (line, expected) => {
    expect(inside(line)).toBe(expected);
  });

  test('any line without capabilities is left unchanged', () => {
    fc.assert(
      fc.property(fc.string(), (line) => {
        if (imapCapabilitiesIn(line) === undefined) expect(inside(line)).toBe(line);
      }),
    );
  });

  test.each([
    ['+OK POP3 ready <1896.697170952@dbc.mtview.ca.us>', '+OK POP3 ready'],
    ['+OK <a@b> ready', '+OK ready'],
    ['+OK ready', '+OK ready'],
  ])('%s → %s', (greeting, expected) => {
    expect(withoutTimestamp(greeting)).toBe(expected);
  });
});

describe('whose login it is', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  test.each<[string, string[], unknown]>([
    ['PLAIN', [base64('\0bob\0secret')], { account: 'bob', secret: 'secret' }],
    ['LOGIN', [base64('bob'), base64('secret')], { account: 'bob', secret: 'secret' }],
    ['CRAM-MD5', [base64('bob smith 3dbc88f0624776a737b39093f6eb6427')], { account: 'bob smith' }],
    ['SCRAM-SHA-256', [base64('n,,n=b=2Cob,r=abc'), base64('c=biws,r=abcdef,p=AAAA')], { account: 'b,ob' }],
    ['XOAUTH2', [base64('user=bob\x01auth=Bearer abc\x01\x01')], { account: 'bob', secret: 'abc' }],
    ['OAUTHBEARER', [base64('n,a=bob,\x01auth=Bearer abc\x01\x01'), 'AQ=='], { account: 'bob', secret: 'abc' }],
    ['PLAIN', [base64('bob\0bob')], undefined],
    ['PLAIN', [base64('\0\0secret')], undefined],
    ['PLAIN', [base64('\0bo\nb\0secret')], undefined],
    ['PLAIN', [base64('\0bob\0secret\0')], undefined],
    ['LOGIN', ['', base64('secret')], undefined],
    ['CRAM-MD5', [base64('bob')], undefined],
    ['SCRAM-SHA-256', [base64('n,,n=b=2Xob,r=abc')], undefined],
    ['SCRAM-SHA-256', [base64('n,,n=,r=abc')], undefined],
    ['XOAUTH2', [base64('user=\x01auth=Bearer abc\x01\x01')], undefined],
  ])('%s %j', (mechanism, responses, expected) => {
    expect(saslReader(mechanism)?.read(responses.map((response) => saslMessage(response, false)!))).toEqual(expected);
  });

  test.each([
    ['not base64', undefined],
    ['AGJvYgBzZWNyZXQ', undefined],
    ['AB==', undefined],
    ['', 0],
    ['=', 0],
  ])('initial response %j → %s bytes', (response, length) => {
    expect(saslMessage(response, true)?.length).toBe(length);
  });

  test('for any input, the reader does not throw, and an account has a name', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'XOAUTH2', 'OAUTHBEARER'),
        fc.array(
          fc.oneof(
            fc.uint8Array(),
            fc.string().map((text) => Buffer.from(text)),
          ),
          { minLength: 1 },
        ),
        (mechanism, messages) => {
          const reader = saslReader(mechanism)!;
          reader.isFailure(messages[0]);
          expect(reader.read(messages)?.account ?? 'none').not.toBe('');
        },
      ),
    );
  });
});

describe('greetings', () => {
  test.each([
    '* OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5 STARTTLS] Backend ready.',
    '* ok [capability IMAP4rev1 AUTH=CRAM-MD5] Backend ready.',
    '* Ok [Capability IMAP4rev1 LOGINDISABLED] Backend ready.',
    '* OK  [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5]  Backend ready.',
    '* OK [CAPABILITY IMAP4rev1] [capability AUTH=CRAM-MD5] Backend ready.',
    '* ok Backend ready.',
  ])('%s → the gate’s capabilities, once', (greeting) => {
    expect(imapGreeting(greeting, ['IMAP4rev1', 'AUTH=PLAIN'])).toBe(
      '* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Backend ready.',
    );
  });
});
