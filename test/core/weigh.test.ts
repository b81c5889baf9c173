import { defineCheck, evaluate, fail, flag, judge, on, score, weigh } from 'postern/core';
import { describe, expect, test } from 'vitest';

const bounds = { least: 0, most: 5 };
const heavy = (weight: number | undefined) =>
  defineCheck('heavy', () => fail(weight === undefined ? {} : { weight }), { fail: weigh(2, bounds) });

describe('weigh: the finding has a weight', () => {
  test.each([
    ['a weight → counts', 3, 3],
    ["no weight → the table's weight counts", undefined, 2],
    ['more than most → most', 50, 5],
    ['less than least → least', -50, 0],
    ["NaN → the table's weight counts", Number.NaN, 2],
    ['more than three decimals → rounded', 1.23456, 1.235],
  ])('%s', async (_, weight, expected) => {
    const decision = await evaluate({ only: [heavy(weight)] }, 'only', {}, {});
    expect(decision.score).toBe(expected);
    expect(decision.outcomes[0]?.verdict).toEqual({ action: 'flag', weight: expected });
  });

  test('flag() replaces it', async () => {
    const decision = await evaluate({ only: [on(heavy(3), { fail: flag(1) })] }, 'only', {}, {});
    expect(decision.score).toBe(1);
  });

  test('a score waits for a check that could still have a negative weight', async () => {
    let release: (finding: { result: 'fail'; weight: number }) => void = () => {};
    const late = defineCheck(
      'late',
      () => new Promise<{ result: 'fail'; weight: number }>((resolve) => (release = resolve)),
      { fail: weigh(1, { least: -4, most: 1 }) },
    );
    const group = score({ rejectAt: 5 }, heavy(5), late);
    const decision = evaluate({ only: [group] }, 'only', {}, {});
    release({ result: 'fail', weight: -3 });
    expect((await decision).action).toBe('accept');
  });

  test('least greater than most, or a wrong bound → TypeError', () => {
    expect(() => weigh(1, { least: 2, most: 1 })).toThrow('weigh: least must be at most 1 (most), got 2');
    expect(() => weigh(1, { least: 0, most: Number.POSITIVE_INFINITY })).toThrow(TypeError);
    expect(() => weigh(1, { least: 0.0001, most: 1 })).toThrow(
      'weigh: least must be a number with at most three decimals',
    );
  });

  test('a decision with weighed flags survives JSON', async () => {
    const decision = await evaluate({ only: [heavy(3)] }, 'only', {}, {});
    const again = JSON.parse(JSON.stringify(decision.outcomes)) as typeof decision.outcomes;
    expect(judge(again).score).toBe(3);
    expect(again[0]?.finding.weight).toBe(3);
  });
});
