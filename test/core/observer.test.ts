import {
  type Check,
  defineCheck,
  type Entry,
  type EvaluationStep,
  evaluate,
  fail,
  flag,
  named,
  none,
  on,
  pass,
  permit,
  reject,
  score,
  shadow,
  temperror,
  together,
  unless,
  when,
  within,
} from 'postern/core';
import { fixedClock } from 'postern/testing';
import { expect, test } from 'vitest';

type Any = Check<object, object>;
const check = (label: string, answer: () => ReturnType<typeof fail> | ReturnType<typeof pass> | Promise<never>): Any =>
  defineCheck('c', answer, { fail: reject() }, { label }) as Any;
const good = (label: string): Any => check(label, () => pass());
const bad = (label: string): Any => check(label, () => fail());
const silent = (label: string): Any => check(label, () => new Promise<never>(() => {}));

/** Every step of an evaluation, one word each. */
async function steps(...rcpt: Entry<object, never>[]): Promise<string[]> {
  const seen: EvaluationStep[] = [];
  let now = 0;
  const observer = { now: () => now++, onStep: (step: EvaluationStep): void => void seen.push(step) };
  const env = { clock: fixedClock() };
  await evaluate({ rcpt: rcpt as Entry<object, object>[] }, 'rcpt', {}, env, { observer });
  return seen.map((step) => {
    const word = step.skipped ?? step.outcome?.finding.result ?? (step.kind === 'condition' ? step.holds : '');
    return `${step.place} ${step.rule} ${word}`;
  });
}

const yes = (): boolean => true;
const broken = named('broken', (): boolean => {
  throw new Error('boom');
});

test.each<[string, Entry<object, never>[], string[]]>([
  [
    'in order, and what a refusal leaves out',
    [good('a'), bad('b'), together(good('c'), good('d'))],
    [
      'rcpt[0] c/a pass',
      'rcpt[1] c/b fail',
      'rcpt[2].together[0] c/c decided-before',
      'rcpt[2].together[1] c/d decided-before',
    ],
  ],
  [
    'what a permit leaves out',
    [on(good('a'), { pass: permit }), score({ rejectAt: 1 }, bad('b'))],
    ['rcpt[0] c/a pass', 'rcpt[1] score permitted-before', 'rcpt[1].score[0] c/b permitted-before'],
  ],
  [
    'conditions, true, false and broken',
    [when(yes, good('a')), unless(yes, within(5, good('b'))), when(broken, good('c'))],
    [
      'rcpt[0] when/yes true',
      'rcpt[0].when c/a pass',
      'rcpt[1] when/yes true',
      'rcpt[1].when.within c/b condition-false',
      'rcpt[2] when/broken temperror',
    ],
  ],
  [
    'a score that is certain',
    [score({ rejectAt: 2 }, on(bad('a'), { fail: flag(2) }), shadow(silent('b')))],
    ['rcpt[0].score[0] c/a fail', 'rcpt[0].score[1].shadow c/b score-decided', 'rcpt[0] score fail'],
  ],
])('%s', async (_, rules, expected) => expect(await steps(...rules)).toEqual(expected));

test('a check can be given its own environment, and its time is measured', async () => {
  const asks = defineCheck('asks', (_: object, env: { who: string }) => none({ detail: env.who }), {});
  const late = defineCheck('late', () => temperror(), { temperror: reject() });
  const seen: EvaluationStep[] = [];
  let now = 0;
  await evaluate(
    { s: [asks, late] },
    's',
    {},
    { who: 'all' },
    {
      observer: {
        now: () => (now += 10),
        onStep: (step) => void seen.push(step),
        envFor: (rule, env) => ({ ...env, who: rule }),
      },
    },
  );
  expect(seen).toMatchObject([
    { rule: 'asks', outcome: { finding: { detail: 'asks' } }, began: 10, tookMs: 10 },
    { rule: 'late', began: 30, tookMs: 10 },
  ]);
});

test('a name of a condition that is no id → a TypeError', () => {
  expect(() => named('two words', yes)).toThrow(
    "named: id must be letters, digits, '.', '/' and '-', got \"two words\"",
  );
});

test('an observer that throws changes nothing', async () => {
  const boom = (): never => {
    throw new Error('boom');
  };
  const observer = { now: boom, onStep: boom, envFor: boom };
  const late = check('late', () => Promise.resolve(fail()) as Promise<never>);
  const rules = [score({ rejectAt: 1 }, on(bad('a'), { fail: flag(1) }), late), bad('b')];
  expect(await evaluate({ s: rules }, 's', {}, {}, { observer })).toEqual(await evaluate({ s: rules }, 's', {}, {}));
});
