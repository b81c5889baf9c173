import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { relayControl } from 'postern/checks/relay-control';
import type { Decision, Verdict } from 'postern/core';
import {
  defer,
  defineCheck,
  discard,
  flag,
  none,
  on,
  pass,
  permit,
  proceed,
  quarantine,
  reject,
  slow,
  tag,
} from 'postern/core';
import type { Env } from 'postern/env';
import { parseIp } from 'postern/net';
import type { RcptFacts, Role, SmtpRules, SmtpStages } from 'postern/smtp';
import { smtpPolicy } from 'postern/smtp';
import type { MessageOutcome, SmtpSession } from 'postern/smtp-session';
import { smtpSession } from 'postern/smtp-session';
import { fixedClock, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const clock = fixedClock(Date.UTC(2030, 0, 1));
const relay = relayControl({ localDomains: ['example.com'] });
const octets = new TextEncoder().encode('From: a@example.org\r\n\r\nhello\r\n');
const stages = ['connect', 'helo', 'auth', 'mail', 'rcpt', 'data'] as const satisfies (keyof SmtpStages)[];
const verdicts: { readonly [name: string]: Verdict } = {
  proceed,
  permit,
  flag: flag(2),
  tag: tag('X-Stage', 'said so'),
  slow: slow(0),
  quarantine,
  discard,
  defer: defer(),
  reject: reject(),
};
const rule = (id: string, verdict: Verdict) =>
  on(
    defineCheck('stage', () => pass(), {}, { label: id }),
    { pass: verdict },
    { id },
  );

function begin(rules: Partial<SmtpRules>, role: Role): SmtpSession {
  const env: Env = { dns: zone({}), clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const ip = parseIp('192.0.2.1') as NonNullable<ReturnType<typeof parseIp>>;
  const facts = { session: { id: 's', role, serverName: 'mx.example.com' }, client: { ip }, tls: null };
  return smtpSession(smtpPolicy({ relay, ...rules }), env, facts, { authservId: null });
}
/** Plays a session up to the message; the outcome, or the first stage that refused. */
async function play(
  session: SmtpSession,
  recipients = ['<b@example.com>', '<c@example.com>'],
): Promise<MessageOutcome | string> {
  if ((await session.connect()) !== null) return 'connect';
  if ((await session.helo('EHLO', 'a.example')) !== null) return 'helo';
  if ((await session.auth('PLAIN')) !== null) return 'auth';
  session.authenticated('bob', 'PLAIN');
  if ((await session.mail('<a@example.org>')) !== null) return 'mail';
  for (const recipient of recipients) if ((await session.rcpt(recipient)) !== null) return 'rcpt';
  return clock.until(session.data(octets));
}
const actionOf = (verdict: Verdict): Decision['action'] =>
  verdict.action in { quarantine: 1, discard: 1, defer: 1, reject: 1 } ? (verdict.action as 'defer') : 'accept';

describe.each(['mx', 'submission', 'lmtp'] as const)('%s: what one stage decides', (role) => {
  for (const stage of stages)
    test.each(Object.entries(verdicts))(`%s at ${stage} → counts for the message`, async (_, verdict) => {
      const outcome = await play(begin({ [stage]: [rule('it', verdict)] }, role));
      const action = actionOf(verdict);
      if (stage !== 'data' && (action === 'defer' || action === 'reject')) return void expect(outcome).toBe(stage);
      if (typeof outcome === 'string') throw new Error(`refused at ${outcome}`);
      expect([outcome.action, outcome.recipients.map((one) => one.action)]).toEqual([action, [action, action]]);
      const tags = verdict.action === 'tag' ? [verdict.header] : [];
      expect([outcome.headers, ...outcome.recipients.map(({ headers }) => headers)]).toEqual([tags, tags, tags]);
      expect(outcome.reply === null).toBe(action !== 'defer' && action !== 'reject');
      expect(outcome.perRecipient).toEqual(role === 'lmtp' ? outcome.recipients : []);
      expect(JSON.parse(JSON.stringify(outcome.recipients))).toEqual(outcome.recipients);
    });
});

describe('what several stages decide', () => {
  const two = (first: Verdict, later: Verdict, role: Role = 'mx') =>
    play(begin({ mail: [rule('first', first)], data: [rule('later', later)] }, role));
  test.each([
    ['quarantine, then discard', quarantine, discard, 'discard'],
    ['discard, then quarantine', discard, quarantine, 'discard'],
    ['discard, then permit', discard, permit, 'discard'],
    ['quarantine, then reject', quarantine, reject(), 'reject'],
    ['discard, then defer', discard, defer(), 'defer'],
    ['proceed, then proceed', proceed, proceed, 'accept'],
  ] as const)('%s → the strongest', async (_, first, later, action) =>
    expect(await two(first, later)).toMatchObject({ action }),
  );
  test('tags of all stages → in the order of the stages', async () =>
    expect(await two(tag('X-A', '1'), tag('X-B', '2'))).toMatchObject({
      headers: [
        { name: 'X-A', value: '1' },
        { name: 'X-B', value: '2' },
      ],
    }));
  test('each message of a session → the connection and the greeting count for all, a transaction for its own', async () => {
    let times = 0;
    const first = on(
      defineCheck('once', () => (times++ === 0 ? pass() : none()), {}),
      { pass: discard },
    );
    const session = begin({ helo: [rule('greeting', tag('X-Helo', 'a'))], mail: [first] }, 'mx');
    expect(await play(session)).toMatchObject({ action: 'discard' });
    await session.mail('<a@example.org>');
    await session.rcpt('<b@example.com>');
    expect(await session.data(octets)).toMatchObject({ action: 'accept', headers: [{ name: 'X-Helo', value: 'a' }] });
  });
  test('STARTTLS → what was decided about the greeting is forgotten, about the connection it is not', async () => {
    let times = 0;
    const clear = on(
      defineCheck('once', () => (times++ === 0 ? pass() : none()), {}),
      { pass: discard },
    );
    const session = begin({ connect: [rule('door', quarantine)], helo: [clear] }, 'mx');
    await session.connect();
    await session.helo('EHLO', 'a.example');
    session.startTls({ version: 'TLSv1.3' });
    await session.helo('EHLO', 'a.example');
    await session.mail('<a@example.org>');
    await session.rcpt('<b@example.com>');
    expect(await session.data(octets)).toMatchObject({ action: 'quarantine' });
  });
});

describe.each(['mx', 'lmtp'] as const)('%s: what is decided about some of the recipients', (role) => {
  const by = (verdicts: { readonly [localPart: string]: Verdict }) => {
    const checks = Object.entries(verdicts).map(([name, verdict]) =>
      on(
        defineCheck('for', ({ forwardPath }: RcptFacts) => (forwardPath.localPart === name ? pass() : none()), {}),
        { pass: verdict },
        { id: name },
      ),
    );
    return play(begin({ rcpt: checks }, role), ['<b@example.com>', '<c@example.com>', '<d@example.com>']);
  };
  test.each([
    ['discarded for one', { b: discard }, 'accept', ['discard', 'accept', 'accept']],
    ['discarded for all', { b: discard, c: discard, d: discard }, 'discard', ['discard', 'discard', 'discard']],
    ['quarantined for one', { c: quarantine }, 'quarantine', ['accept', 'quarantine', 'accept']],
    ['quarantined and discarded', { b: discard, c: quarantine }, 'quarantine', ['discard', 'quarantine', 'accept']],
  ] as const)('%s → nobody else loses the message', async (_, verdicts, action, each) => {
    const outcome = (await by(verdicts)) as MessageOutcome;
    expect([outcome.action, outcome.recipients.map((one) => one.action)]).toEqual([action, each]);
  });
  test('tagged for some → each has its own fields, and the message all of them, once', async () => {
    const outcome = (await by({
      b: tag('X-List', 'yes'),
      c: tag('X-List', 'yes'),
      d: tag('X-Only', 'd'),
    })) as MessageOutcome;
    expect(outcome.recipients.map(({ headers }) => headers.map(({ name }) => name))).toEqual([
      ['X-List'],
      ['X-List'],
      ['X-Only'],
    ]);
    expect(outcome.headers.map(({ name }) => name)).toEqual(['X-List', 'X-Only']);
  });
  test('a recipient for whom it is discarded → is not among those who get it', async () => {
    const rule = on(
      defineCheck('for', ({ forwardPath }: RcptFacts) => (forwardPath.localPart === 'b' ? pass() : none()), {}),
      { pass: discard },
    );
    const session = begin({ rcpt: [rule] }, role);
    await session.connect();
    await session.helo('EHLO', 'a.example');
    await session.mail('<a@example.org>');
    await session.rcpt('<b@example.com>');
    await session.rcpt('<c@example.com>');
    expect([session.recipients.length, session.keptRecipients.map(({ localPart }) => localPart)]).toEqual([2, ['c']]);
  });
});
