import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { pause, withDeadline } from '../../src/env/deadline.ts';

describe('work with a deadline', () => {
  test('an answer in time → answered, and no timer is left', async () => {
    const clock = fixedClock();
    expect(await withDeadline(clock, 100, undefined, async () => 7)).toEqual({ how: 'answered', value: 7 });
    clock.advance(1_000);
  });

  test('work that throws, and work that rejects → failed', async () => {
    const error = new Error('broken');
    const thrown = withDeadline(fixedClock(), 100, undefined, () => {
      throw error;
    });
    expect(await thrown).toEqual({ how: 'failed', error });
    expect(await withDeadline(fixedClock(), 100, undefined, () => Promise.reject(error))).toEqual({
      how: 'failed',
      error,
    });
  });

  test('no answer → late, and the work is told to stop', async () => {
    const clock = fixedClock();
    let handed: AbortSignal | undefined;
    const ended = withDeadline(clock, 100, undefined, (signal) => {
      handed = signal;
      return new Promise<never>(() => {});
    });
    clock.advance(99);
    expect(handed?.aborted).toBe(false);
    clock.advance(1);
    expect(await ended).toEqual({ how: 'late' });
    expect(handed?.aborted).toBe(true);
  });

  test('the caller gives up, before or while it works → aborted', async () => {
    const given = new AbortController();
    const ended = withDeadline(fixedClock(), 100, given.signal, () => new Promise<never>(() => {}));
    given.abort();
    expect(await ended).toEqual({ how: 'aborted' });
    let ran = false;
    const never = withDeadline(fixedClock(), 100, given.signal, () => {
      ran = true;
    });
    expect([await never, ran]).toEqual([{ how: 'aborted' }, false]);
  });
});

describe('pause', () => {
  test('ends after its time, or when it is given up', async () => {
    const clock = fixedClock();
    let over = 0;
    const given = new AbortController();
    const both = [pause(clock, 50), pause(clock, 5_000, given.signal), pause(clock, 5_000, AbortSignal.abort())].map(
      (one) => one.then(() => over++),
    );
    await both[2];
    expect(over).toBe(1);
    clock.advance(50);
    await both[0];
    expect(over).toBe(2);
    given.abort();
    await both[1];
    expect(over).toBe(3);
  });
});
