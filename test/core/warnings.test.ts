import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { accessPolicy } from 'postern/access';
import { dnsbl } from 'postern/checks/dnsbl';
import { encryptedAuth } from 'postern/checks/encrypted-auth';
import { reverseDns } from 'postern/checks/reverse-dns';
import { spf } from 'postern/checks/spf';
import { uribl } from 'postern/checks/uribl';
import type { PolicyWarning } from 'postern/core';
import {
  assertUniqueIds,
  defineCheck,
  fail,
  flag,
  on,
  pass,
  proceed,
  reject,
  score,
  shadow,
  together,
  unless,
  weigh,
  within,
} from 'postern/core';
import { smtpPolicy } from 'postern/smtp';
import { afterAll, describe, expect, test } from 'vitest';
import { root } from '../../.config/subpaths.mjs';
import { compile, writeSnippets } from '../docs/snippets.ts';

const relay = 'decided-by-the-server' as const;
const zone = 'zen.dnsbl.example';
const no = (): boolean => false;
const listed = defineCheck('listed', () => fail(), { fail: reject() });
const adds = (weight: number, label: string) => defineCheck('adds', () => fail(), { fail: flag(weight) }, { label });

describe('a weight that no score adds up → TypeError', () => {
  test.each<[string, () => unknown, string]>([
    [
      'a list of addresses',
      () => smtpPolicy({ relay, rcpt: [dnsbl({ zone, weight: 100 })] }),
      'smtpPolicy: rcpt: dnsbl: ',
    ],
    [
      'weights of codes',
      () => smtpPolicy({ relay, rcpt: [dnsbl({ zone, codes: { '127.0.0.2': 4 } })] }),
      'the weight 4 for fail',
    ],
    [
      'an allow list',
      () => smtpPolicy({ relay, rcpt: [dnsbl({ zone, kind: 'allow', weight: -2 })] }),
      'the weight -2 for pass',
    ],
    [
      'a URI list',
      () => smtpPolicy({ relay, data: [uribl({ zone, weight: 5 })] }),
      "score({ rejectAt: 5, id: 'data-score' }, rule)",
    ],
    [
      'deep inside',
      () => smtpPolicy({ relay, rcpt: [unless(no, within(9, together(dnsbl({ zone, weight: 100 }))))] }),
      'no score adds up the weight 100 for fail',
    ],
    [
      'a login policy',
      () =>
        accessPolicy({
          encryption: encryptedAuth({ mechanisms: ['PLAIN'] }),
          connect: [dnsbl({ zone, weight: 3 }) as never],
        }),
      'accessPolicy: connect: dnsbl: ',
    ],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  test.each<[string, () => { readonly warnings: readonly PolicyWarning[] }]>([
    ['inside a score', () => smtpPolicy({ relay, rcpt: [score({ rejectAt: 5 }, dnsbl({ zone, weight: 5 }))] })],
    [
      'deep inside a score',
      () => smtpPolicy({ relay, rcpt: [score({ rejectAt: 5 }, unless(no, together(dnsbl({ zone, weight: 5 }))))] }),
    ],
    ['in shadow', () => smtpPolicy({ relay, rcpt: [shadow(dnsbl({ zone, weight: 5 }))] })],
    ['replaced', () => smtpPolicy({ relay, rcpt: [on(dnsbl({ zone, weight: 5 }), { fail: reject() })] })],
    ['none', () => smtpPolicy({ relay, rcpt: [dnsbl({ zone })], data: [uribl({ zone: 'uri.example' })] })],
    [
      'spf() with every flag replaced',
      () => smtpPolicy({ relay, mail: [on(spf(), { fail: reject(), softfail: proceed, permerror: proceed })] }),
    ],
  ])('%s → neither an error nor a warning', (_, make) => {
    expect(make().warnings).toEqual([]);
  });
});

/** Policies with warnings. The fixes are compiled below. */
const warned: readonly (readonly [string, readonly PolicyWarning[], readonly Partial<PolicyWarning>[]])[] = [
  [
    'flags that a check recommends',
    smtpPolicy({ relay, mail: [spf()] }).warnings,
    ['softfail', 'fail', 'permerror'].map((result) => ({ rule: 'spf', stage: 'mail', result }) as PolicyWarning),
  ],
  [
    'flags of on()',
    smtpPolicy({ relay, rcpt: [on(listed, { fail: flag(2) })] }).warnings,
    [{ rule: 'listed', stage: 'rcpt', result: 'fail', reason: 'no score adds up the weight 2 for fail' }],
  ],
  [
    'weigh()',
    smtpPolicy({ relay, rcpt: [on(listed, { fail: weigh(1, { least: -1, most: 4 }) })] }).warnings,
    [{ reason: expect.stringContaining('4') }],
  ],
  ['a negative flag', smtpPolicy({ relay, rcpt: [on(listed, { fail: flag(-1) })] }).warnings, [{ rule: 'listed' }]],
  [
    'a threshold beyond all weights',
    smtpPolicy({ relay, rcpt: [score({ rejectAt: 9, tagAt: 2, id: 'sum' }, adds(2, 'a'), adds(1.5, 'b'))] }).warnings,
    [
      {
        rule: 'sum',
        stage: 'rcpt',
        result: 'fail',
        reason: 'rejectAt 9 is never reached: the weights of its rules come to 3.5 at most',
      },
    ],
  ],
  [
    'a score without weights',
    smtpPolicy({ relay, rcpt: [score({ rejectAt: 5 }, listed)] }).warnings,
    [{ reason: expect.stringContaining('come to 0 at most') }],
  ],
  [
    'a threshold that is not below a stronger one',
    smtpPolicy({ relay, rcpt: [score({ rejectAt: 2, quarantineAt: 2, tagAt: 1 }, adds(2, 'a'))] }).warnings,
    [{ reason: 'quarantineAt 2 never takes effect: rejectAt 2 is reached before it' }],
  ],
  [
    'an inner score',
    smtpPolicy({ relay, rcpt: [score({ rejectAt: 2 }, adds(2, 'a'), score({ tagAt: 3, id: 'inner' }, adds(1, 'b')))] })
      .warnings,
    [{ rule: 'inner' }],
  ],
];

describe('parts without effect → warnings', () => {
  test.each(warned)('%s', (_, warnings, expected) => {
    expect(warnings).toHaveLength(expected.length);
    expect(warnings).toEqual(expect.arrayContaining(expected.map((warning) => expect.objectContaining(warning))));
    expect(JSON.parse(JSON.stringify(warnings))).toEqual(warnings);
  });
  test('a score in shadow, and thresholds that are reached → none', () => {
    const off = shadow(score({ rejectAt: 100, id: 'off' }, adds(1, 'a')));
    const on_ = score({ rejectAt: 5 }, adds(2, 'b'), score({ tagAt: 3, id: 'inner' }, adds(3, 'c')), reverseDns());
    expect(smtpPolicy({ relay, rcpt: [off, on_] }).warnings).toEqual([]);
  });
  test('warnings → are frozen with the policy', () => {
    expect(() => (smtpPolicy({ relay }).warnings as PolicyWarning[]).push({} as never)).toThrow(TypeError);
  });
});

describe('the fixes compile', () => {
  const folder = join(root, 'test/docs/.snippets/fixes');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const idError = (kind: 'check' | 'score'): string => {
    const rule = kind === 'check' ? adds(1, 'a') : score({ rejectAt: 1 }, listed);
    try {
      assertUniqueIds({ a: [rule], b: [rule] });
    } catch (error) {
      return /another id: (.*)$/.exec((error as Error).message)?.[1] ?? '';
    }
    return '';
  };
  const chosen = (): string => {
    try {
      smtpPolicy({ relay, rcpt: [dnsbl({ zone, weight: 100 })] });
    } catch (error) {
      return /inside one: (.*)$/.exec((error as Error).message)?.[1] ?? '';
    }
    return '';
  };
  const fixes = [
    ...warned.flatMap(([, warnings]) => warnings.map(({ fix }) => fix)),
    idError('check'),
    idError('score'),
    chosen(),
  ];

  test('fixes → compile', () => {
    const text = [
      "import type { Check } from 'postern/core';",
      "import { flag, on, score } from 'postern/core';",
      "declare const rule: Check<object, object, 'fail'>;",
      'declare const check: typeof rule;',
      'declare const rules: readonly (typeof rule)[];',
      ...fixes.map((fix, i) => `export const fix${i} = ${fix};`),
      'export const all = [flag, on, check, rules];',
    ].join('\n');
    expect(fixes.every((fix) => fix !== '')).toBe(true);
    const files = writeSnippets(folder, [{ at: 'fixes:1', page: 'fixes', text, use: undefined, file: 'fixes.ts' }]);
    expect([...compile(root, files).values()]).toEqual([[]]);
  }, 60_000);
});

test('a check without flags → no warning', () => {
  expect(smtpPolicy({ relay, rcpt: [defineCheck('quiet', () => pass(), {})] }).warnings).toEqual([]);
});
