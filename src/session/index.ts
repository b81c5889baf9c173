/**
 * **Answers** what a policy says to an SMTP session: verbs in, replies out, the same for every server and runtime.
 *
 * **Knows** the connection it is given; it builds the facts of each stage with `net`, and keeps what was found.
 * **Asks** only the environment it is given. One session asks the DNS each question once.
 * **Standards** RFC 5321 (order of commands, paths), RFC 3207 §4.2 (what STARTTLS forgets), RFC 2033 (LMTP), RFC 6531.
 * **Limits** It does not speak on a socket, parse lines or verify passwords: that is the server's. A stage is decided
 * after `deadlineMs` with what is known then. For a message with several recipients SMTP has one reply: rules at `data`
 * are evaluated once for all of them; with LMTP once for each.
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
export type { MessageOutcome, RecipientOutcome, SessionEvent, SmtpSession, SmtpSessionOptions } from './types.ts';
