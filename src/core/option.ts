/**
 * Checks the options of a function. Every message has the form `<function>: <option> must be <what>, got <value>`.
 *
 * **Answers**: is this option usable? **Knows**: numbers, words and functions; nothing about mail.
 * **Limits**: a value longer than 80 characters is shortened in the message.
 *
 * @module
 */
import { didYouMean } from './nearest.ts';

/** Returns the error for a wrong option. `what` completes "must be". */
export function wrongOption(owner: string, option: string, what: string, got: unknown): TypeError {
  return new TypeError(`${owner}: ${option} must be ${what}, got ${printed(got)}`);
}

/** Throws unless every key of `options` is known. */
export function assertKnownOptions(owner: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw wrongOption(owner, 'options', 'an object', options);
  for (const name of Object.keys(options)) {
    if (!known.includes(name))
      throw new TypeError(`${owner}: unknown option ${name} (known: ${known.join(', ')})${didYouMean(name, known)}`);
  }
}

/** Returns a finite number greater than 0. */
export function positiveNumber(owner: string, option: string, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY) return value;
  throw wrongOption(owner, option, 'a positive number', value);
}

/** Returns a finite number that is at least `least`. */
export function numberFrom(owner: string, option: string, value: unknown, least: number): number {
  if (typeof value === 'number' && value >= least && value < Number.POSITIVE_INFINITY) return value;
  throw wrongOption(owner, option, `a number, ${least} or more`, value);
}

/** Returns a finite number that is not negative. */
export const numberFromZero = (owner: string, option: string, value: unknown): number =>
  numberFrom(owner, option, value, 0);

/** Returns a whole number between `least` and `most`. */
export function wholeNumber(
  owner: string,
  option: string,
  value: unknown,
  least: number = 1,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  const range = most === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${most}`;
  throw wrongOption(owner, option, `a whole number${range}`, value);
}

/** Returns one of the allowed words. */
export function oneOf<T extends string>(owner: string, option: string, value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T;
  const words = allowed.map((word) => JSON.stringify(word));
  const near = typeof value === 'string' ? didYouMean(value, allowed) : '';
  const wrong = wrongOption(
    owner,
    option,
    [words.slice(0, -1).join(', '), words.at(-1)].filter(Boolean).join(' or '),
    value,
  );
  wrong.message += near;
  throw wrong;
}

/** Throws unless `value` is a function. `what` says what the function does: "a function that …". */
export function assertFunction(owner: string, option: string, value: unknown, what: string = 'a function'): void {
  if (typeof value !== 'function') throw wrongOption(owner, option, what, value);
}

/** Longest value in a message, in characters. */
const MAX_PRINTED = 80;

/** Prints a value for a message. Objects appear by kind only, since they may hold secrets. */
function printed(value: unknown): string {
  if (typeof value === 'string') return cut(JSON.stringify(value));
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${value.length}`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return `an object (${value.constructor?.name ?? 'no prototype'})`;
  return String(value);
}

const cut = (text: string): string => (text.length > MAX_PRINTED ? `${text.slice(0, MAX_PRINTED)}…` : text);
