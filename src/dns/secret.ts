/**
 * A value that must not be printed.
 *
 * **Answers**: how does a key pass through options, logs and errors without being shown?
 * **Knows**: the value. **Asks**: nothing.
 * **Limits**: it is not encrypted. `reveal()` returns the value to any code that holds the object.
 *
 * @example
 * ```ts
 * import { secret } from 'postern/dns';
 *
 * const key = secret('k3y');
 * `${key}`;               // '[secret]'
 * JSON.stringify({ key }); // '{"key":"[secret]"}'
 * key.reveal();           // 'k3y'
 * ```
 *
 * @module
 */

const SHOWN = '[secret]';

/**
 * A string that is never printed: not by `String()`, not as JSON, and not by `console.log` of an object that contains it,
 * since that shows no private fields.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    if (typeof value !== 'string' || value === '') throw new TypeError('secret: value must be a non-empty string');
    this.#value = value;
  }

  /** Returns the value. */
  reveal(): string {
    return this.#value;
  }

  /** Replaces every occurrence of the value in a text, in upper or lower case. */
  redact(text: string): string {
    const value = this.#value.toLowerCase();
    let shown = '';
    for (let from = 0, lower = text.toLowerCase(); ; ) {
      const at = lower.indexOf(value, from);
      if (at < 0 || lower.length !== text.length) return shown + text.slice(from);
      shown += text.slice(from, at) + SHOWN;
      from = at + value.length;
    }
  }

  /** Returns a placeholder. */
  toString(): string {
    return SHOWN;
  }

  /** Returns a placeholder for JSON. */
  toJSON(): string {
    return SHOWN;
  }

  /** Returns a placeholder for templates and concatenation. */
  [Symbol.toPrimitive](): string {
    return SHOWN;
  }
}

/** Wraps a string that must not be printed. A `Secret` is returned as it is. */
export const secret = (value: string | Secret): Secret => (value instanceof Secret ? value : new Secret(value));
