import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { banAfter, client, messageRate, perMinute, sessionLimits, tarpit } from 'postern/checks/connection-limits';
import { relayControl } from 'postern/checks/relay-control';
import { defineCheck, fail, pass, reject } from 'postern/core';
import type { Counters, Env } from 'postern/env';
import { parseIp } from 'postern/net';
import type { ConnectFacts, Role, SmtpRules } from 'postern/smtp';
import { printReply, smtpPolicy } from 'postern/smtp';
import type { SmtpSession, SmtpSessionOptions } from 'postern/smtp-session';
import { smtpSession } from 'postern/smtp-session';
import { fixedClock, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const octets = new TextEncoder().encode('From: a@example.org\r\n\r\nhello\r\n');
const modes: { readonly [name: string]: () => never | Promise<never> } = {
  throws: () => {
    throw new Error('broken');
  },
  rejects: () => Promise.reject(new Error('broken')),
  'never settles': () => new Promise<never>(() => undefined),
};

interface House {
  readonly session: SmtpSession;
  readonly clock: ReturnType<typeof fixedClock>;
  readonly errors: string[];
  readonly events: string[];
}
function house(
  change: {
    readonly rules?: Partial<SmtpRules>;
    readonly env?: (env: Env) => Partial<Env>;
    readonly options?: SmtpSessionOptions;
  },
  role: Role = 'mx',
): House {
  const clock = fixedClock(Date.UTC(2030, 0, 1));
  const whole: Env = { dns: zone({}), clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const errors: string[] = [];
  const events: string[] = [];
  const ip = parseIp('192.0.2.1') as NonNullable<ReturnType<typeof parseIp>>;
  const session = smtpSession(
    smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }), ...change.rules }),
    { ...whole, ...change.env?.(whole) },
    { session: { id: 's', role, serverName: 'mx.example.com' }, client: { ip }, tls: null },
    {
      onEvent: ({ stage }) => events.push(stage),
      onError: ({ message }) => errors.push(message),
      ...change.options,
    },
  );
  return { session, clock, errors, events };
}
const counters = (changed: Partial<Counters>) => (env: Env) => ({ counters: { ...env.counters, ...changed } });
const late = 'has not answered within 30000 ms';

/** What is told to `onError`, by mode; `undefined`: nothing. */
interface Case {
  readonly with: (broken: () => never | Promise<never>) => Parameters<typeof house>[0];
  readonly told: { readonly throws?: string; readonly rejects?: string; readonly 'never settles'?: string };
}
const twice = { throws: 'broken', rejects: 'broken' };
const hooks: { readonly [hook: string]: Case } = {
  onBan: {
    with: (broken) => ({
      rules: { bans: [banAfter({ failures: 1, of: 'protocol-error' })] },
      options: { onBan: broken },
    }),
    told: twice,
  },
  'bans.add': {
    with: (broken) => ({
      rules: { bans: [banAfter({ failures: 1, of: 'protocol-error' })] },
      env: (env) => ({ bans: { ...env.bans, add: broken } }),
    }),
    told: twice,
  },
  'the predicate of banAfter': {
    with: (broken) => ({
      rules: { bans: [banAfter({ failures: 1, reason: 'mine', of: () => broken() as never })] },
    }),
    told: {
      throws: 'broken',
      rejects: 'banAfter: of must be a function that returns true or false, got an object (Promise)',
      'never settles': 'banAfter: of must be a function that returns true or false, got an object (Promise)',
    },
  },
  'counters.charge of what is charged when the message is taken': {
    with: (broken) => ({
      rules: { mail: [messageRate(client(), perMinute(9), { charge: 'when-accepted' })] },
      env: counters({ charge: broken, chargeAll: broken }),
    }),
    told: { ...twice, 'never settles': `counters.charge ${late}` },
  },
  'counters.release': {
    with: (broken) => ({ env: counters({ release: broken }) }),
    told: { ...twice, 'never settles': `counters.release ${late}` },
  },
  onError: {
    with: (broken) => ({
      env: counters({ release: modes.throws as never }),
      options: { onError: () => broken() },
    }),
    told: {},
  },
};

describe.each(Object.entries(hooks))('%s', (name, { with: change, told }) => {
  test.each(Object.entries(modes))('%s → the session goes on, and onError is called once', async (mode, broken) => {
    const { session, clock, errors } = house(change(broken));
    const replies = [
      await session.connect(),
      await session.helo('EHLO', 'a.example'),
      await session.mail('<a@example.org>'),
      await session.rcpt('<b@example.com>'),
    ];
    session.protocolError();
    const outcome = await clock.until(session.data(octets));
    await clock.until(session.close());
    await new Promise((resolve) => setImmediate(resolve));
    expect([...replies, outcome.reply]).toEqual([null, null, null, null, null]);
    expect(outcome.action).toBe('accept');
    const expected = told[mode as keyof typeof told];
    expect([name, mode, errors]).toEqual([name, mode, expected === undefined ? [] : [expected]]);
  });
});

describe('onEvent', () => {
  test.each(Object.entries(modes))(
    '%s → every decision stands, and onError is called once for each',
    async (mode, broken) => {
      const { session, errors } = house({ options: { onEvent: broken } });
      expect(await session.connect()).toBeNull();
      expect(await session.helo('EHLO', 'a.example')).toBeNull();
      expect(await session.mail('<a@example.org>')).toBeNull();
      expect((await session.rcpt('<b@elsewhere.example>'))?.code).toBe(550);
      await session.close();
      expect(errors).toEqual(mode === 'never settles' ? [] : Array(4).fill('broken'));
    },
  );
});

describe('what a check asks', () => {
  const asks = (what: (env: Env) => unknown) =>
    defineCheck(
      'asks',
      async (_: ConnectFacts, env: Env) => {
        await what(env);
        return pass();
      },
      {},
    );
  test.each(Object.entries(modes))('a resolver that %s → temperror, 450 in time', async (_, broken) => {
    const dns = { resolve: broken as never };
    const { session, clock, errors } = house({
      rules: { mail: [asks(({ dns }) => dns.resolve('a.example', 'A'))] },
      env: () => ({ dns }),
    });
    await session.connect();
    await session.helo('EHLO', 'a.example');
    const reply = await clock.until(session.mail('<a@example.org>'));
    // `sessionResolver` makes an answer of what a resolver throws; a check that waits for it in vain is late.
    expect([reply === null ? null : printReply(reply).slice(0, 9), errors]).toEqual([
      broken === modes['never settles'] ? '451 4.3.0' : broken === modes.throws ? '451 4.3.0' : null,
      [],
    ]);
  });
  test('a place that a tarpit gives back to a store that fails → reported once', async () => {
    const { session, clock, errors } = house({
      rules: { connect: [tarpit({ delayMs: 10 })] },
      env: counters({ release: modes.rejects as never }),
    });
    expect(await clock.until(session.connect())).toBeNull();
    await clock.pass(20);
    expect(errors).toEqual(['broken']);
  });
});

describe('limits of a session', () => {
  const harvest = async (rules: Partial<SmtpRules>) => {
    const { session, events } = house({ rules });
    await session.connect();
    await session.helo('EHLO', 'a.example');
    await session.mail('<a@example.org>');
    const replies: string[] = [];
    for (let i = 0; i < 200 && !replies.at(-1)?.startsWith('421'); i++) {
      const reply = await session.rcpt(`<user${i}@elsewhere.example>`);
      replies.push(reply === null ? '250' : printReply(reply));
      if (reply?.code === 421) expect(reply.close).toBe(true);
    }
    return { replies, events };
  };
  test('200 refused recipients → the 21st is answered 421, and the session ends', async () => {
    const { replies, events } = await harvest({ limits: [sessionLimits({ errors: 20 })] });
    expect(replies).toHaveLength(21);
    expect(replies.slice(0, 20).every((reply) => reply.startsWith('550 5.7.1'))).toBe(true);
    expect(replies[20]).toBe('421 4.7.0 Too many errors in one session');
    expect(events.slice(-2)).toEqual(['rcpt', 'connect']);
  });
  test('without a limit → all are answered', async () => expect((await harvest({})).replies).toHaveLength(200));
  const verbs: { readonly [verb: string]: (session: SmtpSession) => unknown } = {
    EHLO: (session) => session.helo('EHLO', 'a.example'),
    AUTH: (session) => session.auth('PLAIN'),
    MAIL: (session) => session.mail('<a@example.org>'),
    RCPT: (session) => session.rcpt('<b@example.com>'),
    NOOP: (session) => session.command(),
  };
  const errs: { readonly [kind: string]: (session: SmtpSession) => unknown } = {
    'protocol errors': (session) => session.protocolError(),
    'failed logins': (session) => session.authenticationFailed(),
    'bad sender': (session) => session.mail('<a@b@c>'),
  };
  test.each(Object.keys(verbs).flatMap((verb) => Object.keys(errs).map((kind) => [kind, verb])))(
    '%s, then %s → 421',
    async (kind, verb) => {
      const { session } = house({ rules: { limits: [sessionLimits({ errors: 3 })] } });
      await session.connect();
      await session.helo('EHLO', 'a.example');
      for (let i = 0; i < 3; i++) await errs[kind as string]?.(session);
      expect(await verbs[verb as string]?.(session)).toMatchObject({
        code: 421,
        enhanced: verb === 'EHLO' ? '' : '4.7.0',
        close: true,
      });
    },
  );
  test('a message refused for many recipients → is one error, with LMTP too', async () => {
    const no = defineCheck('no', () => fail(), { fail: reject() });
    const { session } = house({ rules: { data: [no] } }, 'lmtp');
    await session.connect();
    await session.helo('LHLO', 'a.example');
    await session.mail('<a@example.org>');
    for (let i = 0; i < 30; i++) await session.rcpt('<b@example.com>');
    expect((await session.data(octets)).perRecipient).toHaveLength(30);
    expect(session.facts.connect.session.tally?.errors).toBe(1);
  });
  test('commands → the first beyond the limit is answered 421', async () => {
    const { session } = house({ rules: { limits: [sessionLimits({ commands: 3 })] } });
    await session.connect();
    expect([await session.helo('EHLO', 'a.example'), session.command(), session.command()]).toEqual([null, null, null]);
    expect(session.command()).toMatchObject({ code: 421 });
  });
  test('a host that tells of every command → each counts once', async () => {
    const { session } = house({ rules: { limits: [sessionLimits({ commands: 4 })] } });
    await session.connect();
    session.command();
    expect(await session.helo('EHLO', 'a.example')).toBeNull();
    session.command();
    expect(await session.mail('<a@example.org>')).toBeNull();
    expect([session.command(), session.command()]).toEqual([null, null]);
    expect(session.facts.connect.session.tally?.commands).toBe(4);
    expect(session.command()?.code).toBe(421);
  });
  test('recipients pipelined behind a MAIL that was refused → are no errors of the client', async () => {
    const { session } = house({ rules: { limits: [sessionLimits({ errors: 3 })] } });
    await session.connect();
    await session.helo('EHLO', 'a.example');
    await session.mail('<a@b@c>');
    for (let i = 0; i < 50; i++) expect((await session.rcpt('<b@example.com>'))?.code).toBe(503);
    session.reset();
    for (let i = 0; i < 2; i++) expect((await session.rcpt('<b@example.com>'))?.code).toBe(503);
    expect((await session.rcpt('<b@example.com>'))?.code).toBe(421);
  });
});

test('a clock that throws → the command is deferred, and onError is called once', async () => {
  const { session, errors } = house({
    rules: { mail: [defineCheck('passes', () => pass(), {})] },
    env: (env) => ({ clock: { ...env.clock, after: modes.throws as never } }),
  });
  await session.connect();
  await session.helo('EHLO', 'a.example');
  expect(await session.mail('<a@example.org>')).toMatchObject({ code: 451, enhanced: '4.3.0' });
  expect(errors).toEqual(['broken']);
});
