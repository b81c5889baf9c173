import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { bansContract, countersContract, fixedClock } from 'postern/testing';
import { describe, test } from 'vitest';

describe('memoryCounters', () => {
  test.each(
    countersContract(async () => {
      const clock = fixedClock();
      return { counters: memoryCounters({ clock }), pass: (ms) => clock.pass(ms) };
    }),
  )('$name', ({ run }) => run());
});

describe('memoryBans', () => {
  test.each(
    bansContract(async () => {
      const clock = fixedClock();
      return { bans: memoryBans({ clock, never: ['203.0.113.0/24'] }), pass: (ms) => clock.pass(ms) };
    }),
  )('$name', ({ run }) => run());
});
