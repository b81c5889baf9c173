import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { banAfter, client, messageRate, octetRate, perDay, recipientRate } from 'postern/checks/connection-limits';
import { ipBlocklist } from 'postern/checks/ip-blocklist';
import { relayControl } from 'postern/checks/relay-control';
import { defer, defineCheck, fail, pass, reject, shadow } from 'postern/core';
import type { Env } from 'postern/env';
import type { DataFacts, Role, SmtpRules } from 'postern/smtp';
import { printReply, smtpPolicy } from 'postern/smtp';
import type { SmtpSession } from 'postern/smtp-session';
import { smtpSession } from 'postern/smtp-session';
import { connectFacts, fixedClock, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const relay = relayControl({
  localDomains: ['example.com'],
  recipients: ({ localPart }) => (localPart === 'nobody' ? 'unknown' : 'known'),
});
const MESSAGE = new TextEncoder().encode('From: a@example.org\r\n\r\nhello\r\n');
const never: string[] = [];

function site(rules: Partial<SmtpRules>, role: Role = 'mx') {
  const clock = fixedClock();
  const env: Env = { clock, dns: zone({}), counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const told: string[] = [];
  let sessions = 0;
  const policy = smtpPolicy({ relay, ...rules });
  const begin = (): SmtpSession =>
    smtpSession(policy, env, connectFacts({ session: `s${sessions++}`, role }), {
      onBan: ({ prefix, reason, times }) => told.push(`${prefix} ${reason} ${times}`),
    });
  return { clock, env, begin, told };
}
const said = (reply: Awaited<ReturnType<SmtpSession['rcpt']>>) => (reply === null ? null : printReply(reply));
async function toMail(session: SmtpSession): Promise<void> {
  await session.connect();
  await session.helo('EHLO', 'mx.example.org');
  await session.mail('<a@example.org>');
}

describe('bans', () => {
  test('unknown recipients → banned, and the next connection is refused', async () => {
    const { begin, told, clock } = site({
      connect: [ipBlocklist()],
      bans: [banAfter({ failures: 3, of: 'unknown-recipient', never })],
    });
    const session = begin();
    await toMail(session);
    for (const to of ['<b@example.com>', '<nobody@example.com>', '<nobody@example.com>', '<nobody@example.com>'])
      await session.rcpt(to);
    await clock.pass(0);
    expect(told).toEqual(['192.0.2.1/32 3 × unknown-recipient 1']);
    expect(said(await begin().connect())).toMatch(/^421 4\.7\.0 /);
  });
  test.each<[string, (session: SmtpSession) => unknown, string]>([
    ['wrong credentials', (session) => session.authenticationFailed(), 'auth-failure'],
    ['what is no command', (session) => session.protocolError(), 'protocol-error'],
    ['MAIL before HELO', (session) => session.mail('<a@example.org>'), 'protocol-error'],
    ['a HELO that cannot be read', (session) => session.helo('EHLO', 'a b'), 'protocol-error'],
    [
      'a path that cannot be read',
      async (session) => {
        await session.helo('EHLO', 'mx.example.org');
        await session.mail('<a@b@c>');
      },
      'protocol-error',
    ],
  ])('%s → banned', async (_, offence, of) => {
    const { begin, told, clock } = site({ bans: [banAfter({ failures: 2, of, never })] });
    for (const session of [begin(), begin()]) await offence(session);
    await clock.pass(0);
    expect(told).toHaveLength(1);
  });
  test('RCPT whose MAIL was refused, and a message without recipients → no offences', async () => {
    const no = defineCheck('no', () => fail(), { fail: reject() });
    const { begin, told, clock } = site({ mail: [no], bans: [banAfter({ failures: 1, of: 'protocol-error', never })] });
    const session = begin();
    await toMail(session);
    await session.rcpt('<b@example.com>');
    await session.data(MESSAGE);
    await clock.pass(0);
    expect(told).toEqual([]);
  });
  test('a rule in shadow → counts for nothing', async () => {
    const listed = defineCheck('listed', () => fail({ cause: 'listed' }), { fail: reject() });
    const { begin, told, clock } = site({
      mail: [shadow(listed)],
      bans: [banAfter({ failures: 1, of: 'list-hit', never })],
    });
    await toMail(begin());
    await clock.pass(0);
    expect(told).toEqual([]);
  });
  test('a store that breaks its word → the session goes on', async () => {
    const { env, clock } = site({});
    const broken: Env = { ...env, bans: { ...env.bans, add: () => Promise.reject(new Error('down')) } };
    const policy = smtpPolicy({ relay, bans: [banAfter({ failures: 1, of: 'unknown-recipient', never })] });
    const session = smtpSession(policy, broken, connectFacts());
    await toMail(session);
    expect(said(await session.rcpt('<nobody@example.com>'))).toMatch(/^550 5\.1\.1 /);
    await clock.pass(0);
    expect(await session.rcpt('<b@example.com>')).toBeNull();
  });
  test('a rule that is none → TypeError', () =>
    expect(() => smtpPolicy({ relay, bans: [{}] as never })).toThrow(/bans must be a list of rules made by banAfter/));
});

describe('charges when the mail is taken', () => {
  const later = { charge: 'when-accepted' } as const;
  const rules = (data: SmtpRules['data'] = []): Partial<SmtpRules> => ({
    mail: [messageRate(client(), perDay(2), later)],
    rcpt: [recipientRate(client(), perDay(4), later)],
    data: [octetRate(client(), perDay(1_000), later), ...data],
  });
  async function send(session: SmtpSession, recipients: readonly string[]): Promise<(string | null)[]> {
    await session.connect();
    await session.helo('EHLO', 'mx.example.org');
    const replies = [said(await session.mail('<a@example.org>'))];
    for (const to of recipients) replies.push(said(await session.rcpt(`<${to}@example.com>`)));
    replies.push(said((await session.data(MESSAGE)).reply));
    return replies.map((reply) => reply?.slice(0, 3) ?? null);
  }

  test('two messages taken → the third is put off', async () => {
    const { begin } = site(rules());
    expect(await send(begin(), ['b'])).toEqual([null, null, null]);
    expect(await send(begin(), ['b'])).toEqual([null, null, null]);
    expect((await send(begin(), ['b']))[0]).toBe('450');
  });
  test('messages that were put off → charge nothing', async () => {
    let greylisted = true;
    const grey = defineCheck('grey', (_: DataFacts) => (greylisted ? fail() : pass()), { fail: defer() });
    const { begin } = site(rules([grey]));
    for (let n = 0; n < 10; n++) expect(await send(begin(), ['b', 'c', 'd'])).toEqual([null, null, null, null, '450']);
    greylisted = false;
    expect(await send(begin(), ['b', 'c', 'd'])).toEqual([null, null, null, null, null]);
  });
  test('recipients → those that were taken are charged, refused ones are not', async () => {
    const { begin } = site(rules());
    expect(await send(begin(), ['nobody', 'nobody', 'b', 'c', 'd'])).toEqual([
      null,
      '550',
      '550',
      null,
      null,
      null,
      null,
    ]);
    expect(await send(begin(), ['b', 'c'])).toEqual([null, null, '450', null]);
  });
  test('LMTP → only the recipients whose message was taken', async () => {
    const picky = defineCheck(
      'picky',
      ({ forwardPaths: [one] }: DataFacts) => (one?.localPart === 'c' ? fail() : pass()),
      {
        fail: reject(),
      },
    );
    const { begin } = site({ ...rules([picky]), mail: [] }, 'lmtp');
    for (let n = 0; n < 4; n++) await send(begin(), ['b', 'c', 'c']);
    expect((await send(begin(), ['b']))[1]).toBe('450');
  });
});
