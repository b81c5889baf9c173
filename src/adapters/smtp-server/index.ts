/**
 * **Answers** what a policy says to the clients of nodemailer's `smtp-server` (3.21.6, an optional peer).
 *
 * **Knows** the connection: its address (or who a trusted proxy names, in a header of the PROXY protocol or with XCLIENT),
 * TLS, HELO, login, envelope and message. **Asks** only the environment it is given.
 *
 * **Standards** RFC 5321, RFC 2033 (LMTP), RFC 3207, RFC 4954, RFC 2034, RFC 8997 (TLS 1.2 or later, unless `server` says
 * otherwise).
 *
 * smtp-server holds every greeting back for 100 ms before it calls `onConnect`; it has no option for that. Connect-stage
 * rules and look-ups begin at the TCP connection (or behind the PROXY header), so the hold costs them nothing.
 *
 * The message is streamed to the policy and to `deliver` at once. What `deliver` has not read yet waits in memory, and
 * beyond a limit in a temporary file: it may read before the decision, after it, or never.
 *
 * **Limits** It takes smtp-server at the version it was written for, since HELO, the mechanism of AUTH and enhanced status
 * codes have no hooks there. CHUNKING is not offered, because smtp-server does not. Over a Unix socket `client.ip` is
 * 127.0.0.1 and `client.unixSocket` is true.
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

/**
 * Makes a server. It listens when it is told to: `guardedServer(options).listen(25)`.
 *
 * @throws {TypeError} if the policy was not made by `smtpPolicy()`, for a wrong option, and if the policy can quarantine and
 *   `quarantine` is not given
 * @throws {Error} if this version of smtp-server lacks what the adapter uses of its internals
 */
export function guardedServer<E extends Env = Env>(options: GuardOptions<E>): GuardedServer<E> {
  if (!isSmtpPolicy(options.policy))
    throw new TypeError('guardedServer: policy was not made by smtpPolicy(), so nobody has been asked who may relay');
  if (!['mx', 'submission', 'lmtp'].includes(options.role))
    throw new TypeError(`guardedServer: role ${JSON.stringify(options.role)} must be 'mx', 'submission' or 'lmtp'`);
  if (typeof options.deliver !== 'function') throw new TypeError('guardedServer: deliver must be a function');
  const { quarantine, server: { size = 0 } = {}, spool: { memory = 0 } = {} } = options;
  if (quarantine !== undefined && quarantine !== 'deliver')
    throw new TypeError(`guardedServer: quarantine must be 'deliver' or left out, got ${JSON.stringify(quarantine)}`);
  if (quarantine === undefined && mayQuarantine(options.policy))
    throw new TypeError(
      "guardedServer: quarantine must be 'deliver', because the policy can quarantine: deliver must then keep messages whose outcome.action is 'quarantine'",
    );
  for (const [name, value] of Object.entries({ 'server.size': size, 'spool.memory': memory }))
    if (!(Number.isInteger(value) && value >= 0))
      throw new TypeError(`guardedServer: ${name} must be a whole number of bytes, got ${value}`);
  for (const name of ['commandMs', 'messageMs', 'deliverMs'] as const) {
    const value = options[name] ?? 1;
    if (!(typeof value === 'number' && value > 0 && Number.isFinite(value)))
      throw new TypeError(`guardedServer: ${name} must be a positive number of milliseconds, got ${value}`);
  }
  return new GuardedServer(options);
}
