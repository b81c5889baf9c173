import fc from 'fast-check';
import type * as core from 'postern/core';
import type { Decision, Known } from 'postern/core';
import { evaluate, recorded } from 'postern/core';
import { expect, test } from 'vitest';
import type { Plan } from './fold.ts';
import { decide } from './fold.ts';
import { answer, type Env, entryOf, leavesOf, lists, silence, turns, type World } from './generated.ts';

const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 2_000);

const atOnce: World = (leaf) => (leaf.finding === 'silent' ? silence : answer(leaf, leaf.finding));
const inTurn: World = (leaf) => {
  const found = atOnce(leaf);
  return found === silence || leaf.turn === 0 ? found : turns(leaf.turn, found as core.Finding);
};
const anotherTime: World = (leaf) => turns(leaf.turn, answer(leaf, leaf.otherwise));

/** A deadline passes when nothing else is left to happen. */
const clock: Env['clock'] = {
  after: (_, run) => {
    const timer = setImmediate(run);
    return () => clearImmediate(timer);
  },
};
const played = (list: readonly Plan[], world: World, known?: Known): Promise<Decision> =>
  evaluate<{ only: object }, Env, 'only'>(
    { only: list.map((plan) => entryOf(plan, world)) },
    'only',
    {},
    { clock },
    { known },
  );

/** What never depends on the order of the answers. */
const fixedPart = (decision: Decision): object => ({
  action: decision.action,
  rule: 'rule' in decision ? decision.rule : undefined,
  tags: decision.tags.map(({ name, value }) => `${name}: ${value}`),
  delayMs: decision.delayMs,
});
const isComplete = ({ outcomes }: Decision): boolean =>
  outcomes.every(({ finding }) => ((finding.detail as { unfinished?: number })?.unfinished ?? 0) === 0);

test('the fold agrees with its oracle: at once, in any order, from findings of before, and replayed', async () => {
  let made = 0;
  let stopped = 0;
  await fc.assert(
    fc.asyncProperty(lists, async (list) => {
      made++;
      const { score: sum, ...expected } = decide(list);
      const agree = (decision: Decision): void => {
        expect(fixedPart(decision)).toEqual(expected);
        if (isComplete(decision)) expect(Math.round(decision.score * 1000)).toBe(sum);
        else stopped++;
      };
      agree(await played(list, atOnce));
      const decision = await played(list, inTurn);
      agree(decision);
      // Begun before, as a session does.
      const begun = list.flatMap(leavesOf).filter(({ finding }) => finding !== 'silent');
      agree(await played(list, inTurn, new Map(begun.map((leaf) => [leaf.id, inTurn(leaf)]))));
      // From a log. The rules that were stopped early, or never asked, answer something else today.
      const log = JSON.parse(JSON.stringify(decision)) as Decision;
      expect(fixedPart(await played(list, anotherTime, recorded(log)))).toEqual(expected);
    }),
    { numRuns: runs },
  );
  // If stopping early were rare, the property would say little about it.
  expect(stopped).toBeGreaterThan(made / 20);
}, 1_800_000);
