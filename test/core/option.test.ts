import { describe, expect, test } from 'vitest';
import {
  assertFunction,
  assertKnownOptions,
  numberFromZero,
  oneOf,
  positiveNumber,
  wholeNumber,
  wrongOption,
} from '../../src/core/option.ts';

const said = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  return 'no error';
};

describe('wrong options', () => {
  test.each<[string, () => unknown, string]>([
    [
      'an unknown name',
      () => assertKnownOptions('f', { zoen: 1 }, ['zone', 'of']),
      'f: unknown option zoen (known: zone, of); did you mean zone?',
    ],
    ['no object', () => assertKnownOptions('f', null as never, []), 'f: options must be an object, got null'],
    ['zero where positive', () => positiveNumber('f', 'ms', 0), 'f: ms must be a positive number, got 0'],
    ['a text where a number', () => positiveNumber('f', 'ms', '5'), 'f: ms must be a positive number, got "5"'],
    [
      'infinity',
      () => positiveNumber('f', 'ms', Number.POSITIVE_INFINITY),
      'f: ms must be a positive number, got Infinity',
    ],
    ['less than nothing', () => numberFromZero('f', 'ms', -1), 'f: ms must be a number, 0 or more, got -1'],
    ['a fraction', () => wholeNumber('f', 'n', 1.5), 'f: n must be a whole number, 1 or more, got 1.5'],
    [
      'out of range',
      () => wholeNumber('f', 'port', 65_536, 1, 65_535),
      'f: port must be a whole number from 1 to 65535, got 65536',
    ],
    [
      'an unknown word',
      () => oneOf('f', 'kind', 'blok', ['block', 'allow']),
      'f: kind must be "block" or "allow", got "blok"; did you mean block?',
    ],
    ['one of three', () => oneOf('f', 'k', 7, ['a', 'b', 'c']), 'f: k must be "a", "b" or "c", got 7'],
    ['no function', () => assertFunction('f', 'hook', {}), 'f: hook must be a function, got an object (Object)'],
    [
      'a long text',
      () => {
        throw wrongOption('f', 'x', 'short', 'y'.repeat(200));
      },
      `f: x must be short, got "${'y'.repeat(79)}…`,
    ],
    [
      'an array',
      () => {
        throw wrongOption('f', 'x', 'short', [1, 2]);
      },
      'f: x must be short, got an array of 2',
    ],
  ])('%s → a TypeError that names it', (_, run, message) => expect(said(run)).toBe(message));

  test('what is right is returned', () => {
    expect(positiveNumber('f', 'ms', 0.5)).toBe(0.5);
    expect(numberFromZero('f', 'ms', 0)).toBe(0);
    expect(wholeNumber('f', 'n', 0, 0)).toBe(0);
    expect(oneOf('f', 'k', 'b', ['a', 'b'])).toBe('b');
    expect(said(() => assertKnownOptions('f', { zone: 1 }, ['zone']))).toBe('no error');
    expect(said(() => assertFunction('f', 'hook', () => 1))).toBe('no error');
  });
});
