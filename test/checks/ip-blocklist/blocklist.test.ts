import type { IpBlocklistOptions, ListInput } from 'postern/checks/ip-blocklist';
import { ipBlocklist, matchAddress } from 'postern/checks/ip-blocklist';
import type { Finding } from 'postern/core';
import { evaluate, on, permit, unless } from 'postern/core';
import type { Ban, Bans } from 'postern/env';
import type { IpAddress } from 'postern/net';
import { parseIp } from 'postern/net';
import type { PrefixSource } from 'postern/prefix-set';
import { PrefixSet } from 'postern/prefix-set';
import type { MailFacts } from 'postern/smtp';
import { authenticated, printReply, smtpReply } from 'postern/smtp';
import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const NOW = Date.UTC(2030, 0, 1);
const never = new AbortController().signal;

const examine = async (options: IpBlocklistOptions | ListInput, client: string, bans?: Bans): Promise<Finding> =>
  ipBlocklist(options).examine(
    { client: { ip: client as IpAddress } },
    { clock: fixedClock(NOW), ...(bans === undefined ? {} : { bans }) },
    never,
  );

const ban: Ban = { prefix: '192.0.2.7/32', reason: 'guessing passwords', since: NOW - 1, until: NOW + 1, times: 1 };
const bansOf = (
  banned: string,
  answer: (ban: Ban | undefined) => Ban | undefined | Promise<Ban | undefined> = (b) => b,
): Bans => ({
  lookup: (address) => answer(address === banned ? ban : undefined),
  add: () => undefined,
  lift: () => false,
  list: () => [],
});

describe('connect: what the lists say', () => {
  const lists = {
    allow: ['192.0.2.64/26', '198.51.100.0/24', { prefix: '10.0.0.0/8', reason: 'our own relays' }],
    block: [
      '192.0.2.0/24',
      '192.0.2.99',
      '198.51.100.0/24',
      '10.0.0.0/8',
      '2001:db8::/32',
      { prefix: '203.0.113.0/24', list: 'drop', reason: 'hijacked', expires: NOW + 1 },
      { prefix: '203.0.113.128/25', expires: NOW },
      { prefix: '2001:db8:1::/48', allow: true },
      { prefix: '192.0.2.250', except: true },
    ],
  } satisfies IpBlocklistOptions;

  test.each([
    ['in no list', '192.0.3.1', 'none'],
    ['in a blocked prefix', '192.0.2.1', 'fail'],
    ['in a blocked IPv6 prefix', '2001:db8::1', 'fail'],
    ['in an allowed prefix inside a blocked one', '192.0.2.65', 'pass'],
    ['blocked itself inside an allowed prefix inside a blocked one', '192.0.2.99', 'fail'],
    ['allowed and blocked at equal length', '198.51.100.1', 'pass'],
    ['one of our own relays, in a list that holds 10/8', '10.1.2.3', 'pass'],
    ['allowed by an entry of the block list', '2001:db8:1::1', 'pass'],
    ['an exception of the block list', '192.0.2.250', 'none'],
    ['blocked for another millisecond', '203.0.113.1', 'fail'],
    ['blocked by a wide entry, the narrow one ended', '203.0.113.200', 'fail'],
    ['IPv4-mapped, blocked', '::ffff:192.0.2.1', 'fail'],
    ['IPv4-mapped in hexadecimal, blocked', '::FFFF:C000:0201', 'fail'],
    ['NAT64 of a blocked one', '64:ff9b::192.0.2.1', 'fail'],
    ['6to4 of a blocked one', '2002:c000:201::1', 'fail'],
    ['NAT64 of an allowed one', '64:ff9b::198.51.100.1', 'none'],
    ['6to4 of an allowed one', '2002:c633:6401::1', 'none'],
    ['IPv4-compatible: a deprecated form that carries nothing', '::192.0.2.1', 'none'],
    ['not parsable', 'unknown', 'permerror'],
    ['not parsable: 010.1.1.1 is not 8.1.1.1 and not 10.1.1.1', '010.1.1.1', 'permerror'],
    ['not parsable: empty', '', 'permerror'],
    ['not parsable: a blocked one and what does not belong to it', '192.0.2.1\0', 'permerror'],
    ['not parsable: a blocked one with a zone', '192.0.2.1%eth0', 'permerror'],
    ['not parsable: a zone where none may be', '2001:db8::1%eth0', 'permerror'],
    ['not parsable: 5,000 digits', '1'.repeat(5_000), 'permerror'],
    ['not parsable: 5,000 colons', ':'.repeat(5_000), 'permerror'],
    ['not parsable: a zone of 5,000 characters', `fe80::1%${'x'.repeat(5_000)}`, 'permerror'],
    ['link-local, its zone put aside', 'fe80::1%eth0', 'none'],
  ])('%s (%s → %s)', async (_, client, result) => {
    expect((await examine(lists, client)).result).toBe(result);
  });

  test('evidence names the entry that decided, its list and reason, and every other entry', async () => {
    expect(await examine(lists, '203.0.113.9')).toEqual({
      check: 'ip-blocklist',
      result: 'fail',
      status: '7.1',
      cause: 'listed',
      explanation: 'Client host [203.0.113.9] blocked by local policy',
      detail: {
        decided: { prefix: '203.0.113.0/24', list: 'drop', reason: 'hijacked', expires: NOW + 1 },
        matches: [{ prefix: '203.0.113.0/24', list: 'drop', reason: 'hijacked', expires: NOW + 1 }],
      },
    });
    const { detail } = await examine(lists, '192.0.2.99');
    expect(detail).toEqual({
      decided: { prefix: '192.0.2.99/32' },
      matches: [{ prefix: '192.0.2.99/32' }, { prefix: '192.0.2.64/26', allow: true }, { prefix: '192.0.2.0/24' }],
    });
    expect((await examine(lists, '64:ff9b::192.0.2.1')).detail).toMatchObject({
      decided: { prefix: '192.0.2.0/24', carried: '192.0.2.1' },
    });
  });

  test('the reason of an entry is for the log, not for the client', async () => {
    expect((await examine(lists, '203.0.113.9')).explanation).not.toContain('hijacked');
  });

  test('a NAT64 prefix of the site is seen through where it is named', async () => {
    const client = '2001:db8:64:0:c0:2:100::';
    expect((await examine({ block: ['192.0.2.1'] }, client)).result).toBe('none');
    expect((await examine({ block: ['192.0.2.1'], nat64: ['2001:db8:64::/64'] }, client)).result).toBe('fail');
  });
});

describe('connect: bans', () => {
  test.each<[string, IpBlocklistOptions, string, string]>([
    ['banned, in no list', {}, '192.0.2.7', 'softfail'],
    ['another address', {}, '192.0.2.8', 'none'],
    ['banned and allowed: an allowed prefix is never banned', { allow: ['192.0.2.0/24'] }, '192.0.2.7', 'pass'],
    ['banned and blocked', { block: ['192.0.2.0/24'] }, '192.0.2.7', 'fail'],
    ['banned, IPv4-mapped', {}, '::ffff:192.0.2.7', 'softfail'],
  ])('%s', async (_, options, client, result) => {
    expect((await examine(options, client, bansOf('192.0.2.7'))).result).toBe(result);
    expect(
      (
        await examine(
          options,
          client,
          bansOf('192.0.2.7', async (b) => b),
        )
      ).result,
    ).toBe(result);
  });
  test('the evidence says why and until when', async () => {
    expect((await examine({}, '192.0.2.7', bansOf('192.0.2.7'))).detail).toEqual({ ban });
  });
});

describe('connect: lists that come and go', () => {
  test('a list that was never loaded → temperror that names it, unless another list decides', async () => {
    const broken: PrefixSource = { name: 'drop', current: () => undefined };
    expect(await examine({ block: broken }, '192.0.2.1')).toMatchObject({
      result: 'temperror',
      detail: { missing: ['drop'] },
    });
    expect((await examine({ block: [broken, '192.0.2.0/24'] }, '192.0.2.1')).result).toBe('fail');
  });

  test('a list is replaced as a whole: the next session sees the new one, deletions included', async () => {
    let set = PrefixSet.from(['192.0.2.0/24']);
    const check = ipBlocklist({ current: () => set });
    const ask = async (ip: string): Promise<string> =>
      (await check.examine({ client: { ip: ip as IpAddress } }, { clock: fixedClock(NOW) }, never)).result;
    expect(await ask('192.0.2.1')).toBe('fail');
    set = PrefixSet.from(['198.51.100.0/24']);
    expect([await ask('192.0.2.1'), await ask('198.51.100.1')]).toEqual(['none', 'fail']);
  });

  test('the check is examined ahead, at connect: so a session keeps the lists it began with', () => {
    expect(ipBlocklist().earliest).toBe('connect');
  });
});

describe('what follows', () => {
  const facts = (client: string, auth: MailFacts['auth'] = null): MailFacts =>
    ({ client: { ip: parseIp(client)! }, auth }) as MailFacts;
  const env = { clock: fixedClock(NOW), bans: bansOf('192.0.2.7') };
  const check = ipBlocklist(['198.51.100.0/24']);
  const reply = async (
    stage: 'connect' | 'mail',
    entry: Parameters<typeof on>[0] | ReturnType<typeof on>,
    f: MailFacts,
  ): Promise<string | null> => {
    const said = smtpReply(await evaluate({ [stage]: [entry] } as never, stage as never, f as never, env), stage);
    return said === null ? null : printReply(said).slice(0, 9);
  };

  test.each([
    ['connect: blocked → 554 5.7.1', 'connect', '198.51.100.1', '554 5.7.1'],
    ['connect: banned → 421 4.7.0', 'connect', '192.0.2.7', '421 4.7.0'],
    ['connect: in no list → nothing', 'connect', '203.0.113.1', null],
    ['mail: blocked → 550 5.7.1', 'mail', '198.51.100.1', '550 5.7.1'],
  ] as const)('%s', async (_, stage, client, expected) => {
    expect(await reply(stage, check as never, facts(client))).toBe(expected);
  });

  test('an authenticated user on a blocked network → let in, where the rule waits until MAIL', async () => {
    const rule = unless((f: MailFacts) => authenticated(f), check) as never;
    expect(await reply('mail', rule, facts('198.51.100.1', { identity: 'ann' }))).toBe(null);
    expect(await reply('mail', rule, facts('198.51.100.1'))).toBe('550 5.7.1');
  });

  test('an allowed client may skip what stands behind', async () => {
    const rule = on(ipBlocklist({ allow: ['203.0.113.0/24'] }), { pass: permit });
    expect(await reply('connect', rule as never, facts('203.0.113.1'))).toBe(null);
  });
});

describe('options', () => {
  test.each<[unknown, RegExp]>([
    [{ block: ['010.1.1.1'] }, /^ipBlocklist: block: "010\.1\.1\.1" is not an IP address or prefix/],
    [{ allow: ['192.0.2.1/24'] }, /^ipBlocklist: allow: .*host bits/],
    [{ block: '192.0.2.1' }, /^ipBlocklist: block must be a list: .*, got "192\.0\.2\.1"$/],
    [{ allow: 7 }, /^ipBlocklist: allow must be a list: .*, got 7$/],
    [{ block: [{ cidr: '192.0.2.1' }] }, /^ipBlocklist: block: entry must be a prefix/],
    [{ nat64: ['192.0.2.0/24'] }, /^ipBlocklist: nat64: .*NAT64/],
    [{ nat64: ['2001:db8::/65'] }, /32, 40, 48, 56, 64 or 96/],
    [{ explanation: 'a\r\nb' }, /^ipBlocklist: explanation must be one line/],
    [{ deny: [] }, /^ipBlocklist: unknown option deny/],
  ])('%j → a TypeError that says what is allowed', (options, message) => {
    expect(() => ipBlocklist(options as never)).toThrow(message);
    expect(() => ipBlocklist(options as never)).toThrow(TypeError);
  });

  test('a list may be entries, a set, a source, or several of them', async () => {
    const set = PrefixSet.from(['192.0.2.0/24']);
    for (const list of [
      ['192.0.2.0/24'],
      set,
      { current: () => set },
      [set, '198.51.100.0/24'],
      new Set(['192.0.2.0/24']),
    ]) {
      expect((await examine(list, '192.0.2.1')).result).toBe('fail');
      expect((await examine({ block: list }, '192.0.2.1')).result).toBe('fail');
      expect((await examine({ allow: list }, '192.0.2.1')).result).toBe('pass');
    }
  });

  test('the question may be put without a policy', () => {
    const block = [PrefixSet.from(['192.0.2.0/24'])];
    expect(matchAddress(parseIp('192.0.2.1')!, { block }, NOW).decision).toBe('block');
    expect(matchAddress(parseIp('192.0.3.1')!, { block }, NOW)).toEqual({ decision: 'none' });
  });
});
