/**
 * The identity of the client, and the mail hosts of the sender's domain.
 *
 * **Answers**: {@link reverseDns}: does a reverse DNS name of the client resolve back to it? {@link heloIdentity}: does the HELO
 * name belong to the client? {@link senderDomain}: does the sender's domain exist and accept mail? {@link recipientDomain}: does
 * the recipient's domain (for submission)?
 * **Knows**: the client's address; the HELO name; the reverse-path or forward-path. **Asks**: `dns`.
 * **Standards**: RFC 8601 §3 (iprev), RFC 5321 §4.1.3, §4.1.4 and §5.1, RFC 7505 (null MX), RFC 7372 (codes).
 * **Limits**: no host is connected to. A DNS error never counts against the client. Whether a name looks generic is a heuristic
 * on its text; `detail` contains the reasons.
 *
 * @example
 * ```ts
 * import { flag, on, score, unless } from 'postern/core';
 * import { heloIdentity, reverseDns, senderDomain } from 'postern/checks/reverse-dns';
 * import { authenticated } from 'postern/smtp';
 *
 * export const identity = [
 *   unless(authenticated, score({ tagAt: 2 }, senderDomain(), on(reverseDns(), { permerror: flag(2) }), heloIdentity())),
 * ];
 * ```
 *
 * @module
 */
export type { GenericName } from './generic-name.ts';
export { genericName } from './generic-name.ts';
export type { HeloCheckOptions, HeloFound, HeloOptions, HeloResult, HeloState } from './helo.ts';
export { heloCheck, heloIdentity } from './helo.ts';
export type { ReverseDnsDetail, ReverseDnsOptions, ReverseDnsResult } from './iprev.ts';
export { iprev, reverseDns } from './iprev.ts';
export type {
  MailDomainDetail,
  RecipientDomainResult,
  SenderDomainOptions,
  SenderDomainResult,
} from './sender-domain.ts';
export { recipientDomain, senderDomain } from './sender-domain.ts';
