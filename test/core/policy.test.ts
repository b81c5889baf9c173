import fc from 'fast-check';
import type { Awaitable, Check, Entry, Result, Thresholds, Verdict } from 'postern/core';
import {
  assertUniqueIds,
  defer,
  defineCheck,
  discard,
  evaluate,
  fail,
  flag,
  none,
  on,
  pass,
  permit,
  proceed,
  quarantine,
  recorded,
  reject,
  score,
  shadow,
  slow,
  softfail,
  tag,
  together,
  unless,
  when,
  within,
} from 'postern/core';
import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';

type Facts = { readonly n: number };
const check = (label: string, result: Result, asked: string[] = []): Check<Facts, object> =>
  defineCheck(
    'check',
    (_: Facts) => {
      asked.push(label);
      return { result };
    },
    { fail: reject(), softfail: flag(1), temperror: defer(), permerror: proceed },
    { label },
  );
const later = <R extends Result>(label: string, answer: Promise<{ result: R }>, weight: number) =>
  defineCheck(
    'later',
    () => answer as Promise<{ result: 'fail' | 'none' | 'pass' }>,
    { fail: flag(weight), pass: flag(-weight) },
    { label },
  );
const at = (rules: readonly Entry<Facts, object>[], facts: Facts = { n: 1 }) =>
  evaluate<{ stage: Facts }, object, 'stage'>({ stage: rules }, 'stage', facts, {});

describe('evaluate', () => {
  test('rules in order, a refusal → later checks do not run', async () => {
    const asked: string[] = [];
    const decision = await at([check('a', 'pass', asked), check('b', 'fail', asked), check('c', 'pass', asked)]);
    expect(asked).toEqual(['a', 'b']);
    expect(decision).toMatchObject({ action: 'reject', rule: 'check/b' });
  });
  test('a permit → later checks do not run', async () => {
    const asked: string[] = [];
    await at([on(check('a', 'pass', asked), { pass: permit }), check('b', 'fail', asked)]);
    expect(asked).toEqual(['a']);
  });
  test('a permit in shadow → later checks run', async () => {
    expect((await at([shadow(on(check('a', 'pass'), { pass: permit })), check('b', 'fail')])).action).toBe('reject');
  });
  test('together → all checks run, judged in written order', async () => {
    const decision = await at([together(check('a', 'softfail'), check('b', 'fail'), check('c', 'fail'))]);
    expect(decision).toMatchObject({ action: 'reject', rule: 'check/b', score: 1 });
    expect(decision.outcomes.map(({ rule }) => rule)).toEqual(['check/a', 'check/b', 'check/c']);
  });
  test('when and unless → apply the rule by the facts', async () => {
    const odd = (facts: Facts) => facts.n % 2 === 1;
    expect((await at([when(odd, check('a', 'fail'))], { n: 2 })).action).toBe('accept');
    expect((await at([when(odd, check('a', 'fail'))], { n: 3 })).action).toBe('reject');
    expect((await at([unless(odd, check('a', 'fail'))], { n: 3 })).action).toBe('accept');
  });
  test('a condition that throws → defers, never skips the rule', async () => {
    const broken = () => {
      throw new Error('boom');
    };
    expect(await at([unless(broken, check('a', 'fail'))])).toMatchObject({
      action: 'defer',
      because: { cause: 'policy-engine' },
    });
  });
  test.each<[string, () => Awaitable<{ result: 'pass' }>]>([
    [
      'throws',
      () => {
        throw new Error('boom');
      },
    ],
    ['rejects', () => Promise.reject(new Error('boom'))],
    [
      'throws a value that is not an Error',
      () => {
        throw 'boom';
      },
    ],
    ['answers nothing', () => undefined as never],
    ['answers a word that is not a result', () => ({ result: 'ok' }) as never],
    ['answers nothing, later', async () => undefined as never],
  ])('a check that %s → temperror, which defers if the table does not name it', async (_, examine) => {
    const decision = await at([defineCheck('broken', examine, {})]);
    expect(decision).toMatchObject({ action: 'defer', because: { result: 'temperror' } });
  });
  test('a temperror that the table lets proceed → accepted and recorded', async () => {
    const decision = await at([on(check('a', 'temperror'), { temperror: proceed })]);
    expect(decision).toMatchObject({ action: 'accept', outcomes: [{ finding: { result: 'temperror' } }] });
  });
  test('a known finding → the check does not run', async () => {
    const asked: string[] = [];
    const known = new Map([['check/a', { check: 'check', result: 'fail' as const }]]);
    const policy = { stage: [check('a', 'pass', asked)] };
    expect((await evaluate<{ stage: Facts }, object, 'stage'>(policy, 'stage', { n: 1 }, {}, { known })).action).toBe(
      'reject',
    );
    expect(asked).toEqual([]);
  });
  test('a recorded decision under another policy → judged anew without the world', async () => {
    const before = await at([check('a', 'softfail')]);
    expect(before.action).toBe('accept');
    const stricter = { stage: [on(check('a', 'pass'), { softfail: reject() })] };
    const after = await evaluate<{ stage: Facts }, object, 'stage'>(
      stricter,
      'stage',
      { n: 1 },
      {},
      {
        known: recorded(JSON.parse(JSON.stringify(before))),
      },
    );
    expect(after.action).toBe('reject');
  });
});

describe('within', () => {
  const clock = fixedClock(0);
  const run = (rules: readonly Entry<Facts, { clock: typeof clock }>[]) =>
    evaluate<{ stage: Facts }, { clock: typeof clock }, 'stage'>({ stage: rules }, 'stage', { n: 1 }, { clock });
  const silent = defineCheck('silent', () => new Promise<{ result: 'pass' | 'temperror' }>(() => undefined), {
    temperror: flag(3),
  });
  test('a check that does not answer in time → temperror, and its table says what follows', async () => {
    const decision = run([within(500, silent)]);
    await clock.advance(500);
    expect(await decision).toMatchObject({
      action: 'accept',
      score: 3,
      outcomes: [{ finding: { result: 'temperror' } }],
    });
  });
  test('of two together, the one that answers in time → keeps its finding', async () => {
    const decision = run([within(500, together(check('a', 'softfail'), silent))]);
    await clock.advance(500);
    expect((await decision).outcomes.map(({ finding }) => finding.result)).toEqual(['softfail', 'temperror']);
  });
  test('a late answer → changes nothing any more', async () => {
    let answer: (late: { result: 'pass' }) => void = () => undefined;
    const slowly = defineCheck(
      'slowly',
      () =>
        new Promise<{ result: 'pass' }>((resolve) => {
          answer = resolve;
        }),
      {},
    );
    const decision = run([within(500, slowly)]);
    await clock.advance(500);
    answer({ result: 'pass' });
    expect((await decision).action).toBe('defer');
  });
  test('a check whose signal fires → has been told, and that its time was over', async () => {
    let told: unknown;
    const listening = defineCheck(
      'listening',
      (_: Facts, __: object, signal: AbortSignal) => {
        signal.addEventListener('abort', () => {
          told = signal.reason;
        });
        return new Promise<{ result: 'pass' }>(() => undefined);
      },
      {},
    );
    const decision = run([within(500, listening)]);
    await clock.advance(500);
    await decision;
    expect(told).toMatchObject({ name: 'TimeoutError', message: 'no answer within 500 ms' });
  });
});

describe('score', () => {
  const ready = (label: string, result: 'fail' | 'none' | 'pass', weight: number) =>
    later(label, Promise.resolve({ result }), weight);
  test.each<[string, number[], number, string]>([
    ['below', [1, 2], 4, 'accept'],
    ['at', [1, 3], 4, 'reject'],
    ['above', [3, 3], 4, 'reject'],
  ])('the sum is %s the threshold → %j against %d: %s', async (_, weights, rejectAt, action) => {
    const rules = weights.map((weight, i) => ready(`l${i}`, 'fail', weight));
    expect((await at([score({ rejectAt }, ...rules)])).action).toBe(action);
  });
  test('what speaks for the client → lowers the sum', async () => {
    expect((await at([score({ rejectAt: 4 }, ready('bad', 'fail', 5), ready('good', 'pass', 2))])).action).toBe(
      'accept',
    );
  });
  test('a rule in shadow → does not count', async () => {
    expect((await at([score({ rejectAt: 4 }, shadow(ready('bad', 'fail', 5)))])).action).toBe('accept');
  });
  test('decided, and nothing that is out could change it → the rest is aborted', async () => {
    let aborted = false;
    const never = defineCheck(
      'never',
      (_: Facts, __: object, signal: AbortSignal) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise<{ result: 'fail' | 'none' }>(() => undefined);
      },
      { fail: flag(3), temperror: proceed } as never,
    );
    const decision = await at([score({ rejectAt: 4 }, never, ready('bad', 'fail', 5))]);
    expect(decision).toMatchObject({
      action: 'reject',
      because: { check: 'score', detail: { score: 5, unfinished: 1 } },
    });
    expect(aborted).toBe(true);
  });
  test('decided for now, but an allow-list is still out → it is waited for', async () => {
    const good = later(
      'good',
      new Promise<{ result: 'pass' }>((resolve) => setTimeout(() => resolve({ result: 'pass' }), 5)),
      3,
    );
    expect((await at([score({ rejectAt: 4 }, ready('bad', 'fail', 5), good)])).action).toBe('accept');
  });
  test('a refusal → has the text and status of the heaviest finding', async () => {
    const listed = defineCheck('listed', () => fail({ explanation: 'Client address is listed', status: '7.1' }), {
      fail: flag(4),
    });
    expect(await at([score({ rejectAt: 4 }, ready('other', 'fail', 1), listed)])).toMatchObject({
      text: 'Client address is listed',
      status: '7.1',
    });
  });
  test('quarantineAt and tagAt → quarantine, tag', async () => {
    expect((await at([score({ rejectAt: 9, quarantineAt: 3 }, ready('bad', 'fail', 3))])).action).toBe('quarantine');
    expect((await at([score({ tagAt: 3 }, ready('bad', 'fail', 3))])).tags).toEqual([
      { name: 'X-Spam-Flag', value: 'YES' },
    ]);
  });
  test.each([
    ['no threshold', () => score({}), 'score: give at least one'],
    ['a threshold that is not a number', () => score({ rejectAt: Number.NaN }), 'score: rejectAt must be a number'],
    ['a threshold with four decimals', () => score({ tagAt: 0.1234 }), 'three decimals'],
    [
      'a header field that is not one',
      () => score({ tagAt: 1, tag: { name: 'X:', value: 'a' } }),
      'tag: name must be a header field name, got "X:"',
    ],
    [
      'an option that does not exist',
      () => score({ rejectsAt: 1 } as never),
      'score: unknown option rejectsAt (known: ',
    ],
  ])('%s → TypeError', (_, make, message) => expect(make).toThrow(message));
  test('any order of arrival → the same action', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            weight: fc.integer({ min: 1, max: 4 }),
            turns: fc.nat(4),
            result: fc.constantFrom<'fail' | 'none' | 'pass'>('fail', 'none', 'pass'),
          }),
          { maxLength: 6 },
        ),
        async (members) => {
          const slowly = members.map(({ weight, turns, result }, i) =>
            later(
              `m${i}`,
              (async () => {
                for (let t = 0; t < turns; t++) await undefined;
                return { result };
              })(),
              weight,
            ),
          );
          const at_once = members.map(({ weight, result }, i) =>
            defineCheck('later', () => ({ result }), { fail: flag(weight), pass: flag(-weight) }, { label: `m${i}` }),
          );
          expect((await at([score({ rejectAt: 4 }, ...slowly)])).action).toBe(
            (await at([score({ rejectAt: 4 }, ...at_once)])).action,
          );
        },
      ),
    );
  });
});

describe('score: what early exit must not change', () => {
  /** Rules that answer when they are told to, by name. */
  const cast = (verdicts: { readonly [name: string]: Verdict }) => {
    const tell = new Map<string, () => void>();
    const rules = Object.entries(verdicts).map(([name, verdict]) =>
      defineCheck(
        name,
        () =>
          new Promise<{ result: 'fail' | 'temperror' }>((resolve) => tell.set(name, () => resolve({ result: 'fail' }))),
        { fail: verdict, temperror: proceed } as { fail: Verdict; temperror: typeof proceed },
      ),
    );
    return { rules, tell: (name: string) => tell.get(name)?.() };
  };
  /** Plays the answers in the order named; those not named never answer. */
  const decideInOrder = async (
    make: (...rules: Entry<Facts, object>[]) => Entry<Facts, object>,
    verdicts: { readonly [name: string]: Verdict },
    order: readonly string[],
  ) => {
    const { rules, tell } = cast(verdicts);
    const decision = at([make(...rules)]);
    for (const name of order) tell(name);
    return decision;
  };
  const orders = (names: readonly string[]): string[][] =>
    names.length < 2
      ? [[...names]]
      : names.flatMap((name) => orders(names.filter((other) => other !== name)).map((rest) => [name, ...rest]));

  test.each<[string, Thresholds, { readonly [name: string]: Verdict }, object]>([
    [
      'a permit before the flags → only what is written before it counts',
      { rejectAt: 2 },
      { a: reject(), b: permit, c: flag(2) },
      { action: 'reject', rule: 'a' },
    ],
    [
      'a permit behind the flags → the thresholds have no effect',
      { rejectAt: 2 },
      { a: flag(2), b: permit },
      { action: 'accept' },
    ],
    [
      'a quarantine, and a tag reached',
      { tagAt: 2 },
      { a: flag(2), b: quarantine },
      { action: 'quarantine', rule: 'b' },
    ],
    ['a discard, and a tag reached', { tagAt: 2 }, { a: flag(2), b: discard }, { action: 'discard', rule: 'b' }],
    ['a reject of a rule, and one of the sum → the rule', { rejectAt: 2 }, { a: flag(2), b: reject() }, { rule: 'b' }],
    [
      'a tag, though the sum refuses',
      { rejectAt: 2 },
      { a: flag(2), b: tag('X-A', 'b') },
      { tags: [{ name: 'X-A', value: 'b' }] },
    ],
    ['a delay, though the sum refuses', { rejectAt: 2 }, { a: flag(2), b: slow(7), c: slow(5) }, { delayMs: 7 }],
    [
      'two thresholds → the one that the whole sum reaches',
      { tagAt: 2, quarantineAt: 4 },
      { a: flag(2), b: flag(2) },
      { action: 'quarantine' },
    ],
    ['a weight for the client', { tagAt: 2 }, { a: flag(2), b: flag(-1) }, { action: 'accept', tags: [] }],
    ['decimals', { rejectAt: 0.9 }, { a: flag(0.7), b: flag(0.2) }, { action: 'reject', score: 0.9 }],
  ])('%s, whatever comes first', async (_, thresholds, verdicts, expected) => {
    for (const order of orders(Object.keys(verdicts)))
      expect(await decideInOrder((...rules) => score(thresholds, ...rules), verdicts, order)).toMatchObject(expected);
  });

  test('a condition that throws behind a tag that is reached → deferred', async () => {
    const broken = (): boolean => {
      throw new Error('boom');
    };
    const flagged = on(check('a', 'fail'), { fail: flag(2) });
    expect(await at([score({ tagAt: 2 }, flagged, when(broken, check('b', 'pass')))])).toMatchObject({
      action: 'defer',
    });
  });

  test('a score inside a score, whatever comes first → its weights count in both', async () => {
    const nested = (...rules: Entry<Facts, object>[]) =>
      score({ deferAt: 6 }, score({ tagAt: 1, id: 'inner' }, ...rules));
    for (const order of orders(['a', 'b'])) {
      const decision = await decideInOrder(nested, { a: flag(4), b: flag(3) }, order);
      expect(decision).toMatchObject({ action: 'defer', rule: 'score', score: 7, tags: [{ name: 'X-Spam-Flag' }] });
      const again = await evaluate<{ stage: Facts }, object, 'stage'>(
        { stage: [nested(...cast({ a: flag(4), b: flag(3) }).rules)] },
        'stage',
        { n: 1 },
        {},
        { known: recorded(decision) },
      );
      expect(again).toEqual(decision);
    }
  });

  test('a permit inside → the record says that no threshold had an effect', async () => {
    const decision = await decideInOrder((...rules) => score({ rejectAt: 1 }, ...rules), { a: flag(2), b: permit }, [
      'a',
      'b',
    ]);
    expect(decision.outcomes.at(-1)).toMatchObject({ rule: 'score', finding: { result: 'none' }, verdict: proceed });
  });

  test.each<[string, Thresholds, { readonly [name: string]: Verdict }, readonly string[], number, object]>([
    [
      'the sum refuses, the rest can only add',
      { rejectAt: 4 },
      { a: flag(5), b: flag(3), c: flag(1) },
      ['a'],
      2,
      { action: 'reject' },
    ],
    [
      'the sum refuses, the rest is weaker',
      { rejectAt: 4 },
      { a: flag(5), b: quarantine, c: defer() },
      ['a'],
      2,
      { action: 'reject' },
    ],
    [
      'a rule before refuses as well',
      { rejectAt: 4 },
      { a: reject(), b: flag(5), c: reject() },
      ['b', 'a'],
      1,
      { rule: 'a' },
    ],
    [
      'a permit → nothing behind it is asked for',
      { rejectAt: 4 },
      { a: flag(1), b: permit, c: reject() },
      ['b'],
      2,
      { action: 'accept' },
    ],
    [
      'tagged, and no more can come of it',
      { rejectAt: 9, tagAt: 2 },
      { a: flag(2), b: flag(3) },
      ['a'],
      1,
      { action: 'accept' },
    ],
    [
      'an allow list that is too light to matter',
      { rejectAt: 4 },
      { a: flag(5), b: flag(-1) },
      ['a'],
      1,
      { action: 'reject' },
    ],
  ])('%s → does not wait for the rest', async (_, thresholds, verdicts, order, unfinished, expected) => {
    const decision = await decideInOrder((...rules) => score(thresholds, ...rules), verdicts, order);
    expect(decision).toMatchObject(expected);
    expect(decision.outcomes.at(-1)?.finding.detail).toMatchObject({ unfinished });
  });
});

describe('ids', () => {
  test('one id twice → TypeError that names it and both stages', () => {
    expect(() => assertUniqueIds({ a: [check('x', 'pass')], b: [together(check('x', 'pass'))] })).toThrow(
      /"check\/x" occurs at a and at b; give one of them another id: on\(check, {}, { id: 'check\/x-b' }\)/,
    );
  });
  test('another id for the second use → no error', () => {
    expect(() =>
      assertUniqueIds({ a: [check('x', 'pass'), on(check('x', 'pass'), {}, { id: 'second' })] }),
    ).not.toThrow();
  });
  test('a label without a letter → TypeError', () => {
    expect(() => check('**', 'pass')).toThrow('defineCheck: label must be a text with a letter or a digit, got "**"');
  });
  test('a name that is not an id → TypeError', () => {
    expect(() => defineCheck('Not An Id', () => pass(), {})).toThrow(
      'defineCheck: name must be lower-case letters, digits and hyphens, got "Not An Id"',
    );
  });
  test('a consequence for a word that is not a result → TypeError', () => {
    expect(() => defineCheck('x', () => none(), { listed: reject() } as never)).toThrow(
      'unknown result listed in the table of x',
    );
  });
});

test('softfail() → keeps explanation and detail', () => {
  expect(softfail({ explanation: 'a', detail: { b: 1 } })).toEqual({
    result: 'softfail',
    explanation: 'a',
    detail: { b: 1 },
  });
});
