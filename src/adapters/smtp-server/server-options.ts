import type { SMTPServerOptions } from 'smtp-server';
import { TrustedProxies } from '../proxy-protocol/index.ts';

/**
 * Options of smtp-server that would bypass the policy, or change the client without the policy knowing, each with its
 * replacement.
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

/** Proxies that may name the client. */
export interface Proxies {
  /** Proxies whose connections begin with a PROXY protocol header. */
  readonly header: TrustedProxies | undefined;
  /** Proxies that may use XCLIENT. */
  readonly xclient: TrustedProxies | undefined;
}

/**
 * Validates the options, and returns the trusted proxies.
 *
 * @throws {TypeError} if an option cannot be used here, a list of proxies is invalid, or `secured` lacks its other options
 */
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
 * Options of smtp-server. Hooks, and options that would bypass the policy, are refused with a `TypeError` that names the
 * alternative.
 */
export interface ServerOptions extends Omit<SMTPServerOptions, RefusedOption | 'useProxy' | 'useXClient' | 'secured'> {
  /**
   * Trusted proxies: addresses, prefixes, and `unix` for Unix domain sockets. Their connections must begin with a PROXY
   * protocol header, version 1 or 2, or they are closed. All other peers are treated as clients. Default: none.
   */
  readonly useProxy?: readonly string[] | false;
  /**
   * Trusted proxies that may name the client with XCLIENT, in the same form as `useProxy`. The session then starts over for
   * that client. XCLIENT is not offered to other peers. Default: none.
   */
  readonly useXClient?: readonly string[] | false;
  /**
   * The proxies in `useProxy` terminate TLS. Clients that they name count as connected with TLS 1.2. Requires
   * `secure: true` and `useProxy`. Default: false.
   */
  readonly secured?: boolean;
}
