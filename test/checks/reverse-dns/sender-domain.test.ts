import { recipientDomain, senderDomain } from 'postern/checks/reverse-dns';
import { flag, on } from 'postern/core';
import { documentationNetworks, type ZoneData } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { findingOf, replyOf } from './replies.ts';

const D = 'example.org';
const publicNetworks = documentationNetworks;
const mx = (...exchanges: string[]): ZoneData => ({ [D]: { MX: exchanges.map((name, i) => [10 * i, name] as const) } });

/** The table of MX states: what is so, what MAIL is answered, what RCPT is answered on submission. */
const table: [string, ZoneData, string | null, string | null][] = [
  ['usable MX', { ...mx('a.example'), 'a.example': { A: ['192.0.2.1'] } }, null, null],
  ['no MX, A', { [D]: { A: ['192.0.2.1'] } }, null, null],
  ['no MX, AAAA', { [D]: { AAAA: ['2001:db8::1'] } }, null, null],
  [
    'null MX',
    mx(''),
    '550 5.7.27 Sender domain example.org does not accept mail (null MX)',
    '556 5.1.10 Recipient domain example.org does not accept mail (null MX)',
  ],
  ['null MX beside a usable one', { ...mx('', 'a.example'), 'a.example': { A: ['192.0.2.1'] } }, null, null],
  [
    'MX, none resolves',
    mx('a.example'),
    '550 5.1.8 No mail server of sender domain example.org has an address',
    '550 5.4.4 No mail server of recipient domain example.org is reachable',
  ],
  ['MX, some fail', { ...mx('a.example', 'b.example'), 'b.example': { A: ['192.0.2.1'] } }, null, null],
  [
    'only loopback',
    { ...mx('a.example'), 'a.example': { A: ['127.0.0.1'] } },
    '550 5.1.8 No mail server of sender domain example.org is reachable from the Internet',
    '550 5.4.4 No mail server of recipient domain example.org is reachable',
  ],
  [
    'only private',
    { ...mx('a.example'), 'a.example': { A: ['192.168.1.1'] } },
    '550 5.1.8 No mail server of sender domain example.org is reachable from the Internet',
    '550 5.4.4 No mail server of recipient domain example.org is reachable',
  ],
  [
    'only an IP literal',
    mx('192.0.2.1'),
    '550 5.1.8 No mail server of sender domain example.org is reachable from the Internet',
    '550 5.4.4 No mail server of recipient domain example.org is reachable',
  ],
  [
    'neither MX nor address',
    { [D]: { TXT: ['x'] } },
    '550 5.1.8 Sender domain example.org has no mail server',
    '550 5.1.2 Recipient domain example.org has no mail server',
  ],
  [
    'no such domain',
    {},
    '550 5.1.8 Sender domain example.org does not exist',
    '550 5.1.2 Recipient domain example.org does not exist',
  ],
  [
    'SERVFAIL',
    { [D]: 'temperror' },
    '451 4.4.3 Sender domain example.org could not be looked up',
    '451 4.4.3 Recipient domain example.org could not be looked up',
  ],
  [
    'timeout',
    { [D]: 'timeout' },
    '451 4.4.3 Sender domain example.org could not be looked up',
    '451 4.4.3 Recipient domain example.org could not be looked up',
  ],
  [
    'SERVFAIL for every target',
    { ...mx('a.example'), 'a.example': 'temperror' },
    '451 4.4.3 Sender domain example.org could not be looked up',
    '451 4.4.3 Recipient domain example.org could not be looked up',
  ],
  [
    'an alias as target',
    { ...mx('a.example'), 'a.example': { CNAME: 'b.example' }, 'b.example': { A: ['192.0.2.1'] } },
    null,
    null,
  ],
];

describe('the table of MX states', () => {
  test.each(table)('mail/%s', async (_, data, reply) => {
    expect(await replyOf(senderDomain({ publicNetworks }), {}, data, 'mail')).toBe(reply);
  });
  test.each(table)('rcpt/%s', async (_, data, __, reply) => {
    expect(await replyOf(recipientDomain({ publicNetworks }), { to: 'b@example.org' }, data)).toBe(reply);
  });
});

describe('mail/the sender', () => {
  test('the null reverse-path → nothing to ask', async () => {
    expect(await findingOf(senderDomain({ publicNetworks }), { from: null }, {})).toEqual({
      check: 'sender-domain',
      result: 'none',
    });
  });

  test('an address literal → neutral', async () => {
    expect(await findingOf(senderDomain({ publicNetworks }), { from: 'a@[192.0.2.1]' }, {})).toMatchObject({
      result: 'neutral',
    });
  });

  test('an implicit MX is noted', async () => {
    const finding = await findingOf(senderDomain({ publicNetworks }), {}, { [D]: { A: ['192.0.2.1'] } });
    expect(finding).toMatchObject({ result: 'pass', detail: { state: 'implicit', implicit: true } });
  });

  test('a null MX beside others, by option → as one that stands alone', async () => {
    const data = { ...mx('', 'a.example'), 'a.example': { A: ['192.0.2.1'] } };
    expect(await replyOf(senderDomain({ mixedNullMx: 'null-mx', publicNetworks }), {}, data)).toMatch(/^550 5\.7\.27 /);
  });

  test('unreachable MX hosts, by option → score', async () => {
    const data = { ...mx('a.example'), 'a.example': { A: ['10.0.0.1'] } };
    expect(await replyOf(on(senderDomain({ notPublic: 'softfail' }), { softfail: flag(3) }), {}, data)).toBe(null);
  });

  test('every MX host is ours, and the domain is not → softfail; ours → pass; one of theirs → pass', async () => {
    const options = { ownAddresses: ['198.51.100.1'], publicNetworks };
    const data = { ...mx('us.example'), 'us.example': { A: ['198.51.100.1'] } };
    expect(await findingOf(senderDomain(options), {}, data)).toMatchObject({
      result: 'softfail',
      detail: { state: 'own' },
    });
    expect(await findingOf(senderDomain({ ...options, ownDomains: [D] }), {}, data)).toMatchObject({ result: 'pass' });
    const theirs = {
      ...mx('us.example', 'a.example'),
      'us.example': { A: ['198.51.100.1'] },
      'a.example': { A: ['192.0.2.1'] },
    };
    expect(await findingOf(senderDomain(options), {}, theirs)).toMatchObject({ result: 'pass' });
  });

  test('the finding is plain JSON and stays small', async () => {
    const names = Array.from({ length: 500 }, (_, i) => `h${i}.example`);
    const finding = await findingOf(senderDomain({ publicNetworks }), {}, mx(...names));
    expect(JSON.parse(JSON.stringify(finding))).toEqual(finding);
    expect(JSON.stringify(finding).length).toBeLessThan(3_000);
  });
});

test('rcpt/a domain of our own → passes without a question', async () => {
  expect(await replyOf(recipientDomain({ ownDomains: ['Example.ORG.'] }), { to: 'b@example.org' }, {})).toBe(null);
});

test.each([
  [() => senderDomain({ notPublic: 'reject' as never }), 'notPublic must be "fail" or "softfail", got "reject"'],
  [() => senderDomain({ mixedNullMx: 'x' as never }), 'mixedNullMx must be "ignore" or "null-mx", got "x"'],
  [() => senderDomain({ publicNetworks: ['10.0.0.1/8'] }), 'publicNetworks'],
  [() => senderDomain({ ownAddresses: ['mx'] }), 'ownAddresses[0] must be an IP address, got "mx"'],
  [() => recipientDomain({ ownDomains: [''] }), 'recipientDomain: ownDomains[0] must be a domain name, got ""'],
  [() => recipientDomain({ ownAddresses: [] } as never), 'recipientDomain: unknown option ownAddresses'],
])('a wrong option → TypeError %#', (make, message) => {
  expect(make).toThrow(expect.objectContaining({ name: 'TypeError', message: expect.stringContaining(message) }));
});
