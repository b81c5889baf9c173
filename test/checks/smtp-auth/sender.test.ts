import {
  authenticationRequired,
  headerFromMatchesLogin,
  type SenderOptions,
  senderMatchesLogin,
} from 'postern/checks/smtp-auth';
import { evaluate } from 'postern/core';
import { parsePath } from 'postern/net';
import { type MailFacts, printReply, type SmtpStages, smtpPolicy, smtpReply } from 'postern/smtp';
import { describe, expect, test } from 'vitest';

const senders: SenderOptions['senders'] = {
  bob: ['bob@example.com', '*@bob.example', '.sub.example', 'team-*@example.com'],
  'Ann@Example.com': ['ann@example.com', 'bücher.example'],
  robot: ['*'],
  tagged: ['info+sales@example.com'],
};
const notOwned = '553 5.7.1 Sender address is not owned by the login';

const mail = (identity: string | null, from: string): MailFacts => {
  const path = parsePath(from);
  if (typeof path === 'string') throw new Error(from);
  return {
    session: { id: 's', role: 'submission' },
    client: { ip: '192.0.2.1' as never },
    tls: { version: 'TLSv1.3' },
    helo: { verb: 'EHLO', name: 'x' },
    auth: identity === null ? null : { identity },
    reversePath: path.mailbox,
  };
};

async function reply(options: SenderOptions, identity: string | null, from: string): Promise<string | null> {
  const policy = smtpPolicy<object>({ relay: 'decided-by-the-server', mail: [senderMatchesLogin(options)] });
  const said = smtpReply(await evaluate<SmtpStages, object, 'mail'>(policy, 'mail', mail(identity, from), {}), 'mail');
  return said === null ? null : printReply(said);
}

describe('mail: a login sends as its own addresses', () => {
  test.each<[string, string | null, string, string | null]>([
    ['its address', 'bob', '<bob@example.com>', null],
    ['its address, in other case', 'bob', '<BOB@Example.com>', null],
    ['the login in other case', 'BoB', '<bob@example.com>', null],
    ['its address with a detail', 'bob', '<bob+lists@example.com>', null],
    ['a whole domain', 'bob', '<anything@bob.example>', null],
    ['below a domain', 'bob', '<a@x.sub.example>', null],
    ['the domain itself, where only what is below it is owned', 'bob', '<a@sub.example>', notOwned],
    ['addresses that begin alike', 'bob', '<team-red@example.com>', null],
    ['somebody else', 'bob', '<ann@example.com>', notOwned],
    ['an address that begins as its own', 'bob', '<bobby@example.com>', notOwned],
    ['its name elsewhere', 'bob', '<bob@example.org>', notOwned],
    ['a domain that ends alike', 'bob', '<a@notbob.example>', notOwned],
    ['the null sender', 'bob', '<>', null],
    ['a login that is an address, in canonical form', 'ann@EXAMPLE.com.', '<ann@example.com>', null],
    ['a U-label', 'ann@example.com', '<x@BÜCHER.example>', null],
    ['a login that may send as everybody', 'robot', '<x@anywhere.example>', null],
    ['a login that is not in the table', 'eve', '<eve@example.com>', notOwned],
    ['trap: a login named as what every object has', 'constructor', '<eve@example.com>', notOwned],
    ['a pattern with a detail of its own', 'tagged', '<info+sales@example.com>', null],
    ['the same without it', 'tagged', '<info@example.com>', notOwned],
    ['nobody has logged in: not asked', null, '<x@anywhere.example>', null],
  ])('mail: %s', async (_, identity, from, expected) => {
    expect(await reply({ senders }, identity, from)).toBe(expected);
  });

  test('mail: without a table a login that is an address owns that address', async () => {
    expect(await reply({}, 'bob@example.com', '<Bob@example.com>')).toBe(null);
    expect(await reply({}, 'bob@example.com', '<bob+x@example.com>')).toBe(null);
    expect(await reply({}, 'bob@example.com', '<ann@example.com>')).toBe(notOwned);
    expect(await reply({}, 'bob', '<bob@example.com>')).toBe(notOwned);
    // A login cannot be a pattern.
    expect(await reply({}, '*', '<bob@example.com>')).toBe(notOwned);
    expect(await reply({}, '*@example.com', '<bob@example.com>')).toBe(notOwned);
  });

  test('mail: the null sender and the detail can be switched off', async () => {
    expect(await reply({ senders, nullSender: false }, 'bob', '<>')).toBe(notOwned);
    expect(await reply({ senders, detailSeparator: '' }, 'bob', '<bob+x@example.com>')).toBe(notOwned);
    expect(await reply({ senders, detailSeparator: '-' }, 'bob', '<bob-x@example.com>')).toBe(null);
  });

  test('mail: a function that knows; one that fails → 451', async () => {
    expect(await reply({ senders: async (identity) => [`${identity}@example.com`] }, 'bob', '<bob@example.com>')).toBe(
      null,
    );
    const later = '451 4.3.0 Sender could not be checked; please try again later';
    expect(await reply({ senders: () => Promise.reject(new Error('LDAP')) }, 'bob', '<bob@example.com>')).toBe(later);
    expect(await reply({ senders: () => ['not a pattern @'] }, 'bob', '<bob@example.com>')).toBe(later);
  });

  test.each<[string, unknown, RegExp]>([
    ['a malformed address', { bob: ['bob example'] }, /senders must be addresses .*, got "bob example"/],
    ['two stars', { bob: ['*b*@example.com'] }, /senders/],
    ['a star in the domain', { bob: ['bob@*.example'] }, /senders/],
    ['an address instead of a list', { bob: 'bob@example.com' }, /must be a list of addresses/],
    ['an empty login name', { '': ['a@example.com'] }, /must be a table by login name, got ""/],
    ['a number instead of a table', 7, /must be a table/],
  ])('option: %s → TypeError', (_, table, message) => {
    expect(() => senderMatchesLogin({ senders: table as never })).toThrow(message);
  });
});

describe('data: the From field is the login’s too', () => {
  const headers = (...from: string[]) => [
    ...from.map((value) => ({ name: 'From', value })),
    { name: 'Sender', value: 'ann@example.com' },
  ];
  test.each<[string, string[], string]>([
    ['its address', ['Bob <bob@example.com>'], 'pass'],
    ['a bare address', ['bob@example.com'], 'pass'],
    ['two of its own', ['bob@example.com, "B, Ob" <x@bob.example>'], 'pass'],
    ['one of its own and one of another', ['bob@example.com, ann@example.com'], 'fail'],
    ['trap: two From fields, one of another', ['bob@example.com', 'ann@example.com'], 'fail'],
    ['trap: its address as the display name', ['"bob@example.com" <ann@example.com>'], 'fail'],
    ['trap: its address in a comment', ['ann@example.com (bob@example.com)'], 'fail'],
    ['trap: two addresses in brackets', ['<bob@example.com> <ann@example.com>'], 'fail'],
    ['trap: text behind the bracket', ['<bob@example.com> ann@example.com'], 'fail'],
    ['no From at all', [], 'fail'],
    ['an empty From', [''], 'fail'],
    ['a From that cannot be read', ['bob'], 'fail'],
    ['a From that readers read differently', ['<bob@example.com> <boss@example.com>'], 'fail'],
    ['a From that is longer than is read', [`${'('.repeat(20_000)} bob@example.com`], 'fail'],
    ['a group of its own', ['Us: bob@example.com, a@bob.example;'], 'pass'],
  ])('data: %s → %s', async (_, from, result) => {
    const facts = {
      ...mail('bob', '<bob@example.com>'),
      forwardPaths: [],
      message: { headers: headers(...from) },
    } as never;
    expect(await headerFromMatchesLogin({ senders }).examine(facts, {}, new AbortController().signal)).toMatchObject({
      result,
    });
  });
});

describe('mail: a login where one is needed', () => {
  const facts = (role: 'mx' | 'submission', tls: boolean, auth: boolean) => ({
    ...mail(auth ? 'bob' : null, '<bob@example.com>'),
    session: { id: 's', role },
    tls: tls ? { version: 'TLSv1.3' } : null,
  });
  test.each<[string, MailFacts, string | null]>([
    ['submission under TLS without a login', facts('submission', true, false), '530 5.7.0 Authentication required'],
    ['submission in the clear', facts('submission', false, false), '530 5.7.0 Must issue a STARTTLS command first'],
    ['submission with a login', facts('submission', true, true), null],
    ['the MX asks for none', facts('mx', false, false), null],
  ])('mail: %s', async (_, asked, expected) => {
    const policy = smtpPolicy<object>({ relay: 'decided-by-the-server', mail: [authenticationRequired()] });
    const said = smtpReply(await evaluate<SmtpStages, object, 'mail'>(policy, 'mail', asked, {}), 'mail');
    expect(said === null ? null : printReply(said)).toBe(expected);
  });

  test('option: an unknown role → TypeError', () => {
    expect(() => authenticationRequired({ roles: ['msa' as never] })).toThrow(/roles must be .*, got "msa"/);
  });
});
