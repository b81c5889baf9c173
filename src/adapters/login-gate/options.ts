import type { SecureContextOptions } from 'node:tls';
import type { AccessPolicy } from '../../access/index.ts';
import type { Budgets, LoginConsequences, LoginDetail } from '../../checks/smtp-auth/index.ts';
import type { Finding } from '../../core/index.ts';
import {
  assertFunction,
  assertKnownOptions,
  oneOf,
  positiveNumber,
  wholeNumber,
  wrongOption,
} from '../../core/index.ts';
import type { Env } from '../../env/index.ts';

/** What the gate itself uses of the environment. The policy's rules may need more. */
export type GateEnv = Pick<Env, 'clock' | 'counters' | 'bans'>;

/** Certificate and key, with any other TLS option of Node. */
export interface GateTls extends SecureContextOptions {
  /** Certificates for other host names, selected by SNI. Default: none. */
  readonly names?: { readonly [name: string]: SecureContextOptions };
}

/** The server behind the gate. The connection to it is not encrypted, so it must be on the same machine or behind a tunnel. */
export interface Backend {
  readonly host: string;
  readonly port: number;
  /**
   * How the backend receives the client's address: by a header of the PROXY protocol, version 1 or 2; by IMAP's `ID` with
   * `x-originating-ip`; or by POP3's `XCLIENT`. The backend must be configured to trust the gate (Dovecot:
   * `haproxy_trusted_networks`, `login_trusted_networks`). Default: not at all.
   */
  readonly tellClient?: 'proxy-v1' | 'proxy-v2' | 'id' | 'xclient';
  /** Deadline for the connection to the backend and its greeting, in milliseconds. Default: 10,000. */
  readonly connectWithinMs?: number;
  /** Deadline of the backend's answer to one message of a login, in milliseconds. Default: 30,000. */
  readonly answerWithinMs?: number;
}

export interface LoginGateOptions<E extends GateEnv = GateEnv> {
  readonly protocol: 'imap' | 'pop3';
  readonly backend: Backend;
  /** Certificate and key. Required, because logins need TLS. */
  readonly tls: GateTls;
  /** Whether connections begin with TLS (ports 993 and 995) and there is no STARTTLS. Default: false. */
  readonly implicitTls?: boolean;
  /**
   * Trusted proxies: addresses and prefixes. Their connections must begin with a header of the PROXY protocol, version 1 or 2,
   * that names the client; anything else ends the connection. All other peers are clients themselves. Default: none.
   */
  readonly useProxy?: readonly string[];
  readonly policy: AccessPolicy<E>;
  readonly env: E;
  /**
   * Budgets of failed logins: `smtpAuth().budgets`, shared with submission, or `authBudgets()`. With budgets the gate offers
   * only mechanisms that reveal the account: PLAIN, LOGIN, CRAM-MD5, SCRAM, XOAUTH2 and OAUTHBEARER. Default: none.
   */
  readonly budgets?: Budgets;
  /**
   * How failed logins are refused. A consequence for `fail` or `temperror` replaces the backend's own reply. Default: the
   * recommended consequences of `loginOutcome()`, with the backend's reply.
   */
  readonly loginConsequences?: LoginConsequences;
  /** The name in the greeting. Default: `postern`. */
  readonly serverName?: string;
  /** Most connections at once; more are closed. Default: 10,000. */
  readonly connections?: number;
  /**
   * Deadline from the connection to the login, in milliseconds, whatever the client sends. It includes delays for failed
   * logins. Default: 180,000.
   */
  readonly loginWithinMs?: number;
  /** Deadline of a TLS handshake, in milliseconds. Default: 30,000. */
  readonly handshakeWithinMs?: number;
  /** Idle timeout after the login, in milliseconds. Default: 3,600,000. */
  readonly idleMs?: number;
  /** Most commands before the login that may be refused or malformed; then the gate closes the connection. Default: 10. */
  readonly errors?: number;
  /** Receives events as plain data, without secrets. Default: none. */
  readonly onEvent?: (event: GateEvent) => void;
  /** Receives each error of a hook or a store, once. The session continues and its decision stays. Default: none. */
  readonly onError?: (error: Error) => void;
}

/** An event of the gate. */
export interface GateEvent {
  readonly type:
    | 'connect'
    | 'tls'
    /** A rule, a ban or a budget refused. */
    | 'refused'
    /** The account of a login is known. Comes before any delay, and before the backend receives anything. */
    | 'login-attempt'
    | 'login'
    | 'login-failed'
    /** The policy's `bans` have banned the client. */
    | 'banned'
    /** Trouble with the backend. */
    | 'backend'
    | 'pipelined'
    | 'closed'
    | 'error';
  readonly session: string;
  readonly client: string;
  readonly at: number;
  /** The cause of the refusal, or what went wrong. */
  readonly reason?: string;
  readonly command?: string;
  readonly mechanism?: string;
  readonly account?: string;
  /**
   * How the login ended, with `login`, `login-failed`, and `refused` if a budget is used up. The mechanism is `LOGIN` for IMAP's
   * LOGIN and `USER` for POP3's USER and PASS.
   */
  readonly login?: LoginDetail;
  /** The finding behind `refused`, `login` and `login-failed`. */
  readonly finding?: Finding;
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

/** Reports an error to the operator. If `onError` fails too, the error is lost. */
export function reportTo(onError: LoginGateOptions['onError'], error: unknown): void {
  const report = async (): Promise<void> => onError?.(error instanceof Error ? error : new Error(String(error)));
  report().catch(() => undefined);
}

/** @throws {TypeError} for a wrong or unknown option */
export function checkedLimits(options: LoginGateOptions<never>): Limits {
  const owner = 'loginGateServer';
  assertKnownOptions(owner, options, [
    'protocol',
    'backend',
    'tls',
    'implicitTls',
    'useProxy',
    'policy',
    'env',
    'budgets',
    'loginConsequences',
    'serverName',
    'connections',
    'loginWithinMs',
    'handshakeWithinMs',
    'idleMs',
    'errors',
    'onEvent',
    'onError',
  ]);
  const { backend, tls, policy, env, budgets, onEvent, onError } = options;
  const protocol = oneOf(owner, 'protocol', options.protocol, ['imap', 'pop3']);
  if (typeof backend?.host !== 'string')
    throw wrongOption(owner, 'backend', 'a host and a port, like { host: "127.0.0.1", port: 10143 }', backend);
  assertKnownOptions(`${owner}: backend`, backend, ['host', 'port', 'tellClient', 'connectWithinMs', 'answerWithinMs']);
  wholeNumber(owner, 'backend.port', backend.port, 1, 65_535);
  if (backend.tellClient !== undefined)
    oneOf(owner, 'backend.tellClient', backend.tellClient, [
      'proxy-v1',
      'proxy-v2',
      protocol === 'imap' ? 'id' : 'xclient',
    ]);
  if (tls === undefined || (tls.cert === undefined && tls.pfx === undefined))
    throw wrongOption(owner, 'tls', 'a certificate and its key, because logins need TLS', tls);
  if (policy?.encryption === undefined || !Array.isArray(policy.bans))
    throw wrongOption(owner, 'policy', 'accessPolicy({ … })', policy);
  const { clock, counters, bans } = (env ?? {}) as Partial<GateEnv>;
  if (clock === undefined || counters === undefined || bans === undefined)
    throw wrongOption(owner, 'env', 'an object with clock, counters and bans', env);
  if (budgets !== undefined)
    assertFunction(owner, 'budgets', budgets.admit, 'authBudgets({ … }) or smtpAuth().budgets');
  if (onEvent !== undefined) assertFunction(owner, 'onEvent', onEvent);
  if (onError !== undefined) assertFunction(owner, 'onError', onError);
  return {
    connections: wholeNumber(owner, 'connections', options.connections ?? 10_000),
    loginWithinMs: positiveNumber(owner, 'loginWithinMs', options.loginWithinMs ?? 180_000),
    handshakeWithinMs: positiveNumber(owner, 'handshakeWithinMs', options.handshakeWithinMs ?? 30_000),
    idleMs: positiveNumber(owner, 'idleMs', options.idleMs ?? 3_600_000),
    errors: wholeNumber(owner, 'errors', options.errors ?? 10),
    connectWithinMs: positiveNumber(owner, 'backend.connectWithinMs', backend.connectWithinMs ?? 10_000),
    answerWithinMs: positiveNumber(owner, 'backend.answerWithinMs', backend.answerWithinMs ?? 30_000),
  };
}
