import type { SMTPServerOptions } from 'smtp-server';
import { TrustedProxies } from '../proxy-protocol/index.ts';

/**
 * Options of smtp-server that would decide beside the policy, or change who the client is without the policy's knowledge, and
 * what to use instead.
 */
const instead = {
  onAuth: 'auth',
  onClose: 'session.onEvent',
  onConnect: 'rules at the connect stage of policy',
  onData: 'deliver',
  onMailFrom: 'rules at the mail stage of policy',
  onRcptTo: 'rules at the rcpt stage of policy',
  onSecure: 'rules that look at tls',
  lmtp: "role: 'lmtp'",
  authMethods: 'auth.check: smtpAuth({ mechanisms })',
  authOptional: 'authenticationRequired() at the mail stage of policy',
  authRequiredMessage: 'authenticationRequired() at the mail stage of policy',
  allowInsecureAuth: "auth.check: smtpAuth({ clearTextFrom: 'loopback' })",
  maxAllowedUnauthenticatedCommands: 'sessionLimits() in policy',
  hideENHANCEDSTATUSCODES: 'nothing: replies always carry enhanced status codes',
  hideSMTPUTF8: 'session.smtpUtf8',
  heloResponse: 'server.name and server.banner',
  disableReverseLookup: 'reverseDns() in policy, which asks env.dns',
  resolver: 'reverseDns() in policy, which asks env.dns',
  needsUpgrade: 'server.secure, which begins every connection with TLS',
  useXForward: 'server.useXClient, which tells the policy who the client is',
} as const;

/** Options of smtp-server that `guardedServer()` refuses. */
export type RefusedOption = keyof typeof instead;

/** Who may say who a client is. */
export interface Proxies {
  /** Their connections begin with a header of the PROXY protocol. */
  readonly header: TrustedProxies | undefined;
  /** They may use XCLIENT. */
  readonly xclient: TrustedProxies | undefined;
}

/** @throws TypeError for an option that cannot be used here, and for proxies that are not listed */
export function checkServerOptions(server: ServerOptions): Proxies {
  for (const [name, other] of Object.entries(instead))
    if (Object.hasOwn(server, name) && (server as { readonly [name: string]: unknown })[name] !== undefined)
      throw new TypeError(`guardedServer: server.${name} cannot be used; use ${other}`);
  const proxies = (option: 'useProxy' | 'useXClient'): TrustedProxies | undefined => {
    const entries: unknown = server[option];
    return entries === undefined || entries === false
      ? undefined
      : new TrustedProxies(`guardedServer: server.${option}`, entries);
  };
  const header = proxies('useProxy');
  if (server.secured === true && (server.secure !== true || header === undefined))
    throw new TypeError(
      'guardedServer: server.secured must stand beside server.secure: true and server.useProxy: only a trusted proxy can have done TLS before us',
    );
  return { header, xclient: proxies('useXClient') };
}

/**
 * Options of smtp-server. Its hooks, and what would decide beside the policy, are refused with a `TypeError` that names the
 * alternative.
 */
export interface ServerOptions extends Omit<SMTPServerOptions, RefusedOption | 'useProxy' | 'useXClient' | 'secured'> {
  /**
   * Trusted proxies: addresses, prefixes, and `unix` for sockets in the file system. Their connections must begin with a header
   * of the PROXY protocol, version 1 or 2, which names the client; anything else ends the connection. All other peers are
   * clients themselves. Default: none.
   */
  readonly useProxy?: readonly string[] | false;
  /**
   * Trusted proxies that may name the client with XCLIENT, written as for `useProxy`. The session then begins anew for that
   * client. Nobody else is offered the command. Default: none.
   */
  readonly useXClient?: readonly string[] | false;
  /**
   * The proxies in `useProxy` have done TLS. Clients that they name count as connected with TLS 1.2. Needs `secure: true` and
   * `useProxy`. Default: false.
   */
  readonly secured?: boolean;
}
