import type { IpAddress } from '../../net/index.ts';
import { parseDomain } from '../../net/index.ts';

/** An attempt to log in. */
export interface Attempt {
  /** The session's id. */
  readonly session: string;
  readonly client: IpAddress;
  /** The account as the client named it; absent while it is not known yet. */
  readonly account?: string;
}

/** RFC 4616 §2: names have at most 255 octets. A longer one is cut, so that no key grows without bound. */
const MAX_NAME = 255;

/**
 * Returns the form of an account's name that is counted and compared.
 *
 * The user part follows the case-insensitive username profile of PRECIS (RFC 8265 §3.3), so that `Bob`, `bob` and `ｂｏｂ` are
 * one account. A domain after the last `@` is in its canonical form. The form serves counters and comparisons within one
 * site; which names a host treats as one account is the host's decision.
 *
 * @returns undefined if the name is empty or contains control characters: no account has such a name
 * @internal
 */
export function canonicalAccount(name: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (name === '' || /[\x00-\x1f\x7f-\x9f]/.test(name)) return undefined;
  const cut = name.length > MAX_NAME ? name.slice(0, MAX_NAME) : name;
  const at = cut.lastIndexOf('@');
  const domain = at > 0 ? parseDomain(cut.slice(at + 1)) : undefined;
  const user = domain === undefined ? cut : cut.slice(0, at);
  // Width mapping, case mapping, then normal form C (RFC 8265 §3.3.2). NFKC maps more than width; the only effect is that
  // two names may be counted as one.
  const folded = user.normalize('NFKC').toLowerCase().normalize('NFC').trim();
  if (folded === '') return undefined;
  return domain === undefined ? folded : `${folded}@${domain}`;
}
