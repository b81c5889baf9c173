import fc from 'fast-check';
import type { Outcome, Verdict } from 'postern/core';
import { defer, discard, flag, judge, permit, proceed, quarantine, reject, slow, tag } from 'postern/core';
import { describe, expect, test } from 'vitest';

const outcome = (verdict: Verdict, rule = 'r', shadow?: true): Outcome => ({
  rule,
  finding: { check: 'c', result: 'fail', status: '7.1', explanation: `because of ${rule}` },
  verdict,
  ...(shadow ? { shadow } : {}),
});

describe('judge', () => {
  test.each<[string, Outcome[], object]>([
    ['nothing → accepted', [], { action: 'accept', score: 0 }],
    ['flags → they add up', [outcome(flag(2)), outcome(flag(-0.5))], { action: 'accept', score: 1.5 }],
    ['flags with decimals → exactly', [outcome(flag(0.7)), outcome(flag(0.2))], { score: 0.9 }],
    [
      'a reject behind a defer → the stronger',
      [outcome(defer(), 'a'), outcome(reject(), 'b')],
      { action: 'reject', rule: 'b' },
    ],
    [
      'two rejects → the first written',
      [outcome(reject(), 'a'), outcome(reject(), 'b')],
      { action: 'reject', rule: 'a' },
    ],
    ['a refusal behind a permit → does not count', [outcome(permit), outcome(reject())], { action: 'accept' }],
    ['a refusal before a permit → counts', [outcome(reject()), outcome(permit)], { action: 'reject' }],
    ['a defer and a quarantine → deferred', [outcome(quarantine), outcome(defer())], { action: 'defer' }],
    ['a quarantine and a discard → discarded', [outcome(quarantine), outcome(discard)], { action: 'discard' }],
    ['a refusal in shadow → not enforced', [outcome(reject(), 'a', true)], { action: 'accept', score: 0 }],
    ['a permit in shadow → not enforced', [outcome(permit, 'a', true), outcome(reject())], { action: 'reject' }],
    [
      'delays → the longest',
      [outcome(slow(10)), outcome(flag(1)), outcome(slow(5))],
      { action: 'accept', delayMs: 10 },
    ],
    ['a tag → is kept', [outcome(tag('X-A', 'b'))], { action: 'accept', tags: [{ name: 'X-A', value: 'b' }] }],
    [
      'the rule says more than the finding → the rule',
      [outcome(reject({ status: '7.26', text: 'No' }))],
      { status: '7.26', text: 'No' },
    ],
    [
      'the rule says nothing → the finding',
      [outcome(reject(), 'x')],
      { status: '7.1', text: 'because of x', close: false },
    ],
  ])('%s', (_, outcomes, expected) => expect(judge(outcomes)).toMatchObject(expected));
});

const verdicts: fc.Arbitrary<Verdict> = fc.oneof(
  fc.constantFrom<Verdict>(proceed, permit, quarantine, discard, defer(), reject(), reject({ close: true }), slow(7)),
  fc.integer({ min: -5, max: 9 }).map((weight) => flag(weight)),
  fc.constant(tag('X-Tag', 'yes')),
);
const outcomes = fc.array(
  fc
    .record({ verdict: verdicts, rule: fc.stringMatching(/^[a-z]{1,4}$/), shadow: fc.boolean() })
    .map(({ verdict, rule, shadow }) => outcome(verdict, rule, shadow ? true : undefined)),
  { maxLength: 8 },
);
const withoutOutcomes = (list: readonly Outcome[]) => ({ ...judge(list), outcomes: undefined });

describe('properties', () => {
  test('`proceed`, wherever it stands → the same decision', () => {
    fc.assert(
      fc.property(outcomes, fc.nat(), (list, at) => {
        const where = at % (list.length + 1);
        const more = [...list.slice(0, where), outcome(proceed, 'new'), ...list.slice(where)];
        expect(withoutOutcomes(more)).toEqual(withoutOutcomes(list));
      }),
    );
  });
  test('a rule in shadow, wherever it stands → the same decision', () => {
    fc.assert(
      fc.property(outcomes, verdicts, fc.nat(), (list, verdict, at) => {
        const where = at % (list.length + 1);
        const more = [...list.slice(0, where), outcome(verdict, 'new', true), ...list.slice(where)];
        expect(withoutOutcomes(more)).toEqual(withoutOutcomes(list));
      }),
    );
  });
  test('a decision → survives JSON', () => {
    fc.assert(
      fc.property(outcomes, (list) => {
        expect(JSON.parse(JSON.stringify(judge(list)))).toEqual(judge(list));
      }),
    );
  });
  test('one more refusal at the end, no permit before it → refused', () => {
    fc.assert(
      fc.property(outcomes, (list) => {
        fc.pre(!list.some(({ verdict, shadow }) => verdict.action === 'permit' && !shadow));
        expect(judge([...list, outcome(reject())]).action).toBe('reject');
      }),
    );
  });
});

describe('verdicts', () => {
  test.each([
    ['a weight that is not a number', () => flag(Number.NaN), 'flag: weight must be a number'],
    ['a weight with four decimals', () => flag(0.1234), 'flag: weight must be a number with at most three decimals'],
    ['a weight that is too large', () => flag(1e12), 'flag: weight must be a number'],
    ['a text of two lines', () => reject({ text: 'a\r\nb' }), 'reject: text'],
    [
      'a status with a class',
      () => defer({ status: '4.7.1' as never }),
      'defer: status must be subject and detail, like "7.1", got "4.7.1"',
    ],
    ['a negative delay', () => slow(-1), 'slow: delayMs must be a number, 0 or more, got -1'],
    ['a header name with a colon', () => tag('X:', 'a'), 'tag: name must be a header field name, got "X:"'],
    ['a header value with a line break', () => tag('X', 'a\nb'), 'tag: value'],
  ])('%s → TypeError', (_, make, message) => expect(make).toThrow(new RegExp(`^${message.replace(/[.]/g, '\\.')}`)));
});
