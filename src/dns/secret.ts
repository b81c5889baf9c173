/**
 * A value that must not be printed.
 *
 * **Answers**: how does a key travel through options, logs and errors without being shown?
 * **Knows**: the value. **Asks**: nothing.
 * **Limits**: it hides, it does not encrypt; `reveal()` gives the value to whoever holds the object.
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
 * A text that never prints itself: not by `String()`, not as JSON, not in a log of the object that holds it (`console.log`
 * shows no private fields).
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    if (typeof value !== 'string' || value === '')
      throw new TypeError('secret: the value must be a text that is not empty');
    this.#value = value;
  }

  /** The value itself. */
  reveal(): string {
    return this.#value;
  }

  /** The text with every occurrence of the value, in any case, taken out. */
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

  /** What may be shown of it. */
  toString(): string {
    return SHOWN;
  }

  /** What may be shown of it, in JSON too. */
  toJSON(): string {
    return SHOWN;
  }

  /** What may be shown of it, where it is put into a text. */
  [Symbol.toPrimitive](): string {
    return SHOWN;
  }
}

/** Wraps a text that must not be printed. A secret stays what it is. */
export const secret = (value: string | Secret): Secret => (value instanceof Secret ? value : new Secret(value));
