import { type LintOptions, lint } from 'postern/analysis';
import { dnsbl } from 'postern/checks/dnsbl';
import { relayControl } from 'postern/checks/relay-control';
import { reverseDns } from 'postern/checks/reverse-dns';
import {
  type Check,
  defer,
  defineCheck,
  type Entry,
  fail,
  flag,
  on,
  pass,
  permit,
  proceed,
  reject,
  score,
  shadow,
  unless,
  when,
  within,
} from 'postern/core';
import { authenticated, smtpPolicy, toPostmaster } from 'postern/smtp';
import { rcptFacts } from 'postern/testing';
import { expect, test } from 'vitest';

type Any = Check<object, object, 'pass' | 'fail' | 'temperror'>;
const check = (label: string): Any =>
  defineCheck<object, object, 'pass' | 'fail' | 'temperror'>(
    'c',
    () => fail(),
    { fail: reject(), temperror: defer() },
    { label },
  );
const a = check('a');
const b = check('b');
const quiet = defineCheck('quiet', () => pass(), {});

/** What lint finds: id and place. */
const found = (policy: object, options?: LintOptions): string[] =>
  lint(policy, options).map(({ id, place }) => `${id} ${place}`);

test.each<[string, Entry<never, never>[], string[]]>([
  ['nothing', [a, unless(() => true, b)], []],
  ['inert', [on(a, { fail: proceed, temperror: proceed })], ['inert rcpt[0]']],
  ['inert, but in shadow', [shadow(on(a, { fail: proceed, temperror: proceed }))], []],
  [
    'behind-an-end',
    [on(a, { pass: permit, none: permit, neutral: permit, softfail: permit } as never), b],
    ['behind-an-end rcpt[1]'],
  ],
  ['score-unreachable', [score({ rejectAt: 5 }, on(a, { fail: flag(2) }))], ['score-unreachable rcpt[0]']],
  [
    'thresholds-out-of-order',
    [score({ rejectAt: 1, tagAt: 2 }, on(a, { fail: flag(0.5) }), on(b, { fail: flag(2) }))],
    ['weight-alone-decides rcpt[0].score[1]', 'thresholds-out-of-order rcpt[0]'],
  ],
  ['weight-without-score', [on(a, { fail: flag(2) })], ['weight-without-score rcpt[0]']],
  [
    'weight-alone-decides',
    [score({ rejectAt: 2 }, on(a, { fail: flag(2) }))],
    ['weight-alone-decides rcpt[0].score[0]'],
  ],
  [
    'shadow-in-score-counts-nothing',
    [score({ rejectAt: 2 }, on(a, { fail: flag(1) }), on(check('d'), { fail: flag(1) }), shadow(b))],
    ['shadow-in-score-counts-nothing rcpt[0].score[2]'],
  ],
  ['refuses-on-temperror', [on(a, { temperror: reject() })], ['refuses-on-temperror rcpt[0]']],
  [
    'outage-refuses',
    [score({ rejectAt: 2 }, on(a, { temperror: flag(1) }), on(b, { temperror: flag(1) }))],
    ['outage-refuses rcpt'],
  ],
  [
    'deadline-never-fires',
    [
      within(
        100,
        when(() => true, within(100, a)),
      ),
    ],
    ['deadline-never-fires rcpt[0].within.when'],
  ],
  [
    'early-exit-impossible',
    [score({ rejectAt: 2 }, on(a, { fail: flag(1) }), on(b, { fail: flag(1), pass: flag(-3) }))],
    ['early-exit-impossible rcpt[0]'],
  ],
  ['asked-twice', [on(a, {}, { id: 'one' }), on(a, {}, { id: 'two' })], ['asked-twice rcpt[1]']],
])('%s', (_, rcpt, expected) => expect(found({ rcpt })).toEqual(expected));

test('inert: a check without adverse results still defers when it throws', () => {
  expect(found({ rcpt: [quiet] })).toEqual([]);
});

test('stage-never-comes', () => {
  expect(found({ helo: [a], rcpt: [b] }, { host: { stages: ['rcpt'] } })).toEqual(['stage-never-comes helo']);
});

test('refused-before-auth, on submission only', () => {
  const policy = { connect: [dnsbl({ zone: 'zen.example' })], mail: [on(reverseDns(), { fail: reject() })] };
  expect(found(policy)).not.toContain('refused-before-auth connect[0]');
  expect(found(policy, { host: { role: 'submission' } })).toContain('refused-before-auth connect[0]');
});

test('condition-never-held, on the samples given', () => {
  const rcpt = [when(authenticated, a), unless(authenticated, b)];
  expect(found({ rcpt }, { samples: { rcpt: [rcptFacts({})] } })).toEqual(['condition-never-held rcpt[0]']);
  expect(found({ rcpt }, { samples: { rcpt: [rcptFacts({}), rcptFacts({ auth: 'bob' })] } })).toEqual([]);
});

test('postmaster-unreachable', () => {
  const relay = relayControl({ localDomains: ['example.com'] });
  const options = { toPostmaster: rcptFacts({ to: 'postmaster@example.com' }) };
  const strict = on(dnsbl({ zone: 'zen.example' }), { fail: reject() });
  expect(found(smtpPolicy({ relay, rcpt: [strict] }), options)).toEqual(['postmaster-unreachable rcpt[1]']);
  expect(found(smtpPolicy({ relay, rcpt: [unless(toPostmaster, strict)] }), options)).toEqual([]);
});

test('findings are plain data, with a reason and a fix', () => {
  const findings = lint({ rcpt: [on(a, { temperror: reject() })] });
  expect(JSON.parse(JSON.stringify(findings))).toEqual(findings);
  expect(findings).toMatchObject([
    { severity: 'error', rule: 'c/a', reason: expect.stringMatching(/./), fix: 'temperror: defer()' },
  ]);
});
