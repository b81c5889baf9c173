import { parseDomain } from '../../net/index.ts';

/** RFC 4616 §2: a name of more than 255 octets is none; a longer one is cut, so that no key grows without bound. */
const MAX_NAME = 255;

/**
 * The name of an account as it is counted and compared: the case-insensitive username profile of PRECIS (RFC 8265 §3.3)
 * for the name, so that `Bob`, `bob` and `ｂｏｂ` are one account; the canonical form of `net` for a domain after the last
 * `@`.
 *
 * It is for counting and for comparing names of one's own site. What a host takes for the same account is its business.
 *
 * @returns undefined where the name is empty or holds control characters: no account has such a name
 */
export function canonicalAccount(name: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (name === '' || /[\x00-\x1f\x7f-\x9f]/.test(name)) return undefined;
  const cut = name.length > MAX_NAME ? name.slice(0, MAX_NAME) : name;
  const at = cut.lastIndexOf('@');
  const domain = at > 0 ? parseDomain(cut.slice(at + 1)) : undefined;
  const user = domain === undefined ? cut : cut.slice(0, at);
  // Width mapping, case mapping, then normal form C (RFC 8265 §3.3.2); NFKC is wider than width mapping alone, which can
  // only count two names as one.
  const folded = user.normalize('NFKC').toLowerCase().normalize('NFC').trim();
  if (folded === '') return undefined;
  return domain === undefined ? folded : `${folded}@${domain}`;
}
