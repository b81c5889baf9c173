import type { KeyOf, OnStoreDown } from 'postern/checks/connection-limits';
import {
  asn,
  authRate,
  both,
  client,
  connectionLimits,
  distinctRecipients,
  distinctSenders,
  everybody,
  login,
  messageLimit,
  messageRate,
  nullSender,
  octetRate,
  perDay,
  perHour,
  perMinute,
  recipient,
  recipientDomain,
  recipientLimit,
  recipientRate,
  sender,
  senderDomain,
  session,
  sessionLimits,
  startTlsRate,
  tarpit,
} from 'postern/checks/connection-limits';
import { relayControl } from 'postern/checks/relay-control';
import { evaluate, on, reject, shadow, when } from 'postern/core';
import type { Env } from 'postern/env';
import { chargeAccepted, smtpPolicy, smtpReply } from 'postern/smtp';
import { smtpSession } from 'postern/smtp-session';
import { connectFacts, quietEnv } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import type { Case } from './facts.ts';
import { awayCounters, facts, house } from './facts.ts';

type AllFacts = ReturnType<typeof facts>;

describe('keys: what is counted together', () => {
  test.each<[string, KeyOf<AllFacts>, Case, string | undefined]>([
    ['the session', session, { id: 's7' }, 's7'],
    ['an AS number that the host reports', asn((of) => of.asn), { asn: 64500 }, 'AS64500'],
    ['an AS number that is looked up', asn(({ ip }) => ip.length), {}, `AS${facts({}).client.ip.length}`],
    ['no AS number', asn((of) => of.asn), {}, undefined],
    ['a login', login, { login: 'bob' }, 'bob'],
    ['nobody has logged in', login, {}, undefined],
    ['capital letters of a sender', sender, { from: 'Ann@Example.ORG' }, 'ann@example.org'],
    ['the null reverse-path is nobody’s', sender, { from: '<>' }, undefined],
    ['the null reverse-path, apart', nullSender, { from: '<>' }, '<>'],
    ['a sender is no null reverse-path', nullSender, {}, undefined],
    ['a recipient', recipient, { to: 'Bob@example.com' }, 'bob@example.com'],
    ['a sender’s domain', senderDomain(), { from: 'a@news.example.co.uk' }, 'news.example.co.uk'],
    [
      'a domain rule takes off the right label → the organisation, not the public suffix',
      senderDomain({ organizational: true }),
      { from: 'a@x.news.example.co.uk' },
      'example.co.uk',
    ],
    [
      'an organisation right below its suffix stays what it is',
      recipientDomain({ organizational: true }),
      { to: 'a@example.co.uk' },
      'example.co.uk',
    ],
    ['a literal has no organisation', senderDomain({ organizational: true }), { from: 'a@[192.0.2.9]' }, '[192.0.2.9]'],
    ['both at once', both(login, recipientDomain()), { login: 'bob', to: 'x@example.net' }, 'bob example.net'],
    ['both, and one is missing', both(login, recipientDomain()), { to: 'x@example.net' }, undefined],
    ['everybody', everybody, {}, 'all'],
  ])('%s', (_, by, said, key) => {
    expect(by.of(facts(said))[0]?.key).toBe(key);
  });

  test('a client: three prefixes, the wider with three and nine times as much', () => {
    expect(client().of(facts({ ip: '198.51.100.77' }))).toEqual([
      { key: '198.51.100.77/32', times: 1 },
      { key: '198.51.100.64/26', times: 3 },
      { key: '198.51.96.0/21', times: 9 },
    ]);
    expect(
      client()
        .of(facts({ ip: '2001:db8:1:2:3:4:5:6' }))
        .map(({ key }) => key),
    ).toEqual(['2001:db8:1:2::/64', '2001:db8:1::/48', '2001:db8::/32']);
  });

  test('a mapped client is its IPv4 address', () => {
    expect(client().of(facts({ ip: '::ffff:192.0.2.1' }))[0]?.key).toBe('192.0.2.1/32');
  });
});

describe('rates', () => {
  test('mail: the third message of a login in a minute, with a limit of two → fail, with limit and usage', async () => {
    const { ask } = house();
    const check = messageRate(login, perMinute(2));
    for (let i = 0; i < 2; i++) expect((await ask(check, { login: 'bob' })).result).toBe('pass');
    expect(await ask(check, { login: 'bob' })).toMatchObject({
      result: 'fail',
      cause: 'rate-exceeded',
      status: '7.1',
      detail: { limited: 'messages', key: 'bob', limit: 2, used: 2, retryAfterMs: 30_000, periodMs: 60_000 },
    });
    expect((await ask(check, { login: 'eve' })).result).toBe('pass');
    expect((await ask(check, {})).result).toBe('none');
  });

  test('mail: a refused message is not charged → after a wait the next is allowed', async () => {
    const { ask, clock } = house();
    const check = messageRate(client(), perMinute(1));
    await ask(check);
    for (let i = 0; i < 50; i++) expect((await ask(check)).result).toBe('fail');
    clock.advance(60_000);
    expect((await ask(check)).result).toBe('pass');
  });

  test('mail: burst and rate are independent', async () => {
    const { ask } = house();
    const check = messageRate(client(), perHour(1_000, 2));
    await ask(check);
    await ask(check);
    expect(await ask(check)).toMatchObject({ result: 'fail', detail: { limit: 2, retryAfterMs: 3_600 } });
  });

  test('data: bytes are counted, and an empty message costs nothing', async () => {
    const { ask } = house();
    const check = octetRate(login, perDay(1_000_000));
    expect((await ask(check, { login: 'bob', octets: 900_000 })).result).toBe('pass');
    expect(await ask(check, { login: 'bob', octets: 200_000 })).toMatchObject({ detail: { used: 900_000 } });
    expect((await ask(check, { login: 'bob', octets: 100_000 })).result).toBe('pass');
    expect((await ask(check, { login: 'bob' })).result).toBe('none');
  });

  test.each<[string, Case, string]>([
    ['in clear text', {}, 'none'],
    ['after STARTTLS', { tls: 'starttls' }, 'fail'],
    ['in implicit TLS', { tls: 'implicit' }, 'none'],
  ])('helo: handshakes by STARTTLS: a greeting %s → %s', async (_, said, result) => {
    const { ask } = house();
    const check = startTlsRate(client(), perMinute(1));
    await ask(check, said);
    expect((await ask(check, said)).result).toBe(result);
  });

  test('auth: too many attempts → 454 4.7.0, not the reply to a wrong password', async () => {
    const { counters } = house();
    const policy = { auth: [authRate(client(), perMinute(1))] };
    await evaluate(policy, 'auth', facts(), { counters });
    const decision = await evaluate(policy, 'auth', facts(), { counters });
    expect(smtpReply(decision, 'auth')).toMatchObject({ code: 454, enhanced: '4.7.0' });
  });

  test('an exempt client → none, whatever it sends', async () => {
    const { ask } = house();
    const check = messageRate(client(), perMinute(1), { exempt: ['192.0.2.0/24'] });
    for (let i = 0; i < 3; i++) expect((await ask(check)).result).toBe('none');
  });
});

describe('rates that are charged when the mail was accepted', () => {
  const check = recipientRate(client(), perMinute(3), { charge: 'when-accepted' });

  test('a greylisted retry is not charged; accepted mail is', async () => {
    const { counters } = house();
    const policy = { rcpt: [check] };
    for (let i = 0; i < 20; i++) expect((await evaluate(policy, 'rcpt', facts(), { counters })).action).toBe('accept');
    for (let i = 0; i < 3; i++) {
      const decision = await evaluate(policy, 'rcpt', facts(), { counters });
      expect(decision.action).toBe('accept');
      expect(await chargeAccepted(decision, { counters })).toBe(3);
    }
    expect((await evaluate(policy, 'rcpt', facts(), { counters })).action).toBe('defer');
  });

  test('recipients of one message: earlier ones count, though none is charged yet', async () => {
    const { ask } = house();
    expect((await ask(check, { before: 2 })).result).toBe('pass');
    expect((await ask(check, { before: 3 })).result).toBe('fail');
  });

  test('refused decisions and rules in shadow charge nothing', async () => {
    const { counters } = house();
    const refused = { rcpt: [check, on(recipientRate(everybody, perMinute(1)), { pass: reject() })] };
    const decision = await evaluate(refused, 'rcpt', facts(), { counters });
    expect(decision.action).toBe('reject');
    expect(await chargeAccepted(decision, { counters })).toBe(0);
    const shadowed = await evaluate({ rcpt: [shadow(check)] }, 'rcpt', facts(), { counters });
    expect(await chargeAccepted([shadowed, decision], { counters })).toBe(0);
  });

  test('a decision restored from JSON makes the same charges', async () => {
    const { counters } = house();
    const decision = await evaluate({ rcpt: [check] }, 'rcpt', facts(), { counters });
    expect(await chargeAccepted(JSON.parse(JSON.stringify(decision)), { counters })).toBe(3);
    expect(counters.peek('recipients-per-client-per-minute 192.0.2.1/32', perMinute(3))).toMatchObject({ used: 2 });
  });
});

describe('limits of one session', () => {
  test.each([
    ['100 messages', messageLimit(), { messages: 99 }, 'pass', null],
    ['the 101st message', messageLimit(), { messages: 100 }, 'fail', '421 4.7.0 close'],
    ['nobody counts messages', messageLimit(), {}, 'none', null],
  ] as const)('mail: %s → %s', async (_, check, said, result, reply) => {
    const decision = await evaluate({ mail: [check] }, 'mail', facts(said), {});
    const said2 = smtpReply(decision, 'mail');
    expect(decision.outcomes[0]?.finding.result).toBe(result);
    expect(said2 === null ? null : `${said2.code} ${said2.enhanced}${said2.close ? ' close' : ''}`).toBe(reply);
  });

  test.each([
    ['recipient 1000', { before: 999 }, null],
    ['recipient 1001', { before: 1_000 }, '452 4.5.3'],
  ] as const)('rcpt: %s → %s', async (_, said, reply) => {
    const decision = await evaluate({ rcpt: [recipientLimit()] }, 'rcpt', facts(said), {});
    const spoken = smtpReply(decision, 'rcpt');
    expect(spoken === null ? null : `${spoken.code} ${spoken.enhanced}`).toBe(reply);
    expect(spoken?.close ?? false).toBe(false);
  });

  test.each([
    ['19 errors', {}, 30, 19, undefined],
    ['20 errors', {}, 30, 20, 'errors'],
    ['errors without a limit', { errors: false }, 30, 1e6, undefined],
    ['commands without a limit', {}, 1e9, 0, undefined],
    ['more commands than allowed', { commands: 50 }, 51, 0, 'commands'],
    ['as many commands as allowed', { commands: 50 }, 50, 0, undefined],
  ] as const)('sessionLimits: %s', (_, options, commands, errors, limited) => {
    const finding = sessionLimits(options).exceeded({ commands, errors, authFailures: 0 });
    expect((finding?.detail as { limited?: string } | undefined)?.limited).toBe(limited);
  });
  test('sessionLimits among the rules of a stage → TypeError, since relay control would hide it', () => {
    const relay = relayControl({ localDomains: ['example.com'] });
    for (const rule of [sessionLimits(), when(() => true, sessionLimits() as never)])
      expect(() => smtpPolicy({ relay, rcpt: [rule as never] })).toThrow(
        'smtpPolicy: sessionLimits() belongs to limits: [sessionLimits()], not to rcpt',
      );
    expect(() => smtpPolicy({ relay, limits: [relay as never] })).toThrow('limits must be a list');
  });
});

describe('distinct values', () => {
  test('rcpt: the fourth recipient of a login, with a limit of three → fail; earlier ones → pass', async () => {
    const { ask, clock } = house();
    const check = distinctRecipients(login, { limit: 3, periodMs: 60_000 });
    const to = (n: number): Case => ({ login: 'bob', to: `r${n}@example.com` });
    for (const n of [1, 2, 3, 1, 2, 3]) expect((await ask(check, to(n))).result).toBe('pass');
    expect(await ask(check, to(4))).toMatchObject({ result: 'fail', detail: { key: 'bob', limit: 3, used: 3 } });
    expect((await ask(check, to(2))).result).toBe('pass');
    clock.advance(60_001);
    expect((await ask(check, to(4))).result).toBe('pass');
  });

  test('rcpt: letter case does not make a new recipient', async () => {
    const { ask } = house();
    const check = distinctRecipients(login, { limit: 1, periodMs: 60_000 });
    for (const to of ['bob@example.com', 'Bob@example.com', 'BOB@EXAMPLE.COM'])
      expect((await ask(check, { login: 'x', to })).result).toBe('pass');
  });

  test('mail: bounces have no sender, and are not counted', async () => {
    const { ask } = house();
    expect((await ask(distinctSenders(client(), { limit: 1, periodMs: 1_000 }), { from: '<>' })).result).toBe('none');
  });
});

describe('tarpit', () => {
  test('atMost sessions are delayed, the next continues at once; a place is released after the delay', async () => {
    const { ask, clock } = house();
    const check = tarpit({ delayMs: 5_000, atMost: 2 });
    expect(await ask(check, { id: 'a' })).toMatchObject({ result: 'softfail', detail: { used: 1, limit: 2 } });
    expect((await ask(check, { id: 'b' })).result).toBe('softfail');
    expect((await ask(check, { id: 'c' })).result).toBe('none');
    clock.advance(5_000);
    expect((await ask(check, { id: 'c' })).result).toBe('softfail');
  });

  test('a delayed session ends → its place is released', async () => {
    const { ask, counters } = house();
    const check = tarpit({ delayMs: 60_000, atMost: 1 });
    await ask(check, { id: 'a' });
    await counters.release('a');
    expect((await ask(check, { id: 'b' })).result).toBe('softfail');
  });

  test('the consequence delays the reply', async () => {
    const { counters, clock } = house();
    const decision = await evaluate({ mail: [tarpit({ delayMs: 5_000 })] }, 'mail', facts(), { counters, clock });
    expect(decision).toMatchObject({ action: 'accept', delayMs: 5_000 });
  });
});

describe('the shared store is down', () => {
  const checks = (onStoreDown: OnStoreDown) => [
    connectionLimits({ onStoreDown }),
    messageRate(client(), perMinute(1), { onStoreDown }),
    recipientRate(client(), perMinute(1), { onStoreDown, charge: 'when-accepted' }),
    distinctRecipients(everybody, { limit: 5, periodMs: 1_000, onStoreDown }),
  ];
  const everyMethod = (fails: () => unknown): Env['counters'] => new Proxy({} as Env['counters'], { get: () => fails });
  const stores: readonly (readonly [string, () => Env['counters']])[] = [
    ['reports that it is', awayCounters],
    [
      'throws',
      () =>
        everyMethod(() => {
          throw new Error('away');
        }),
    ],
    ['rejects', () => everyMethod(() => Promise.reject(new Error('away')))],
  ];
  const cases = stores.flatMap(([how, store]) =>
    (
      [
        ['open', 'pass'],
        ['defer', 'temperror'],
        ['closed', 'fail'],
      ] as const
    ).map(([onStoreDown, result]) => [how, onStoreDown, result, store] as const),
  );
  test.each(cases)('a store that %s, onStoreDown %s → %s', async (_, onStoreDown, result, store) => {
    for (const check of checks(onStoreDown)) {
      const finding = await check.examine(
        facts() as never,
        { counters: store() } as never,
        new AbortController().signal,
      );
      expect(finding).toMatchObject({ result, detail: { degraded: true } });
    }
  });
});

test('a rate by autonomous system, in a session that reports none → counts what the function knows', async () => {
  const { counters, clock } = house();
  const byNetwork = messageRate(
    asn(({ ip }) => (ip.startsWith('198.51.100.') ? 64500 : undefined)),
    perMinute(1),
  );
  const policy = smtpPolicy({ relay: 'decided-by-the-server', mail: [byNetwork] });
  const env = quietEnv({ counters, clock });
  const said: (number | undefined)[] = [];
  for (const client of ['198.51.100.1', '198.51.100.2', '203.0.113.1', '203.0.113.2']) {
    const one = smtpSession(policy, env, connectFacts({ client, session: client }));
    await one.connect();
    await one.helo('EHLO', 'client.example');
    said.push((await one.mail('<a@example.org>'))?.code);
    await one.close();
  }
  expect(said).toEqual([undefined, 450, undefined, undefined]);
});

describe('wrong options', () => {
  test('asn() without a function that knows the number → TypeError', () => {
    expect(() => asn(undefined as never)).toThrow('asn: of must be a function');
  });

  test.each<[() => unknown, RegExp]>([
    [() => connectionLimits({ concurrent: 0 }), /concurrent must be a number, 1 or more, got 0/],
    [() => connectionLimits({ perMinute: Number.NaN }), /perMinute must be .*, got NaN/],
    [() => connectionLimits({ burst: -1 }), /burst must be .*, got -1/],
    [() => connectionLimits({ total: 10, reserved: 10 }), /reserved must be less than total, got 10/],
    [() => connectionLimits({ reserved: 1 }), /reserved must be less than total, got 1/],
    [() => connectionLimits({ exempt: ['192.0.2.1/24'] }), /exempt must be a list of prefixes .*host bits/],
    [() => connectionLimits({ known: ['nonsense'] }), /known must be a list of prefixes .*got "nonsense"/],
    [() => connectionLimits({ classes: [] }), /classes must be a list/],
    [
      () => connectionLimits({ classes: [{ v4: 33, v6: 64, times: 1 }] }),
      /classes: v4 must be a whole number from 1 to 32, got 33/,
    ],
    [
      () => connectionLimits({ classes: [{ v4: 32, v6: 0, times: 1 }] }),
      /classes: v6 must be a whole number from 1 to 128, got 0/,
    ],
    [
      () => connectionLimits({ classes: [{ v4: 32, v6: 64, times: 0 }] }),
      /classes: times must be a number, 1 or more, got 0/,
    ],
    [
      () => connectionLimits({ onStoreDown: 'shut' as never }),
      /onStoreDown must be "open", "defer" or "closed", got "shut"/,
    ],
    [() => messageRate(client(), perMinute(0)), /rate must be a positive number, got 0/],
    [() => messageRate(client(), { rate: 1, periodMs: 0 }), /periodMs must be a positive number, got 0/],
    [() => messageRate(client(), perMinute(0.5)), /rate without burst must be .*, got 0.5/],
    [
      () => messageRate(client(), perMinute(5), { charge: 'later' as never }),
      /charge must be "now" or "when-accepted", got "later"/,
    ],
    [() => messageLimit({ perSession: 0 }), /perSession must be .*, got 0/],
    [() => recipientLimit({ perMessage: 99 }), /perMessage must be a whole number, 100 or more, got 99/],
    [() => sessionLimits({ errors: 0 }), /errors must be .*, got 0/],
    [() => tarpit({ delayMs: 0 }), /delayMs must be .*, got 0/],
    [() => tarpit({ delayMs: 5, atMost: 0 }), /atMost must be .*, got 0/],
    [() => distinctRecipients(login, { limit: 0, periodMs: 1 }), /limit must be .*, got 0/],
    [() => connectionLimits({ perHour: 5 } as never), /unknown option perHour/],
    [() => messageRate(client(), perMinute(5), { labels: 'x' } as never), /unknown option labels .*label/],
  ])('%s → TypeError', (make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });
});
