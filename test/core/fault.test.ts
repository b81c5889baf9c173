import { defineCheck, evaluate, flag, on, permerror, proceed, reject, type score } from 'postern/core';
import { describe, expect, test } from 'vitest';

const table = { permerror: flag(1), 'permerror:sender': reject() } as const;
const broken = (fault: 'sender' | 'third-party' | undefined) =>
  defineCheck('broken', () => permerror({ fault, status: '6.0' }), table);
const action = async (rule: Parameters<typeof score>[1]) =>
  (await evaluate({ only: [rule as never] }, 'only', {}, {})).action;

describe('a permerror, by who caused it', () => {
  test.each([
    ['the sender → its own row', 'sender', 'reject'],
    ['a third party → permerror', 'third-party', 'accept'],
    ['unknown → permerror', undefined, 'accept'],
  ] as const)('%s', async (_, fault, expected) => {
    expect(await action(broken(fault))).toBe(expected);
  });

  test('a table without the row → permerror', async () => {
    const mild = defineCheck('mild', () => permerror({ fault: 'sender' }), { permerror: flag(1) });
    expect(await action(mild)).toBe('accept');
    expect(await action(on(mild, { permerror: reject() }))).toBe('reject');
  });

  test('on() changes the row only, and changing permerror does not change the row', async () => {
    expect(await action(on(broken('sender'), { 'permerror:sender': proceed }))).toBe('accept');
    expect(await action(on(broken('third-party'), { 'permerror:sender': proceed }))).toBe('accept');
    expect(await action(on(broken('sender'), { permerror: proceed }))).toBe('reject');
  });

  test('another result with a fault → its own row', async () => {
    const odd = defineCheck('odd', () => ({ result: 'pass', fault: 'sender' }) as const, {});
    expect(await action(odd)).toBe('accept');
  });

  test('a finding read from JSON is judged the same', async () => {
    const decision = await evaluate({ only: [broken('sender')] }, 'only', {}, {});
    const finding = JSON.parse(JSON.stringify(decision.outcomes[0]?.finding));
    const known = { get: () => finding };
    expect((await evaluate({ only: [broken(undefined)] }, 'only', {}, {}, { known })).action).toBe('reject');
  });
});

test('an unknown key → TypeError', () => {
  expect(() => defineCheck('odd', () => permerror(), { permerror: flag(1), 'fail:sender': reject() } as never)).toThrow(
    new TypeError(
      'defineCheck: unknown result fail:sender in the table of odd (known: pass, none, neutral, softfail, fail, temperror, permerror, permerror:sender)',
    ),
  );
});
