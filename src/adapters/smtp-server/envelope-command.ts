/** A MAIL or RCPT command, split but not parsed. */
export interface EnvelopeCommand {
  /** The path as the client wrote it, with its angle brackets. */
  readonly address: string;
  /** The parameters, names in upper case; `true` for one without a value. `false` if there are none. */
  readonly args: { readonly [name: string]: string | true } | false;
  /** A parameter that occurs twice. */
  readonly duplicate?: string;
}

/** A path, in which a quoted local part may contain `>`. */
const PATH = /^<(?:"(?:[^"\\]|\\.)*"|[^<>"])*>/s;
/** Characters that are invisible, or that control a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u200b\u2060\ufeff]/;

/**
 * Splits a MAIL or RCPT command into its path and its parameters (RFC 5321 §4.1.1.2, §4.1.1.3).
 *
 * @param verb `MAIL FROM` or `RCPT TO`
 * @returns undefined if the command is malformed
 */
export function readEnvelopeCommand(verb: string, line: string): EnvelopeCommand | undefined {
  const colon = line.indexOf(':');
  if (line.slice(0, colon).trim().toUpperCase() !== verb.toUpperCase()) return undefined;
  const text = line.slice(colon + 1).trim();
  const [address] = PATH.exec(text) ?? [];
  if (address === undefined || UNSAFE.test(address)) return undefined;
  const rest = text.slice(address.length);
  if (rest === '') return { address, args: false };
  if (!/^\s/.test(rest)) return undefined;
  const args: { [name: string]: string | true } = {};
  let duplicate: string | undefined;
  for (const word of rest.trim().split(/\s+/)) {
    const equals = word.indexOf('=');
    const name = (equals < 0 ? word : word.slice(0, equals)).toUpperCase();
    if (name === '') continue;
    // xtext (RFC 3461 §4)
    const value = (equals < 0 ? '' : word.slice(equals + 1)).replace(/\+([0-9A-F]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (UNSAFE.test(value)) return undefined;
    if (Object.hasOwn(args, name)) duplicate = name;
    Object.defineProperty(args, name, { value: value === '' ? true : value, enumerable: true, configurable: true });
  }
  return { address, args, duplicate };
}
