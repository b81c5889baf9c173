import fc from 'fast-check';
import { dnsbl } from 'postern/checks/dnsbl';
import { relayControl } from 'postern/checks/relay-control';
import { reverseDns } from 'postern/checks/reverse-dns';
import { spf } from 'postern/checks/spf';
import {
  type Decision,
  type Entry,
  evaluate,
  type Finding,
  flag,
  named,
  on,
  reject,
  score,
  unless,
  within,
} from 'postern/core';
import { explain, explainRecorded, printExplanation } from 'postern/explain';
import { authenticated, type RcptFacts, smtpPolicy, toPostmaster } from 'postern/smtp';
import { fixedClock, quietEnv, rcptFacts, zone } from 'postern/testing';
import { expect, test } from 'vitest';
import { Model, type Value } from '../../../src/policy/analysis/model.ts';
import { type Env, entryOf, fewRules, type World } from '../../oracle/generated.ts';

const exempt = named('exempt', (facts: RcptFacts) => authenticated(facts) || toPostmaster(facts));
const policy = smtpPolicy({
  relay: relayControl({ localDomains: ['example.com'] }),
  rcpt: [
    unless(
      exempt,
      within(
        10_000,
        score(
          { rejectAt: 5, tagAt: 2 },
          dnsbl({ zone: 'zen.dnsbl.example', label: 'ZEN', weight: 5 }),
          on(reverseDns(), { fail: flag(2), permerror: flag(2) }),
          on(spf(), { fail: reject() }),
        ),
      ),
    ),
  ],
});
const dns = zone({
  'example.org': { TXT: ['v=spf1 -all'] },
  '1.2.0.192.zen.dnsbl.example': { A: ['127.0.0.2'] },
});
const facts = (client: string, to = 'bob@example.com') => rcptFacts({ client, from: 'a@example.org', to });

test('a refusal by two rules → both would have to change, or the condition', async () => {
  const explanation = await explain(policy, 'rcpt', facts('192.0.2.1'), quietEnv({ dns }));
  expect(explanation.decision).toMatchObject({ action: 'reject', rule: 'spf', score: 7 });
  expect(explanation.complete).toBe(true);
  expect(explanation.unless).toEqual([
    { findings: {}, conditions: { 'when/exempt': true }, provided: [] },
    {
      findings: {
        'dnsbl/zen': ['pass', 'none', 'neutral', 'temperror', 'permerror'],
        spf: ['pass', 'none', 'neutral', 'softfail', 'temperror', 'permerror'],
      },
      conditions: {},
      provided: [],
    },
  ]);
  expect(printExplanation(explanation)).toBe(`rcpt: reject by spf (fail), score 7

  relay-control      pass → proceed
  when/exempt        false
      score          fail → reject
        dnsbl/zen    fail → flag(5); asked 1.2.0.192.zen.dnsbl.example A, 2.0.0.127.zen.dnsbl.example A, 1.0.0.127.zen.dnsbl.example A
        reverse-dns  permerror → flag(2); asked 1.2.0.192.in-addr.arpa PTR
        spf          fail → reject; decided; asked example.org TXT

It would have been accepted with any of these:
  - when/exempt: true
  - dnsbl/zen: pass or none or neutral or temperror or permerror, and spf: pass or none or neutral or softfail or temperror or permerror`);
});

test('what was not evaluated is named, with the reason', async () => {
  const explanation = await explain(policy, 'rcpt', facts('192.0.2.1', 'postmaster@example.com'), quietEnv({ dns }));
  expect(explanation.steps.map(({ rule, skipped }) => [rule, skipped])).toEqual([
    ['relay-control', undefined],
    ['when/exempt', undefined],
    ['score', 'condition-false'],
    ['dnsbl/zen', 'condition-false'],
    ['reverse-dns', 'condition-false'],
    ['spf', 'condition-false'],
  ]);
  expect(explanation.decision.action).toBe('accept');
  const relayed = await explain(policy, 'rcpt', facts('192.0.2.1', 'bob@example.net'), quietEnv({ dns }));
  expect(relayed.unless).toEqual([
    {
      findings: { 'relay-control': ['pass', 'none', 'neutral'] },
      conditions: {},
      provided: ['when/exempt: false', 'dnsbl/zen', 'spf'],
    },
  ]);
  expect(printExplanation(relayed)).toContain('provided that when/exempt: false, dnsbl/zen: content, spf: content');
});

test('a recorded decision is explained without asking anything', async () => {
  const decision = JSON.parse(
    JSON.stringify((await explain(policy, 'rcpt', facts('192.0.2.1'), quietEnv({ dns }))).decision),
  ) as Decision;
  const explanation = explainRecorded(policy, 'rcpt', decision);
  expect(explanation.steps.filter(({ decided }) => decided).map(({ rule }) => rule)).toEqual(['spf']);
  expect(explanation.unless).toContainEqual({
    findings: { 'dnsbl/zen': expect.anything(), spf: expect.anything() },
    conditions: {},
    provided: ['when/exempt: false'],
  });
});

test('hostile names are escaped in print', async () => {
  const explanation = await explain(policy, 'rcpt', facts('192.0.2.1'), quietEnv({ dns }));
  const steps = explanation.steps.map((step) =>
    step.rule === 'spf'
      ? { ...step, questions: [{ name: 'a\r\nb', type: 'TXT', status: 'found' as const, at: 0, tookMs: 0 }] }
      : step,
  );
  expect(printExplanation({ ...explanation, steps })).toContain('asked a\\x0d\\x0ab TXT');
});

/** Rules in shadow are no part of the model, and answer by themselves. */
const atOnce: World = ({ id }) => ({ check: id, result: 'pass' });
const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 100);
const refuses = ({ action }: Decision): boolean => action === 'defer' || action === 'reject';

test('every change that is named changes the decision', async () => {
  let explained = 0;
  await fc.assert(
    fc.asyncProperty(
      fewRules,
      fc.array(fc.nat({ max: 1e6 }), { minLength: 40, maxLength: 40 }),
      async (list, numbers) => {
        const values = new Map<string, Value>();
        const entries = list.map((plan) => entryOf(plan, atOnce, (condition) => values.get(condition) as boolean));
        const model = new Model({ only: entries as Entry<never, never>[] });
        model.list(entries as Entry<never, never>[]);
        for (const [number, { id, values: possible }] of model.diagrams.variables.entries())
          values.set(id, possible[(numbers[number % numbers.length] as number) % possible.length] as Value);
        const env: Env = { clock: fixedClock() };
        const decide = (): Promise<Decision> =>
          evaluate<{ only: object }, Env, 'only'>({ only: entries }, 'only', {}, env, { known: known() });
        const known = (): Map<string, Finding> =>
          new Map(
            [...values].flatMap(([id, value]) => (typeof value === 'boolean' ? [] : [[id, { check: id, ...value }]])),
          );

        const before = await decide();
        const { unless: changes } = await explain({ only: entries }, 'only', {}, env, { known: known() });
        const original = new Map(values);
        const content = model.diagrams.variables.map(
          ({ id, values: possible }) =>
            [
              id,
              possible.find((value) => typeof value === 'object' && ['pass', 'none', 'neutral'].includes(value.result)),
            ] as const,
        );
        for (const { findings, conditions, provided } of changes.slice(0, 5)) {
          explained++;
          const parts = [
            ...Object.entries(findings).map(([id, words]) => [id, valueNamed(model, id, words)] as const),
            ...Object.entries(conditions),
          ];
          const apply = async (
            some: readonly (readonly [string, readonly Value[] | boolean])[],
            choice: readonly number[],
          ) => {
            for (const [id, value] of original) values.set(id, value);
            for (const [id, value] of content) if (provided.includes(id) && value !== undefined) values.set(id, value);
            for (const id of original.keys()) if (provided.includes(`${id}: false`)) values.set(id, false);
            for (const [i, [id, value]] of some.entries())
              values.set(id, typeof value === 'boolean' ? value : (value[choice[i] ?? 0] as Value));
            return refuses(await decide());
          };
          // Some choice of the words named works.
          const sizes = parts.map(([, value]) => (typeof value === 'boolean' ? 1 : value.length));
          let works = false;
          for (const choice of product(sizes)) works ||= (await apply(parts, choice)) !== refuses(before);
          expect(works).toBe(true);
        }
        for (const [id, value] of original) values.set(id, value);
      },
    ),
    { numRuns: runs },
  );
  expect(explained).toBeGreaterThan(runs / 10);
}, 600_000);

test('whatever else changes the decision contains a change that is named, and no change contains another', async () => {
  let flipped = 0;
  await fc.assert(
    fc.asyncProperty(
      fewRules,
      fc.array(fc.nat({ max: 1e6 }), { minLength: 400, maxLength: 400 }),
      async (list, numbers) => {
        const values = new Map<string, Value>();
        const entries = list.map((plan) => entryOf(plan, atOnce, (condition) => values.get(condition) as boolean));
        const model = new Model({ only: entries as Entry<never, never>[] });
        model.list(entries as Entry<never, never>[]);
        const { variables } = model.diagrams;
        let at = 0;
        const chosen = (possible: readonly Value[]): Value =>
          possible[(numbers[at++ % numbers.length] as number) % possible.length] as Value;
        for (const { id, values: possible } of variables) values.set(id, chosen(possible));
        const env: Env = { clock: fixedClock() };
        const known = (): Map<string, Finding> =>
          new Map(
            [...values].flatMap(([id, value]) => (typeof value === 'boolean' ? [] : [[id, { check: id, ...value }]])),
          );
        const before = await explain({ only: entries }, 'only', {}, env, { known: known() });
        const named = before.unless.map(({ findings, conditions }) => [
          ...Object.keys(findings),
          ...Object.keys(conditions),
        ]);
        for (const one of named)
          for (const other of named) if (one !== other) expect(other.every((id) => one.includes(id))).toBe(false);
        if (!before.complete) return;

        const evaluated = new Set(before.steps.filter(({ skipped }) => skipped === undefined).map(({ rule }) => rule));
        const original = new Map(values);
        for (let round = 0; round < 20; round++) {
          for (const { id, values: possible } of variables) {
            const content = possible.find(
              (value) => typeof value === 'object' && ['pass', 'none', 'neutral'].includes(value.result),
            );
            if (!evaluated.has(id)) values.set(id, content ?? false);
            else
              values.set(
                id,
                (numbers[at++ % numbers.length] as number) % 2 ? chosen(possible) : (original.get(id) as Value),
              );
          }
          const after = await evaluate<{ only: object }, Env, 'only'>({ only: entries }, 'only', {}, env, {
            known: known(),
          });
          if (refuses(after) === refuses(before.decision)) continue;
          flipped++;
          const changed = variables
            .map(({ id }) => id)
            .filter((id) => evaluated.has(id) && values.get(id) !== original.get(id));
          expect(named.some((one) => one.every((id) => changed.includes(id)))).toBe(true);
        }
      },
    ),
    { numRuns: runs },
  );
  expect(flipped).toBeGreaterThan(runs / 10);
}, 600_000);

/** The values of a rule that have one of these words. */
function valueNamed(model: Model, id: string, words: readonly string[]): readonly Value[] {
  const number = model.diagrams.variables.findIndex((variable) => variable.id === id);
  const { values } = model.diagrams.variables[number] as { readonly values: readonly Value[] };
  return values.filter((_, index) => model.wordsOf(number, index).some((word) => words.includes(word)));
}

function* product(sizes: readonly number[], at = 0): Generator<number[]> {
  if (at === sizes.length) {
    yield [];
    return;
  }
  for (let i = 0; i < (sizes[at] as number); i++) for (const rest of product(sizes, at + 1)) yield [i, ...rest];
}
