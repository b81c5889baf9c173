import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { bansContract, countersContract, fixedClock } from 'postern/testing';
import { describe, test } from 'vitest';

describe('memoryCounters', () => {
  test.each(
    countersContract(async () => {
      const clock = fixedClock();
      return {
        counters: memoryCounters({ clock }),
        pass: (ms) => clock.pass(ms),
        moveWall: (by) => clock.setWall(clock.now() + by),
      };
    }),
  )('$name', ({ run }) => run());
});

/** A clock that has nothing but a wall clock, as a user's own may. */
const wallOnly = () => {
  const clock = fixedClock();
  return { clock: { now: clock.now, after: clock.after }, pass: clock.pass, setWall: clock.setWall };
};

describe('memoryCounters, with a clock that has no monotonic time', () => {
  test.each(
    countersContract(async () => {
      const { clock, pass, setWall } = wallOnly();
      return { counters: memoryCounters({ clock }), pass, moveWall: (by) => setWall(clock.now() + by) };
    }).filter(({ name }) => name.startsWith('clock')),
  )('$name', ({ run }) => run());
});

describe('memoryBans, with a clock that has no monotonic time', () => {
  test.each(
    bansContract(async () => {
      const { clock, pass, setWall } = wallOnly();
      const bans = memoryBans({ clock, never: ['203.0.113.0/24'] });
      return { bans, pass, moveWall: (by) => setWall(clock.now() + by) };
    }).filter(({ name }) => name.startsWith('clock')),
  )('$name', ({ run }) => run());
});

describe('memoryBans', () => {
  test.each(
    bansContract(async () => {
      const clock = fixedClock();
      return {
        bans: memoryBans({ clock, never: ['203.0.113.0/24'] }),
        pass: (ms) => clock.pass(ms),
        moveWall: (by) => clock.setWall(clock.now() + by),
      };
    }),
  )('$name', ({ run }) => run());
});
