import type { DomainName } from './domain.ts';
import { parseDomain } from './domain.ts';
import type { IpAddress } from './ip.ts';
import { parseAddressLiteral, printAddressLiteral } from './ip.ts';

/** A mailbox (RFC 5321 §4.1.2). Equal mailboxes have equal domains; only the mailbox's host can compare local parts. */
export interface Mailbox {
  /** Without quotes: `john doe` for `"john doe"@example.com`. Empty for `""@example.com`. */
  readonly localPart: string;
  /** A canonical domain, or an address literal in canonical form (`[192.0.2.1]`). */
  readonly domain: DomainName | AddressLiteral;
}

declare const literal: unique symbol;
/** `[192.0.2.1]`, `[IPv6:2001:db8::1]`, with the address in canonical form. */
export type AddressLiteral = `[${string}]` & { readonly [literal]: true };

/** The path of MAIL FROM or RCPT TO. */
export interface ParsedPath {
  /** `null` for the null reverse-path `<>` (RFC 5321 §4.5.5). */
  readonly mailbox: Mailbox | null;
  /** The path had a source route (`<@hop:user@example.com>`). The route is dropped (RFC 5321 appendix C) and reported. */
  readonly sourceRoute: boolean;
  /** The path contains non-ASCII characters (RFC 6531). */
  readonly utf8: boolean;
}

export type PathProblem =
  | 'empty'
  | 'too-long'
  | 'no-domain'
  | 'bad-local-part'
  | 'bad-domain'
  | 'bad-literal'
  | 'control-character'
  | 'bad-syntax';

const MAX_PATH = 256; // RFC 5321 §4.5.3.1.3
const MAX_LOCAL = 64; // RFC 5321 §4.5.3.1.1

const atext = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\u{10ffff}-]+$/u;
const isDotAtom = (text: string): boolean => text.split('.').every((atom) => atext.test(atom));

/**
 * Reads a path, with or without its angle brackets: `<user@example.com>`, `<>`, `<@hop:user@example.com>`,
 * `<"quoted"@example.com>`, `<user@[IPv6:2001:db8::1]>`. A bare `<postmaster>` has no domain (RFC 5321 §4.5.1). It is read as
 * the postmaster of `postmasterDomain`, if that is given.
 *
 * @returns the path, or a word for the reason why it cannot be read
 */
export function parsePath(
  text: string,
  options: { readonly postmasterDomain?: string } = {},
): ParsedPath | PathProblem {
  if (text.length > MAX_PATH * 4) return 'too-long';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: looks for control characters
  if (/[\x00-\x1f\x7f]/.test(text)) return 'control-character';
  const bracketed = text.startsWith('<');
  if (bracketed !== text.endsWith('>')) return 'bad-syntax';
  let path = bracketed ? text.slice(1, -1) : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII
  const utf8 = /[^\x00-\x7f]/.test(path);
  if (path === '') return bracketed ? { mailbox: null, sourceRoute: false, utf8 } : 'empty';
  const sourceRoute = path.startsWith('@');
  if (sourceRoute) {
    const colon = path.indexOf(':');
    if (
      colon < 0 ||
      !path
        .slice(0, colon)
        .split(',')
        .every((hop) => hop.startsWith('@') && parseDomain(hop.slice(1)) !== undefined)
    )
      return 'bad-syntax';
    path = path.slice(colon + 1);
  }
  if (path.length > MAX_PATH - 2) return 'too-long';
  const quoted = path.startsWith('"');
  const split = quoted ? endOfQuoted(path) : path.lastIndexOf('@');
  if (quoted && (split < 0 || (split < path.length && path[split] !== '@'))) return 'bad-local-part';
  const local = split < 0 || split >= path.length ? path : path.slice(0, split);
  const localPart = quoted ? local.slice(1, -1).replace(/\\(.)/gsu, '$1') : local;
  // A quoted string may be empty, an atom may not (RFC 5321 §4.1.2).
  if (local === '') return 'bad-local-part';
  if (local.length > MAX_LOCAL) return 'too-long';
  const noDomain = split < 0 || split >= path.length;
  if (noDomain) {
    const domain = options.postmasterDomain === undefined ? undefined : parseDomain(options.postmasterDomain);
    if (/^postmaster$/i.test(localPart) && domain !== undefined)
      return { mailbox: { localPart, domain }, sourceRoute, utf8 };
    return 'no-domain';
  }
  if (!quoted && !isDotAtom(localPart)) return 'bad-local-part';
  const host = path.slice(split + 1);
  if (host.startsWith('[')) {
    const address = parseAddressLiteral(host);
    return address === undefined
      ? 'bad-literal'
      : { mailbox: { localPart, domain: literalOf(address) }, sourceRoute, utf8 };
  }
  const domain = parseDomain(host);
  return domain === undefined ? 'bad-domain' : { mailbox: { localPart, domain }, sourceRoute, utf8 };
}

/** Returns the position of the `@` after a quoted local part; -1 if the quotes do not close or contain other characters. */
function endOfQuoted(path: string): number {
  for (let i = 1; i < path.length; i++) {
    if (path[i] === '\\') i++;
    else if (path[i] === '"') return i + 1;
  }
  return -1;
}

const literalOf = (address: IpAddress): AddressLiteral => printAddressLiteral(address) as AddressLiteral;

/** Reads `user@example.com`. Returns undefined if the text is not exactly one mailbox. */
export function parseMailbox(text: string): Mailbox | undefined {
  if (typeof text !== 'string' || text.startsWith('<')) return undefined;
  const path = parsePath(text);
  return typeof path === 'string' || path.sourceRoute || path.mailbox === null ? undefined : path.mailbox;
}

/** Prints `user@example.com`. The local part is quoted if necessary. */
export const printMailbox = ({ localPart, domain }: Mailbox): string =>
  `${isDotAtom(localPart) ? localPart : `"${localPart.replace(/["\\]/g, '\\$&')}"`}@${domain}`;
