import { provesEquivalent, provesImplies, provesNoOutageRefuses } from 'postern/analysis';
import { connectionLimits } from 'postern/checks/connection-limits';
import { dnsbl } from 'postern/checks/dnsbl';
import { encryptedAuth } from 'postern/checks/encrypted-auth';
import { ipBlocklist } from 'postern/checks/ip-blocklist';
import { messageAuthentication } from 'postern/checks/message-authentication';
import { mxRedundancy } from 'postern/checks/mx-redundancy';
import { relayControl } from 'postern/checks/relay-control';
import { heloIdentity, reverseDns, senderDomain } from 'postern/checks/reverse-dns';
import { smtpAuth } from 'postern/checks/smtp-auth';
import { spf } from 'postern/checks/spf';
import { uribl } from 'postern/checks/uribl';
import {
  type Check,
  defer,
  defineCheck,
  type Entry,
  fail,
  flag,
  named,
  on,
  permit,
  quarantine,
  reject,
  score,
  shadow,
  unless,
  weigh,
} from 'postern/core';
import { describe, expect, test } from 'vitest';

const check = (label: string): Check<object, object, 'pass' | 'fail' | 'temperror' | 'permerror'> =>
  defineCheck<object, object, 'pass' | 'fail' | 'temperror' | 'permerror'>(
    'c',
    () => fail(),
    { fail: reject(), temperror: defer(), permerror: flag(1) },
    { label },
  );
const a = check('a');
const b = check('b');
const holds = { holds: true };

describe('no outage refuses', () => {
  test.each<[string, Entry<never, never>[], object]>([
    ['recommended tables', [a, b], holds],
    ['a temperror that rejects', [on(a, { temperror: reject() })], { holds: false, findings: { 'c/a': 'temperror' } }],
    [
      'two outages that reject together',
      [score({ rejectAt: 2 }, on(a, { temperror: flag(1) }), on(b, { temperror: flag(1) }))],
      { holds: false, findings: { 'c/a': 'temperror', 'c/b': 'temperror' }, action: 'reject' },
    ],
    [
      'a broken rule that could have kept the sum down',
      [score({ rejectAt: 2 }, on(a, { pass: flag(-1), temperror: flag(1) }), on(b, { temperror: flag(1) }))],
      holds,
    ],
    [
      'only if a condition is false',
      [
        unless(
          named('spared', () => true),
          on(a, { permerror: reject() }),
        ),
      ],
      {
        holds: false,
        findings: { 'c/a': 'permerror' },
        conditions: { 'when/spared': false },
      },
    ],
    ['in shadow', [shadow(on(a, { temperror: reject() }))], holds],
    ['what the sender caused is not an outage', [on(a, { permerror: flag(1), 'permerror:sender': reject() })], holds],
    [
      'a permit before it, that only some results give',
      [on(a, { pass: permit, temperror: flag(1) }), on(b, { temperror: reject() })],
      {
        holds: false,
      },
    ],
    [
      'the greatest weight that a finding may carry',
      [score({ rejectAt: 4 }, on(a, { permerror: weigh(1, { least: 0, most: 4 }) }))],
      { holds: false, findings: { 'c/a': 'permerror (weight 4)' } },
    ],
  ])('%s', (_, rcpt, expected) => expect(provesNoOutageRefuses({ rcpt })).toMatchObject(expected));

  test('deferring is another question', () => {
    expect(provesNoOutageRefuses({ rcpt: [a] }, { neverDefers: true })).toEqual({
      holds: false,
      stage: 'rcpt',
      action: 'defer',
      findings: { 'c/a': 'temperror' },
      conditions: {},
    });
    expect(provesNoOutageRefuses({ rcpt: [on(a, { temperror: flag(1) })] }, { neverDefers: true })).toEqual(holds);
  });

  test('the stage that refuses is named, and a login is judged apart from a message', () => {
    expect(provesNoOutageRefuses({ connect: [a], data: [on(b, { temperror: reject() })] })).toMatchObject({
      stage: 'data',
    });
    expect(provesNoOutageRefuses({ auth: [on(b, { temperror: reject() })], rcpt: [a] })).toMatchObject({
      stage: 'auth',
    });
  });

  test.each<[string, Entry<never, never>[]]>([
    ['relay-control', [relayControl({ localDomains: ['example.com'] })]],
    ['smtp-auth', [smtpAuth({})]],
    ['connection-limits', [connectionLimits({ concurrent: 5, perMinute: 60 })]],
    ['reverse-dns', [reverseDns(), senderDomain(), heloIdentity()]],
    [
      'dnsbl',
      [
        score(
          { rejectAt: 1 },
          dnsbl({ zone: 'block.example' }),
          dnsbl({ zone: 'allow.example', kind: 'allow', label: 'allow' }),
        ),
      ],
    ],
    ['spf', [spf()]],
    ['uribl', [uribl({ zone: 'multi.example' })]],
    ['ip-blocklist', [ipBlocklist({ block: ['192.0.2.0/24'] })]],
    ['encrypted-auth', [encryptedAuth()]],
    ['message-authentication', [messageAuthentication({ spf: spf() })]],
    ['mx-redundancy', [mxRedundancy()]],
  ])('holds for the recommended table of %s', (_, rules) => {
    expect(provesNoOutageRefuses({ rules })).toEqual(holds);
  });
});

describe('two policies', () => {
  const strict = on(a, { fail: reject(), temperror: reject() });
  test.each<[string, Entry<never, never>[], Entry<never, never>[], object, object]>([
    ['the same', [a, b], [a, b], holds, holds],
    [
      'stricter',
      [a],
      [strict],
      holds,
      { holds: false, findings: { 'c/a': 'temperror' }, first: 'defer', second: 'reject' },
    ],
    ['one rule more', [a], [a, b], holds, { holds: false }],
    ['one rule less', [a, b], [a], { holds: false, second: 'accept' }, { holds: false }],
    ['written in another order', [a, b], [b, a], { holds: false, first: 'reject', second: 'defer' }, { holds: false }],
    [
      'quarantine is no refusal',
      [on(a, { fail: quarantine, temperror: flag(1) })],
      [],
      holds,
      { holds: false, first: 'quarantine' },
    ],
    [
      'the same score, written differently',
      [score({ rejectAt: 2 }, on(a, { fail: flag(1) }), on(b, { fail: flag(1) }))],
      [
        score(
          { rejectAt: 4, id: 'other' },
          on(b, { fail: flag(2), permerror: flag(2) }),
          on(a, { fail: flag(2), permerror: flag(2) }),
        ),
      ],
      holds,
      holds,
    ],
    [
      'the same condition',
      [
        unless(
          named('x', () => true),
          a,
        ),
      ],
      [a],
      holds,
      {
        holds: false,
        conditions: { 'when/x': true },
      },
    ],
  ])('%s', (_, first, second, implies, equivalent) => {
    expect(provesImplies({ s: first }, { s: second })).toMatchObject(implies);
    expect(provesEquivalent({ s: first }, { s: second })).toMatchObject(equivalent);
  });

  test('a rule may move to a later stage', () => {
    expect(provesEquivalent({ mail: [a], rcpt: [] }, { mail: [], rcpt: [a] })).toEqual(holds);
  });
});

test('forty rules in a score are no problem', () => {
  const rules = Array.from({ length: 40 }, (_, i) =>
    on(check(`r${i}`), { fail: flag((i % 7) + 0.5), temperror: flag(0.1) }),
  );
  expect(provesNoOutageRefuses({ rcpt: [score({ rejectAt: 5 }, ...rules)] })).toMatchObject({ holds: false });
  expect(provesNoOutageRefuses({ rcpt: [score({ rejectAt: 45 }, ...rules)] })).toEqual(holds);
});
