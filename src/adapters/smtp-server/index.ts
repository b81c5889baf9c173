/**
 * Applies a policy to nodemailer's `smtp-server` (3.21.6, an optional peer).
 *
 * **Answers**: what does the server reply to its clients? **Knows**: the connection: its address (or the client that a trusted
 * proxy names, in a header of the PROXY protocol or with XCLIENT), TLS, HELO, login, envelope and message. **Asks**: the given
 * environment.
 * **Standards**: RFC 5321, RFC 2033 (LMTP), RFC 3207, RFC 4954, RFC 2034, RFC 8997 (TLS 1.2 or later, unless `server`
 * has another `minVersion`).
 *
 * smtp-server delays every greeting by 100 ms before it calls `onConnect`, and has no option to change that. Connect-stage
 * rules and look-ups start at the TCP connection (or after the PROXY header), so the delay costs them nothing.
 *
 * The message is streamed to the policy and to `deliver` at the same time. `deliver` may read before the decision, after it,
 * or never: unread data waits in memory, and beyond a limit in a temporary file.
 *
 * **Limits**: it requires smtp-server 3.21, because HELO, MAIL, the mechanism of AUTH and enhanced status codes have no hooks
 * there. CHUNKING is not supported. Over a Unix socket `client.ip` is 127.0.0.1 and `client.unixSocket` is true.
 *
 * @example
 * ```ts
 * import { guardedServer } from 'postern/adapters/smtp-server';
 * import { memoryBans, memoryCounters } from 'postern/adapters/memory';
 * import { systemClock } from 'postern/adapters/system';
 * import { relayControl } from 'postern/checks/relay-control';
 * import { stubResolver } from 'postern/dns/node';
 * import { smtpPolicy } from 'postern/smtp';
 *
 * const clock = systemClock();
 * export const server = guardedServer({
 *   policy: smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }) }),
 *   env: { clock, dns: stubResolver(), counters: memoryCounters({ clock }), bans: memoryBans({ clock }) },
 *   role: 'mx',
 *   server: { name: 'mx.example.com' },
 *   async deliver({ message, outcome }) {
 *     const { action } = await outcome;
 *     if (action !== 'accept') return;
 *     const chunks: Uint8Array[] = [];
 *     for await (const chunk of message) chunks.push(chunk);
 *     console.log(`${chunks.length} chunks to keep`);
 *   },
 * });
 * ```
 *
 * @module
 */
import {
  assertFunction,
  assertKnownOptions,
  oneOf,
  positiveNumber,
  wholeNumber,
  wrongOption,
} from '../../core/index.ts';
import type { Env } from '../../env/index.ts';
import { isSmtpPolicy } from '../../smtp/index.ts';
import { mayQuarantine } from './may-quarantine.ts';
import type { GuardOptions } from './options.ts';
import { GuardedServer } from './server.ts';

export type { Credentials, LoginOptions } from './login.ts';
export type { Delivery, GuardOptions } from './options.ts';
export { GuardedServer } from './server.ts';
export type { ServerOptions } from './server-options.ts';
export type { SpoolOptions } from './spool.ts';

const optionNames: readonly (keyof GuardOptions)[] = [
  'auth',
  'commandMs',
  'deliver',
  'deliverMs',
  'env',
  'messageMs',
  'onError',
  'policy',
  'quarantine',
  'role',
  'server',
  'session',
  'spool',
];

/**
 * Makes a server. Call `listen()` to start it: `guardedServer(options).listen(25)`.
 *
 * @throws {TypeError} if the policy was not made by `smtpPolicy()`, if an option is wrong or unknown, or if the policy can
 *   quarantine and `quarantine` is missing
 * @throws {Error} if this version of smtp-server lacks internals that the adapter uses
 */
export function guardedServer<E extends Env = Env>(options: GuardOptions<E>): GuardedServer<E> {
  const owner = 'guardedServer';
  assertKnownOptions(owner, options, optionNames);
  const { auth, deliver, onError, policy, quarantine, role, server = {}, session = {}, spool = {} } = options;
  if (typeof policy !== 'object' || policy === null || !isSmtpPolicy(policy))
    throw wrongOption(owner, 'policy', 'made by smtpPolicy()', policy);
  oneOf(owner, 'role', role, ['mx', 'submission', 'lmtp']);
  assertFunction(owner, 'deliver', deliver);
  if (onError !== undefined) assertFunction(owner, 'onError', onError);
  if (quarantine !== undefined && quarantine !== 'deliver')
    throw wrongOption(owner, 'quarantine', "'deliver' or left out", quarantine);
  if (quarantine === undefined && mayQuarantine(policy))
    throw new TypeError(
      "guardedServer: quarantine must be 'deliver', because the policy can quarantine: deliver must then keep messages whose outcome.action is 'quarantine'",
    );
  for (const name of ['commandMs', 'messageMs', 'deliverMs'] as const)
    if (options[name] !== undefined) positiveNumber(owner, name, options[name]);
  if (server.size !== undefined) wholeNumber(owner, 'server.size', server.size, 0);
  assertKnownOptions(`${owner}: spool`, spool, ['memory', 'directory']);
  if (spool.memory !== undefined) wholeNumber(owner, 'spool.memory', spool.memory, 0);
  for (const name of ['size', 'onError'] as const)
    if (Object.hasOwn(session, name))
      throw new TypeError(
        `${owner}: session.${name} cannot be used; use ${name === 'size' ? 'server.size' : 'onError'}`,
      );
  if (auth !== undefined) {
    assertKnownOptions(`${owner}: auth`, auth, ['check', 'verify', 'scram', 'mayActAs']);
    assertFunction(owner, 'auth.verify', auth.verify);
  }
  return new GuardedServer(options);
}
