import { systemClock } from 'postern/adapters/system';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

beforeEach(() => {
  vi.useFakeTimers({ now: 1_893_456_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

const MONTH = 31 * 86_400_000;

test('it tells the time, and calls once when it is due', () => {
  const clock = systemClock();
  const run = vi.fn();
  clock.after(1_000, run);
  vi.advanceTimersByTime(999);
  expect([clock.now(), run.mock.calls.length]).toEqual([1_893_456_000_999, 0]);
  vi.advanceTimersByTime(100_000);
  expect(run).toHaveBeenCalledTimes(1);
});

test('a timer is cancelled → it does not run; cancelled twice, or too late → nothing happens', () => {
  const clock = systemClock();
  const run = vi.fn();
  const cancel = clock.after(10, run);
  cancel();
  cancel();
  vi.advanceTimersByTime(100);
  expect(run).not.toHaveBeenCalled();
  const late = clock.after(10, run);
  vi.advanceTimersByTime(100);
  late();
  expect(run).toHaveBeenCalledTimes(1);
});

test('longer than a timer can wait → it waits, and does not run at once; it can be cancelled on the way', () => {
  const clock = systemClock();
  const run = vi.fn();
  const cancelled = vi.fn();
  clock.after(MONTH, run);
  const cancel = clock.after(3 * MONTH, cancelled);
  vi.advanceTimersByTime(MONTH - 1);
  expect(run).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledTimes(1);
  cancel();
  vi.advanceTimersByTime(5 * MONTH);
  expect(cancelled).not.toHaveBeenCalled();
});

test.each([0, -5, Number.NaN])('a time that is over (%s) → as soon as may be', (ms) => {
  const run = vi.fn();
  systemClock().after(ms, run);
  vi.advanceTimersByTime(0);
  expect(run).toHaveBeenCalledTimes(1);
});
