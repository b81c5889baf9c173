import type { SecureContextOptions } from 'node:tls';
import type { AccessPolicy } from '../../access/index.ts';
import type { Budgets, LoginDetail } from '../../checks/smtp-auth/index.ts';
import type { Bans, Clock, Counters } from '../../env/index.ts';

/** What the gate needs of the environment itself; the policy's rules may need more. */
export interface GateEnv {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly bans: Bans;
}

/** A certificate, its key, and what else Node takes; `names` are certificates for other names, chosen by SNI. */
export interface GateTls extends SecureContextOptions {
  readonly names?: { readonly [name: string]: SecureContextOptions };
}

/** The real server. It is spoken to in clear text: it stands on the same machine, or behind a tunnel. */
export interface Backend {
  readonly host: string;
  readonly port: number;
  /**
   * How the client's address is handed on: the PROXY protocol's header, version 1 or 2; IMAP's `ID` with `x-originating-ip`;
   * POP3's `XCLIENT`. The backend must be told to believe it (Dovecot: `haproxy_trusted_networks`, `login_trusted_networks`).
   * Not at all where not given.
   */
  readonly tellClient?: 'proxy-v1' | 'proxy-v2' | 'id' | 'xclient';
  /** How long a connection may take to be made, and to greet, in milliseconds. Default: 10,000. */
  readonly connectWithinMs?: number;
  /** How long the backend may take to answer one message of a login, in milliseconds. Default: 30,000. */
  readonly answerWithinMs?: number;
}

export interface LoginGateOptions<E extends GateEnv = GateEnv> {
  readonly protocol: 'imap' | 'pop3';
  readonly backend: Backend;
  /** Certificate and key. Without them nobody could log in, so they must be given. */
  readonly tls: GateTls;
  /** The port begins with TLS (993, 995), and has no STARTTLS. */
  readonly implicitTls?: boolean;
  /**
   * Trusted proxies: addresses and prefixes. Their connections must begin with a header of the PROXY protocol, version 1 or 2,
   * which names the client; anything else ends the connection. All other peers are clients themselves. Default: none.
   */
  readonly useProxy?: readonly string[];
  readonly policy: AccessPolicy<E>;
  readonly env: E;
  /**
   * The books of failed logins: `smtpAuth().budgets`, shared with submission, or `authBudgets()`. With them the gate offers only
   * mechanisms that show whose login it is: PLAIN, LOGIN, CRAM-MD5, SCRAM, XOAUTH2 and OAUTHBEARER. Default: none.
   */
  readonly budgets?: Budgets;
  /** The name in the greeting. Default: `postern`. */
  readonly serverName?: string;
  /** How many connections are held at once; beyond them, new ones are closed. Default: 10,000. */
  readonly connections?: number;
  /**
   * How long a client may take from the connection to the login, in milliseconds, whatever it sends meanwhile; delays for failed
   * logins are part of it. Default: 180,000.
   */
  readonly loginWithinMs?: number;
  /** How long a TLS handshake may take, in milliseconds. Default: 30,000. */
  readonly handshakeWithinMs?: number;
  /** How long nothing may pass in either direction after the login, in milliseconds. Default: an hour. */
  readonly idleMs?: number;
  /** Commands before login that are refused or not understood, before the gate closes the connection. Default: 10. */
  readonly errors?: number;
  /** Called with what happens: plain data, without secrets. */
  readonly onEvent?: (event: GateEvent) => void;
  /** Called once with whatever a hook or a store threw or rejected with. The session goes on, and what was decided stands. */
  readonly onError?: (error: Error) => void;
}

/** What happens at the gate. */
export interface GateEvent {
  readonly type:
    | 'connect'
    | 'tls'
    | 'refused'
    /** A login whose account is known: before any delay, and before the backend hears of it. */
    | 'login-attempt'
    | 'login'
    | 'login-failed'
    | 'backend'
    | 'pipelined'
    | 'closed'
    | 'error';
  readonly session: string;
  readonly client: string;
  readonly at: number;
  /** The rule that refused, or what went wrong. */
  readonly reason?: string;
  readonly command?: string;
  readonly mechanism?: string;
  readonly account?: string;
  /**
   * How the login ended, with `login`, `login-failed`, and `refused` if its budget is used up. The mechanism is `LOGIN` for IMAP's
   * LOGIN and `USER` for POP3's USER and PASS.
   */
  readonly login?: LoginDetail;
  readonly tls?: string;
}

export interface Limits {
  readonly connections: number;
  readonly loginWithinMs: number;
  readonly handshakeWithinMs: number;
  readonly idleMs: number;
  readonly errors: number;
  readonly connectWithinMs: number;
  readonly answerWithinMs: number;
}

/** @throws TypeError that names the option, its value and what is allowed */
export function checkedLimits(options: LoginGateOptions<never>): Limits {
  const { protocol, backend, tls, policy, env } = options;
  if (protocol !== 'imap' && protocol !== 'pop3')
    throw new TypeError(`loginGateServer: protocol ${JSON.stringify(protocol)} must be "imap" or "pop3"`);
  if (
    typeof backend?.host !== 'string' ||
    !(Number.isInteger(backend.port) && backend.port > 0 && backend.port < 65_536)
  )
    throw new TypeError('loginGateServer: backend must be a host and a port, like { host: "127.0.0.1", port: 10143 }');
  const { tellClient } = backend;
  const ways = ['proxy-v1', 'proxy-v2', protocol === 'imap' ? 'id' : 'xclient'];
  if (tellClient !== undefined && !ways.includes(tellClient))
    throw new TypeError(
      `loginGateServer: backend.tellClient ${JSON.stringify(tellClient)} must be one of ${ways.join(', ')} for ${protocol}`,
    );
  if (tls === undefined || (tls.cert === undefined && tls.pfx === undefined))
    throw new TypeError('loginGateServer: tls must hold a certificate and its key: without TLS nobody could log in');
  if (policy?.encryption === undefined) throw new TypeError('loginGateServer: policy must be accessPolicy({ … })');
  const { clock, counters, bans } = (env ?? {}) as Partial<GateEnv>;
  if (clock === undefined || counters === undefined || bans === undefined)
    throw new TypeError('loginGateServer: env must hold clock, counters and bans');
  const number = (name: keyof Limits, value: number | undefined, fallback: number): number => {
    const given = value ?? fallback;
    if (!(given > 0) || !Number.isFinite(given))
      throw new TypeError(`loginGateServer: ${name} must be a positive number, got ${given}`);
    return given;
  };
  return {
    connections: number('connections', options.connections, 10_000),
    loginWithinMs: number('loginWithinMs', options.loginWithinMs, 180_000),
    handshakeWithinMs: number('handshakeWithinMs', options.handshakeWithinMs, 30_000),
    idleMs: number('idleMs', options.idleMs, 3_600_000),
    errors: number('errors', options.errors, 10),
    connectWithinMs: number('connectWithinMs', backend.connectWithinMs, 10_000),
    answerWithinMs: number('answerWithinMs', backend.answerWithinMs, 30_000),
  };
}
