import {
  type AuthenticatedFacts,
  type AuthenticationFacts,
  authenticationOf,
  dmarcSpeaks,
  messageAuthentication,
} from 'postern/checks/message-authentication';
import { type SpfFacts, spf } from 'postern/checks/spf';
import { type Entry, evaluate, on, reject, when } from 'postern/core';
import type { Env } from 'postern/env';
import { parseIp, parsePath } from 'postern/net';
import type { DataFacts } from 'postern/smtp';
import { authenticationResults } from 'postern/smtp';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { NOW, plain, records, sign } from './mail.ts';

const CLIENT = parseIp('192.0.2.1')!;
const never = new AbortController().signal;

function facts(message: string | undefined, from = '<alice@example.org>'): AuthenticationFacts {
  const path = parsePath(from);
  if (typeof path === 'string') throw new Error(path);
  const raw = message === undefined ? undefined : new TextEncoder().encode(message);
  return {
    client: { ip: CLIENT },
    helo: { verb: 'EHLO', name: 'mail.example.org' },
    reversePath: path.mailbox,
    message: { raw: () => raw },
  };
}

function world(data: ZoneData) {
  const clock = fixedClock(NOW);
  return { clock, env: { dns: zone(data, { clock }), clock } };
}
const here: ZoneData = { 'example.org': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] } };
const elsewhere: ZoneData = { 'example.org': { TXT: ['v=spf1 -all'] } };
const asks = (policy: string): ZoneData => ({ '_dmarc.example.org': { TXT: [`v=DMARC1; p=${policy}`] } });

describe('data', () => {
  test.each<[string, string | undefined, ZoneData, string, object]>([
    ['SPF vouches for the author → pass', plain(), { ...here, ...asks('reject') }, 'pass', {}],
    [
      'the domain asks for reject → fail, 7.26',
      plain(),
      { ...elsewhere, ...asks('reject') },
      'fail',
      {
        status: '7.26',
        cause: 'dmarc',
        explanation: 'Message rejected because of the DMARC policy of example.org: neither SPF nor DKIM passed',
      },
    ],
    [
      'the domain asks for quarantine → softfail',
      plain(),
      { ...elsewhere, ...asks('quarantine') },
      'softfail',
      { status: '7.26' },
    ],
    ['the domain asks for nothing → neutral', plain(), { ...elsewhere, ...asks('none') }, 'neutral', {}],
    ['the domain says nothing → none', plain(), elsewhere, 'none', {}],
    ['the DNS is down → temperror', plain(), { '_dmarc.example.org': 'temperror' }, 'temperror', { status: '7.26' }],
    [
      'SPF cannot be asked → temperror, neither pass nor fail',
      plain(),
      { 'example.org': 'temperror', ...asks('reject') },
      'temperror',
      { status: '7.26' },
    ],
    [
      'no author → permerror',
      'Subject: x\r\n\r\n',
      here,
      'permerror',
      {
        fault: 'sender',
        status: '7.26',
        explanation: 'From header does not name exactly one author domain',
      },
    ],
    [
      'longer than is kept → permerror',
      undefined,
      here,
      'permerror',
      { fault: 'sender', status: '3.4', explanation: 'Message is too large to be authenticated' },
    ],
  ])('%s', async (_, message, data, result, more) => {
    const { clock, env } = world(data);
    const check = messageAuthentication({ spf: spf() });
    expect(await clock.until(Promise.resolve(check.examine(facts(message), env, never)))).toMatchObject({
      check: 'message-authentication',
      result,
      ...more,
    });
  });

  test('the null reverse-path → the HELO name vouches', async () => {
    const { clock, env } = world({ 'mail.example.org': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] }, ...asks('reject') });
    const check = messageAuthentication({ spf: spf() });
    const found = await clock.until(Promise.resolve(check.examine(facts(plain(), '<>'), env, never)));
    expect(found).toMatchObject({ result: 'pass', detail: { spf: { identity: 'helo', domain: 'mail.example.org' } } });
  });

  test('without SPF → signatures alone', async () => {
    const { clock, env } = world({ ...here, ...asks('reject') });
    const check = messageAuthentication({ spf: 'not-asked' });
    expect(await clock.until(Promise.resolve(check.examine(facts(plain()), env, never)))).toMatchObject({
      result: 'fail',
    });
  });

  test.each([
    ['fail', 'reject'],
    ['softfail', 'quarantine'],
    ['permerror', 'flag'],
    ['permerror:sender', 'reject'],
    ['temperror', 'proceed'],
  ] as const)('recommended: %s → %s', (result, action) => {
    expect(messageAuthentication({ spf: spf() }).recommended[result]?.action).toBe(action);
  });

  test('one field for all', async () => {
    const { clock, env } = world({
      ...elsewhere,
      ...asks('none'),
      'rsa._domainkey.example.org': { TXT: [records.rsa] },
    });
    const about = facts(await sign(plain(), 'example.org'));
    const findings = [
      await spf().examine(about, env, never),
      await clock.until(Promise.resolve(messageAuthentication({ spf: spf() }).examine(about, env, never))),
    ];
    const { value } = authenticationResults('mx.example.com', findings);
    expect(value).toMatch(
      /^mx\.example\.com; spf=fail smtp\.mailfrom=example\.org; dkim=pass header\.d=example\.org header\.s=rsa header\.a=rsa-sha256 header\.b=\S+; dmarc=pass header\.from=example\.org policy\.dmarc=none$/,
    );
  });
});

describe('handed on as a fact', () => {
  const policy = {
    data: [when((known: AuthenticatedFacts) => !dmarcSpeaks(known), on(spf(), { fail: reject() }))] satisfies Entry<
      AuthenticatedFacts & SpfFacts,
      Pick<Env, 'dns' | 'clock'>
    >[],
  };
  test.each<[string, ZoneData, string]>([
    ['SPF fails and DMARC says nothing → refused', elsewhere, 'reject'],
    ['SPF fails and DMARC asks for nothing → refused', { ...elsewhere, ...asks('none') }, 'reject'],
    ['SPF fails and DMARC asks for something → left to DMARC', { ...elsewhere, ...asks('quarantine') }, 'accept'],
    [
      'SPF fails and DMARC cannot be found out → not refused',
      { ...elsewhere, '_dmarc.example.org': 'temperror' },
      'accept',
    ],
    ['SPF passes → taken', here, 'accept'],
  ])('%s', async (_, data, action) => {
    const { clock, env } = world(data);
    const about = facts(plain());
    const authentication = await clock.until(authenticationOf(about, env, { spf: spf() }));
    const decision = await evaluate<{ data: AuthenticatedFacts & SpfFacts }, Pick<Env, 'dns' | 'clock'>, 'data'>(
      policy,
      'data',
      { ...about, authentication },
      env,
    );
    expect(decision.action).toBe(action);
  });

  test('a signature that passes spares a forwarded message', async () => {
    const { clock, env } = world({
      ...elsewhere,
      ...asks('none'),
      'rsa._domainkey.example.org': { TXT: [records.rsa] },
    });
    const authentication = await clock.until(
      authenticationOf(facts(await sign(plain(), 'example.org')), env, { spf: spf() }),
    );
    expect(dmarcSpeaks({ authentication })).toBe(true);
  });

  test('what has been found out is not asked again', async () => {
    const { clock, env } = world({ ...here, ...asks('reject') });
    const about = facts(plain());
    const authentication = await clock.until(authenticationOf(about, env, { spf: spf() }));
    env.dns.questions.length = 0;
    const found = await messageAuthentication({ spf: spf() }).examine(
      { ...about, authentication } as AuthenticationFacts,
      env,
      never,
    );
    expect([found.result, env.dns.questions.length]).toEqual(['pass', 0]);
  });
});

test('a host that does not keep the octets cannot use it', () => {
  const check = messageAuthentication({ spf: spf() });
  // @ts-expect-error: DataFacts has no message.raw
  const entry: Entry<DataFacts, Env> = check;
  expect(entry).toBe(check);
});

test.each([
  [{}, 'messageAuthentication: spf must be spf() or "not-asked", got undefined'],
  [
    { spf: 'not-asked', signatures: 1.5 },
    'messageAuthentication: signatures must be a whole number from 0 to 100, got 1.5',
  ],
])('a wrong option %j → TypeError', (options, message) => {
  expect(() => messageAuthentication(options as never)).toThrow(new TypeError(message));
});
