import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { relayControl } from 'postern/checks/relay-control';
import type { Check } from 'postern/core';
import {
  defer,
  defineCheck,
  fail,
  none,
  pass,
  permit,
  proceed,
  reject,
  slow,
  softfail,
  tag,
  temperror,
  together,
  unless,
  within,
} from 'postern/core';
import type { Env } from 'postern/env';
import { parseIp } from 'postern/net';
import type { DataFacts, MailFacts, RcptFacts, Role, SmtpRules } from 'postern/smtp';
import { authenticated, printReply, smtpPolicy } from 'postern/smtp';
import type { SmtpSession, SmtpSessionOptions } from 'postern/smtp-session';
import { smtpSession } from 'postern/smtp-session';
import type { Zone } from 'postern/testing';
import { fixedClock, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const clock = fixedClock(Date.UTC(2030, 0, 1));
const relay = relayControl({ localDomains: ['example.com'] });

interface Setting {
  readonly dns?: Zone;
  readonly client?: string;
  readonly role?: Role;
  readonly options?: SmtpSessionOptions;
  readonly env?: Partial<Env>;
}
let sessions = 0;
function begin(
  rules: Partial<SmtpRules> = {},
  { dns = zone({}), client = '192.0.2.1', role = 'mx', options = {}, env = {} }: Setting = {},
): SmtpSession {
  const ip = parseIp(client);
  if (ip === undefined) throw new Error(`${client} is no address`);
  const whole: Env = { dns, clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }), ...env };
  return smtpSession(
    smtpPolicy({ relay, ...rules }),
    whole,
    { session: { id: `s${++sessions}`, role, serverName: 'mx.example.com' }, client: { ip }, tls: null },
    options,
  );
}
const said = (reply: Awaited<ReturnType<SmtpSession['rcpt']>>) => (reply === null ? null : printReply(reply));
const message = new TextEncoder().encode('From: a@example.org\r\nSubject: hello\r\n\r\nhello\r\n');
async function toRcpt(session: SmtpSession, from = '<a@example.org>'): Promise<void> {
  expect(said(await session.connect())).toBeNull();
  expect(said(await session.helo('EHLO', 'mx.example.org'))).toBeNull();
  expect(said(await session.mail(from))).toBeNull();
}

describe('the order of commands', () => {
  test('MAIL before HELO → 503', async () =>
    expect(said(await begin().mail('<a@example.org>'))).toBe('503 5.5.1 Send EHLO first'));
  test('RCPT before MAIL → 503', async () => {
    const session = begin();
    await session.helo('EHLO', 'mx.example.org');
    expect(said(await session.rcpt('<b@example.com>'))).toBe('503 5.5.1 Send MAIL first');
  });
  test('MAIL twice → 503, and RSET makes room', async () => {
    const session = begin();
    await toRcpt(session);
    expect(said(await session.mail('<c@example.org>'))).toMatch(/^503 5\.5\.1 /);
    session.reset();
    expect(await session.mail('<c@example.org>')).toBeNull();
  });
  test('AUTH before HELO → 503', async () => expect(said(await begin().auth('PLAIN'))).toMatch(/^503 5\.5\.1 /));
  test('a message without recipients → 554, and it is read to its end', async () => {
    const session = begin();
    await toRcpt(session);
    let read = 0;
    const stream = (async function* () {
      for (let i = 0; i < 3; i++) {
        read++;
        yield message;
      }
    })();
    const outcome = await session.data(stream);
    expect(said(outcome.reply)).toBe('554 5.5.1 No valid recipients');
    expect(read).toBe(3);
  });
  test('a whole transaction, and another → accepted', async () => {
    const session = begin();
    await toRcpt(session);
    for (const n of [1, 2]) {
      expect(await session.rcpt('<b@example.com>')).toBeNull();
      const outcome = await session.data(message);
      expect([n, outcome.reply, outcome.action]).toEqual([n, null, 'accept']);
      expect(await session.mail('<a@example.org>')).toBeNull();
    }
  });
});

describe('what the client writes', () => {
  test.each([
    ['a NUL in HELO', 'mx\0.example', '501 Syntax: EHLO hostname'],
    ['8-bit HELO', 'm\u00fcller.example', '501 Syntax: EHLO hostname'],
    ['a HELO of 600 octets', 'a'.repeat(600), '501 Syntax: EHLO hostname'],
    ['a HELO of two words', 'mx example', '501 Syntax: EHLO hostname'],
    ['no HELO name', '', '501 Syntax: EHLO hostname'],
    ['an underscore in HELO', 'my_host.example', null],
    ['a literal', '[IPv6:2001:db8::1]', null],
  ])('%s → %s', async (_, name, expected) => expect(said(await begin().helo('EHLO', name))).toBe(expected));

  test.each([
    ['two @', '<a@b@example.org>', '501 5.1.7'],
    ['no domain', '<a>', '501 5.1.7'],
    ['no closing bracket', '<a@example.org', '501 5.1.7'],
    ['nothing', '', '501 5.1.7'],
    ['a NUL', '<a\0@example.org>', '501 5.1.7'],
    ['a line break', '<a@example.org>\r\nRCPT', '501 5.1.7'],
    ['300 octets', `<${'a'.repeat(60)}@${'b.'.repeat(120)}org>`, '501 5.1.7'],
    ['a literal that is none', '<a@[1.2.3]>', '501 5.1.7'],
    ['UTF-8 without SMTPUTF8', '<\u00e4@example.org>', '553 5.6.7'],
    ['an ordinary path', '<a@example.org>', null],
    ['the null path', '<>', null],
    ['a literal', '<a@[IPv6:2001:db8::1]>', null],
    ['a quoted local part', '<"a b"@example.org>', null],
    ['a source route', '<@hop.example:a@example.org>', null],
  ])('MAIL with %s → %s', async (_, path, expected) => {
    const session = begin();
    await session.helo('EHLO', 'mx.example.org');
    expect(said(await session.mail(path))?.slice(0, 9) ?? null).toBe(expected);
  });
  test('UTF-8 with SMTPUTF8 → fine', async () => {
    const session = begin();
    await session.helo('EHLO', 'mx.example.org');
    expect(await session.mail('<\u00e4@example.org>', { SMTPUTF8: true })).toBeNull();
  });
  test.each([
    ['two @', '<a@b@example.com>', '501 5.1.3'],
    ['the null path', '<>', '501 5.1.3'],
    ['a bare postmaster', '<postmaster>', null],
    ['a bare name', '<bob>', '501 5.1.3'],
    ['a foreign domain', '<a@example.net>', '550 5.7.1'],
    ['a local domain', '<a@example.com>', null],
    ['a local domain, with a dot and in capitals', '<a@EXAMPLE.com.>', null],
    ['a percent hack', '<a%example.net@example.com>', '550 5.7.1'],
  ])('RCPT with %s → %s', async (_, path, expected) => {
    const session = begin({}, { options: { postmasterDomain: 'example.com' } });
    await toRcpt(session);
    expect(said(await session.rcpt(path))?.slice(0, 9) ?? null).toBe(expected);
  });
});

describe('STARTTLS', () => {
  test('what was said before it → is forgotten', async () => {
    const session = begin();
    await toRcpt(session);
    session.authenticated('bob');
    session.startTls({ version: 'TLSv1.3' });
    expect(session.facts).toMatchObject({ helo: null, mail: null, connect: { tls: { version: 'TLSv1.3' } } });
    expect(said(await session.mail('<a@example.org>'))).toMatch(/^503 /);
    await session.helo('EHLO', 'mx.example.org');
    await session.mail('<a@example.org>');
    expect(said(await session.rcpt('<x@example.net>'))).toMatch(/^550 5\.7\.1 /);
  });
});

describe('looking ahead', () => {
  const asks = (name: string, earliest?: string): Check<Pick<MailFacts, 'client'>, Pick<Env, 'dns'>, 'none' | 'fail'> =>
    defineCheck(
      'asks',
      async (_: Pick<MailFacts, 'client'>, { dns }: Pick<Env, 'dns'>, signal: AbortSignal) =>
        (await dns.resolve(name, 'A', { signal })).status === 'found' ? fail() : none(),
      { fail: reject() },
      { earliest, label: name },
    );
  test('a check of facts known at connect, judged at RCPT → asked at connect, once for all recipients', async () => {
    const dns = zone({});
    const session = begin({ rcpt: [asks('list.example', 'connect')] }, { dns });
    expect(dns.questions).toEqual([]);
    await session.connect();
    expect(dns.questions.map(({ name }) => name)).toEqual(['list.example']);
    await session.helo('EHLO', 'mx.example.org');
    await session.mail('<a@example.org>');
    await session.rcpt('<b@example.com>');
    await session.rcpt('<c@example.com>');
    expect(dns.questions).toHaveLength(1);
  });
  test('a client that is refused at connect → nothing is asked about it', async () => {
    const dns = zone({});
    const session = begin(
      { connect: [defineCheck('no', () => fail(), { fail: reject() })], rcpt: [asks('list.example', 'connect')] },
      { dns },
    );
    expect(said(await session.connect())).toMatch(/^554 /);
    expect(dns.questions).toEqual([]);
  });
  test('on submission → nothing is asked before it is judged', async () => {
    const dns = zone({});
    const session = begin(
      { rcpt: [unless(authenticated, asks('list.example', 'connect'))] },
      { dns, role: 'submission' },
    );
    await toRcpt(session);
    session.authenticated('bob');
    expect(await session.rcpt('<x@example.net>')).toBeNull();
    expect(dns.questions).toEqual([]);
  });
  test('a new MAIL → its checks are asked anew, the connection’s are not', async () => {
    const dns = zone({});
    const bySender = defineCheck(
      'by-sender',
      async ({ reversePath }: Pick<MailFacts, 'reversePath'>, env: Pick<Env, 'dns'>) =>
        (await env.dns.resolve(reversePath?.domain ?? 'none.example', 'A')).status === 'found' ? fail() : none(),
      { fail: reject() },
      { earliest: 'mail' },
    );
    const session = begin({ rcpt: [asks('list.example', 'connect'), bySender] }, { dns });
    await toRcpt(session);
    await session.rcpt('<b@example.com>');
    session.reset();
    await session.mail('<a@other.example>');
    await session.rcpt('<b@example.com>');
    expect(dns.questions.map(({ name }) => name)).toEqual(['list.example', 'example.org', 'other.example']);
  });
  test('two checks, one question → asked once', async () => {
    const dns = zone({});
    const session = begin(
      {
        rcpt: [
          together(
            asks('list.example'),
            defineCheck(
              'again',
              async (_: RcptFacts, env: Pick<Env, 'dns'>) => {
                await env.dns.resolve('LIST.example', 'A');
                return none();
              },
              {},
            ),
          ),
        ],
      },
      { dns },
    );
    await toRcpt(session);
    await session.rcpt('<b@example.com>');
    expect(dns.questions).toHaveLength(1);
  });
  test('two checks, one question, and the one who asked first gives up → the other gets its answer', async () => {
    const dns = zone({ 'list.example': { delayMs: 100, A: ['127.0.0.2'] } }, { clock });
    const listed = (label: string) =>
      defineCheck(
        'listed',
        async (_: RcptFacts, env: Pick<Env, 'dns'>, signal: AbortSignal) => {
          const { status } = await env.dns.resolve('list.example', 'A', { signal });
          return status === 'found' ? fail() : status === 'temperror' ? temperror() : none();
        },
        { fail: reject(), temperror: proceed },
        { label },
      );
    const session = begin({ rcpt: [together(within(10, listed('hasty')), listed('patient'))] }, { dns });
    await toRcpt(session);
    expect(said(await clock.until(session.rcpt('<b@example.com>')))).toMatch(/^550 /);
    const [, hasty, patient] = session.events.at(-1)?.decision.outcomes ?? [];
    expect([hasty?.finding.result, patient?.finding.result]).toEqual(['temperror', 'fail']);
  });
  test('a resolver that throws → temperror, and the session goes on', async () => {
    const dns = { resolve: () => Promise.reject(new Error('boom')) } as never;
    const session = begin({ rcpt: [asks('list.example', 'connect')] }, { env: { dns } });
    await toRcpt(session);
    expect(await session.rcpt('<b@example.com>')).toBeNull();
  });
});

describe('time', () => {
  test('a check that never answers → decided at the deadline, never passed', async () => {
    const silent = defineCheck('silent', () => new Promise<{ result: 'pass' }>(() => undefined), {});
    const session = begin({ rcpt: [silent] }, { options: { deadlineMs: 1_000 } });
    await toRcpt(session);
    expect(said(await clock.until(session.rcpt('<b@example.com>')))).toMatch(/^451 4\.3\.0 /);
  });
  test('a stage that was ended by its deadline → the next one has its own time', async () => {
    const reasons: unknown[] = [];
    const slowly = defineCheck(
      'slowly',
      (_: RcptFacts, __: object, signal: AbortSignal) =>
        new Promise<{ result: 'pass' }>((resolve) => {
          signal.addEventListener('abort', () => reasons.push((signal.reason as Error).name));
          if (reasons.length > 0) clock.after(500, () => resolve({ result: 'pass' }));
        }),
      {},
    );
    const session = begin({ rcpt: [slowly] }, { options: { deadlineMs: 1_000 } });
    await toRcpt(session);
    expect(said(await clock.until(session.rcpt('<b@example.com>')))).toMatch(/^451 4\.3\.0 /);
    expect(reasons).toEqual(['TimeoutError']);
    expect(await clock.until(session.rcpt('<b@example.com>'))).toBeNull();
    expect(reasons).toHaveLength(1);
  });
  test('a client that vanishes while a check is out → the stage ends at once', async () => {
    const silent = defineCheck('silent', () => new Promise<{ result: 'pass' }>(() => undefined), {});
    const session = begin({ rcpt: [silent] });
    await toRcpt(session);
    const reply = session.rcpt('<b@example.com>');
    await session.close();
    expect(said(await reply)).toMatch(/^451 /);
  });
  test('a rule that slows → the reply waits, at most as long as the session lets it', async () => {
    const before = clock.now();
    const session = begin(
      { helo: [defineCheck('slow', () => softfail(), { softfail: slow(60_000) })] },
      { options: { maxDelayMs: 5_000 } },
    );
    await clock.until(session.helo('EHLO', 'mx.example.org'));
    expect(clock.now() - before).toBe(5_000);
  });
  test('a client that vanishes while it is held → is not held', async () => {
    const session = begin({ helo: [defineCheck('slow', () => softfail(), { softfail: slow(60_000) })] });
    const reply = session.helo('EHLO', 'mx.example.org');
    await Promise.resolve();
    await session.close();
    expect(await reply).toBeNull();
  });
});

describe('the message', () => {
  const byRecipient = defineCheck(
    'by-recipient',
    ({ forwardPaths }: DataFacts) => (forwardPaths.some(({ localPart }) => localPart === 'no') ? fail() : pass()),
    { fail: reject() },
  );
  test('with SMTP and several recipients → one reply', async () => {
    const session = begin({ data: [byRecipient] });
    await toRcpt(session);
    await session.rcpt('<yes@example.com>');
    await session.rcpt('<no@example.com>');
    const outcome = await session.data(message);
    expect([said(outcome.reply)?.slice(0, 9), outcome.perRecipient.length]).toEqual(['550 5.7.1', 0]);
  });
  test('with LMTP → a reply for each recipient, in order', async () => {
    const session = begin({ data: [byRecipient] }, { role: 'lmtp' });
    await toRcpt(session);
    await session.rcpt('<yes@example.com>');
    await session.rcpt('<no@example.com>');
    const outcome = await session.data(message);
    expect(
      outcome.perRecipient.map(({ recipient, reply }) => [recipient.localPart, said(reply)?.slice(0, 9) ?? null]),
    ).toEqual([
      ['yes', null],
      ['no', '550 5.7.1'],
    ]);
  });
  test('a stream that breaks off → deferred, and no rule is asked', async () => {
    const session = begin({
      data: [
        defineCheck(
          'asked',
          (): { result: 'pass' } => {
            throw new Error('was asked');
          },
          {},
        ),
      ],
    });
    await toRcpt(session);
    await session.rcpt('<b@example.com>');
    const broken = (async function* () {
      yield message;
      throw new Error('gone');
    })();
    const outcome = await session.data(broken);
    expect([said(outcome.reply)?.slice(0, 3), outcome.action]).toEqual(['451', 'defer']);
    expect(session.events.map(({ stage }) => stage)).not.toContain('data');
  });
  test('a tag → is handed on', async () => {
    const session = begin({ data: [defineCheck('tagged', () => pass(), { pass: tag('X-Checked', 'yes') })] });
    await toRcpt(session);
    await session.rcpt('<b@example.com>');
    expect((await session.data(message)).headers).toEqual([
      { name: 'Authentication-Results', value: 'mx.example.com; none' },
      { name: 'X-Checked', value: 'yes' },
    ]);
  });
  test('octets are kept up to the bound, and not beyond', async () => {
    const seen: unknown[] = [];
    const sees = defineCheck(
      'sees',
      ({ message: read }: DataFacts) => {
        seen.push(read.raw?.()?.length ?? null);
        return pass();
      },
      {},
    );
    for (const keepMessage of [0, message.length - 1, message.length]) {
      const session = begin({ data: [sees] }, { options: { keepMessage } });
      await toRcpt(session);
      await session.rcpt('<b@example.com>');
      await session.data(message);
    }
    expect(seen).toEqual([null, null, message.length]);
  });
});

describe('what is left behind', () => {
  test('a session that closes twice → gives back its places once', async () => {
    const released: string[] = [];
    const counters = {
      ...memoryCounters({ clock }),
      release: (holder: string) => {
        released.push(holder);
      },
    };
    const session = begin({}, { env: { counters } });
    await session.connect();
    await session.close();
    await session.close();
    expect(released).toHaveLength(1);
  });
  test('a place that a shared store grants after the session has ended → is given back', async () => {
    const released: string[] = [];
    let grant: () => void = () => undefined;
    const memory = memoryCounters({ clock });
    const counters = {
      ...memory,
      acquireAll: () =>
        new Promise<[]>((resolve) => {
          grant = () => resolve([]);
        }),
      release: (holder: string) => {
        released.push(holder);
      },
    };
    const takes = defineCheck(
      'takes',
      async ({ session }: Pick<MailFacts, 'session'>, env: Pick<Env, 'counters'>) => {
        await env.counters.acquireAll([], session.id);
        return pass();
      },
      {},
    );
    const session = begin({ connect: [takes] }, { env: { counters } });
    const reply = session.connect();
    await session.close();
    await reply;
    expect(released).toHaveLength(1);
    grant();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(released).toHaveLength(2);
  });
  test('a store that fails on release → the session closes all the same', async () => {
    const counters = { ...memoryCounters({ clock }), release: () => Promise.reject(new Error('down')) };
    await expect(begin({}, { env: { counters } }).close()).resolves.toBeUndefined();
  });
  test('every decision → is told and kept, and survives JSON', async () => {
    const told: string[] = [];
    const session = begin({}, { options: { onEvent: ({ stage }) => told.push(stage) } });
    await toRcpt(session);
    await session.rcpt('<x@example.net>');
    expect(told).toEqual(['connect', 'helo', 'mail', 'rcpt']);
    expect(JSON.parse(JSON.stringify(session.events))).toEqual(session.events);
    expect(session.events.at(-1)).toMatchObject({
      stage: 'rcpt',
      recipient: 'x@example.net',
      decision: { action: 'reject' },
    });
  });
  test('a refusal with correlation → ends with the session’s id', async () => {
    const session = begin({}, { options: { correlation: true } });
    await toRcpt(session);
    expect(said(await session.rcpt('<x@example.net>'))).toMatch(/ \[s\d+\]$/);
  });
});

describe('a policy that nobody made', () => {
  test.each([
    ['written by hand', { rcpt: [] }],
    ['a copy with the relay taken out', { ...smtpPolicy({ relay }), rcpt: [] }],
    ['a plain copy', { ...smtpPolicy({ relay }) }],
  ])('%s → TypeError', (_, policy) => {
    expect(() => smtpSession(policy as never, {} as never, {} as never)).toThrow(/must be made by smtpPolicy/);
  });
  test('a permit at RCPT → does not step over relay control', async () => {
    const session = begin({
      rcpt: [defineCheck('kind', () => pass(), { pass: permit })],
      mail: [defineCheck('kind', () => pass(), { pass: permit }, { label: 'mail' })],
    });
    await toRcpt(session);
    expect(said(await session.rcpt('<x@example.net>'))).toMatch(/^550 5\.7\.1 /);
  });
  test('a wrong option → TypeError', () =>
    expect(() => begin({}, { options: { deadlineMs: 0 } })).toThrow(
      'smtpSession: deadlineMs must be a positive number, got 0',
    ));
});

test('a deferral → 4xx, and the client may try again', async () => {
  let times = 0;
  const session = begin({ rcpt: [defineCheck('later', () => (times++ === 0 ? fail() : pass()), { fail: defer() })] });
  await toRcpt(session);
  expect(said(await session.rcpt('<b@example.com>'))).toMatch(/^450 4\.7\.0 /);
  expect(await session.rcpt('<b@example.com>')).toBeNull();
});
