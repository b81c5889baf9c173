/**
 * Applies a policy to one SMTP session: commands in, replies out, the same for every server and runtime.
 *
 * **Answers**: what does the policy reply to this command? **Knows**: the facts of the connection; it builds the facts of each
 * stage and keeps the findings. **Asks**: the given environment. A session sends each DNS query once.
 * **Standards**: RFC 5321 (order of commands, paths), RFC 3207 §4.2 (what STARTTLS discards), RFC 2033 (LMTP), RFC 6531.
 * **Limits**: the server speaks on the socket, splits lines and verifies passwords. A stage is decided after `deadlineMs`; a
 * check without an answer counts as `temperror`. With SMTP a message has one reply, so rules at `data` are evaluated once for
 * all recipients; with LMTP once for each.
 *
 * @example
 * ```ts
 * import type { Env } from 'postern/env';
 * import { parseIp } from 'postern/net';
 * import { relayControl } from 'postern/checks/relay-control';
 * import { smtpPolicy } from 'postern/smtp';
 * import { smtpSession } from 'postern/smtp-session';
 *
 * const policy = smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }) });
 *
 * export async function refused(env: Env, client: string, recipient: string): Promise<boolean> {
 *   const ip = parseIp(client);
 *   if (ip === undefined) return true;
 *   const session = smtpSession(policy, env, { session: { id: 'one', role: 'mx' }, client: { ip }, tls: null });
 *   const replies = [
 *     await session.connect(),
 *     await session.helo('EHLO', 'mx.example.org'),
 *     await session.mail('<a@example.org>'),
 *     await session.rcpt(`<${recipient}>`),
 *   ];
 *   await session.close();
 *   return replies.some((reply) => reply !== null);
 * }
 * ```
 *
 * @module
 */
export type { BareLineEndingPolicy, MessageSink } from './receiving.ts';
export { smtpSession } from './session.ts';
export type {
  MessageOutcome,
  MessageWriter,
  RecipientOutcome,
  SessionEvent,
  SmtpSession,
  SmtpSessionOptions,
} from './types.ts';

// Only for the project: stripped from the published types.

/** @internal */
export { assertSessionOptions } from './session.ts';
