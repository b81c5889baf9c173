import fc from 'fast-check';
import { type Decision, type Entry, evaluate, type Finding } from 'postern/core';
import { fixedClock } from 'postern/testing';
import { expect, test } from 'vitest';
import type { Diagram } from '../../../src/policy/analysis/diagram.ts';
import { actionOf, type Effect, Model, type Value } from '../../../src/policy/analysis/model.ts';
import { type Env, entryOf, fewRules, type World } from '../../oracle/generated.ts';

/** Rules in shadow are no part of the model, and answer by themselves. */
const atOnce: World = ({ id }) => ({ check: id, result: 'pass' });
const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 300);

const follow = (diagram: Diagram<Effect>, chosen: readonly number[]): Effect => {
  let node = diagram;
  while (node.variable !== undefined) node = node.branches[chosen[node.variable] as number] as Diagram<Effect>;
  return node.value;
};

test('the model of a policy decides as evaluate does, whatever the findings and conditions are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fewRules,
      fc.array(fc.nat({ max: 1e6 }), { minLength: 60, maxLength: 60 }),
      async (list, numbers) => {
        const chosen: number[] = [];
        const values = new Map<string, Value>();
        const holds = (condition: string): boolean => values.get(condition) as boolean;
        const entries = list.map((plan) => entryOf(plan, atOnce, holds));
        const model = new Model({ only: entries as readonly Entry<never, never>[] });
        const diagram = model.list(entries as readonly Entry<never, never>[]);
        for (const [number, { id, values: possible }] of model.diagrams.variables.entries()) {
          chosen[number] = (numbers[number % numbers.length] as number) % possible.length;
          values.set(id, possible[chosen[number] as number] as Value);
        }
        const known = new Map(
          [...values].flatMap(([id, value]): [string, Finding][] =>
            typeof value === 'boolean' ? [] : [[id, { check: id, ...value }]],
          ),
        );
        const env: Env = { clock: fixedClock() };
        const decision: Decision = await evaluate<{ only: object }, Env, 'only'>({ only: entries }, 'only', {}, env, {
          known,
        });
        expect(actionOf(follow(diagram, chosen))).toBe(decision.action);
      },
    ),
    { numRuns: runs },
  );
}, 600_000);
