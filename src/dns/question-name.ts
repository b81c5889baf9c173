/**
 * The text of a name, as a question to the DNS.
 *
 * **Answers**: under which text is this name asked, cached and compared, and can the wire carry it at all?
 * **Knows**: nothing. **Asks**: nothing.
 * **Standards**: RFC 1035 §2.3.4 and §3.1 (lengths), RFC 4343 (case).
 * **Limits**: it does not judge host names: spaces, underscores and other printable ASCII are taken, since SPF macros and
 * service records need them. Text outside ASCII is not mapped; `parseDomain` of `postern/net` does that.
 *
 * @example
 * ```ts
 * import { questionName } from 'postern/dns';
 *
 * questionName('Example.ORG.'); // 'example.org'
 * questionName('a..b');         // undefined
 * ```
 *
 * @module
 */

/** RFC 1035 §2.3.4: 255 octets on the wire, the root's zero octet and the first length octet included. */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/**
 * The name in lower case and without the trailing dot; `''` is the root.
 *
 * A backslash is refused: resolvers report octets that text cannot carry as `\.` or `\007`, and such a name, asked for
 * again, would be taken apart at the wrong dots.
 *
 * @returns undefined where the wire cannot carry the name, for which the answer of every resolver is `nxdomain`
 */
export function questionName(text: string): string | undefined {
  if (text === '.' || text === '') return '';
  if (text.length > MAX_NAME + 1) return undefined;
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length > MAX_NAME) return undefined;
  let label = 0;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0x2e) {
      if (label === 0) return undefined;
      label = 0;
    } else {
      if (code < 0x20 || code > 0x7e || code === 0x5c || ++label > MAX_LABEL) return undefined;
    }
  }
  return label === 0 ? undefined : name.toLowerCase();
}
