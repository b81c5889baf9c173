/**
 * Who the client says it is, and where an answer to the sender would go.
 *
 * **Answers**: three questions, each a check. {@link reverseDns}: does a reverse DNS name of the client resolve back to
 * it? {@link heloIdentity}: does the HELO name belong to the client? {@link senderDomain}: does the sender's domain
 * exist and take mail? For submission, {@link recipientDomain} asks the last one of recipients.
 * **Knows**: the client's address; the HELO name; the reverse-path or forward-path. **Asks**: `dns`.
 * **Standards**: RFC 8601 §3 (iprev), RFC 5321 §4.1.3, §4.1.4 and §5.1, RFC 7505 (null MX), RFC 7372 (codes).
 *
 * **Limits**: nobody is connected to. A DNS error is never a verdict on the client. Whether a name looks generic is a
 * guess from its text, made of signs that are all shown.
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
