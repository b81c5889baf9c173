import type { ConnectFacts } from '../smtp/index.ts';

/** The protocols with logins. */
export type AccessProtocol = 'imap' | 'pop3' | 'smtp' | 'managesieve';

/**
 * Known from the connection on. The facts include those of an SMTP session, so checks on addresses, bans and limits work for
 * both. `role` is `submission` for every protocol except SMTP on port 25.
 */
export interface AccessConnectFacts extends ConnectFacts {
  readonly session: ConnectFacts['session'] & { readonly protocol: AccessProtocol };
}

/** The client's command. Known from the command line alone, before any secret is requested or read. */
export interface AccessCommand {
  /** In upper case: `LOGIN`, `AUTHENTICATE`, `STLS`, `MAIL`. The server's greeting counts as the command `GREETING`. */
  readonly name: string;
  /** The SASL mechanism that `AUTHENTICATE` or `AUTH` names, as written; absent if the command names none. */
  readonly mechanism?: string;
  /** `STARTTLS` had an argument, which it must not have (RFC 3207 §4). */
  readonly argument?: boolean;
  /** More input arrived after this command, before it was answered. */
  readonly pipelined?: boolean;
}

/** Known at each command. */
export interface AccessCommandFacts extends AccessConnectFacts {
  /** Whether TLS is available: `none` means not configured, `broken` means configured but not usable now. */
  readonly tlsOffer: 'ready' | 'broken' | 'none';
  /** `open`: not logged in. `transaction`: SMTP between MAIL and the end of DATA. */
  readonly state: 'open' | 'authenticated' | 'transaction';
  readonly command: AccessCommand;
}

/** The facts of each stage: `connect` before the greeting, `command` at each command that concerns TLS or logging in. */
export interface AccessStages {
  connect: AccessConnectFacts;
  command: AccessCommandFacts;
}

/** Why the encryption rules refuse a command. `refusalReply()` returns the line of each protocol. */
export type AccessRefusal =
  | 'tls-required'
  | 'tls-too-old'
  | 'tls-active'
  | 'tls-broken'
  | 'tls-not-configured'
  | 'not-tls'
  | 'starttls-pipelined'
  | 'starttls-argument'
  | 'starttls-too-late'
  | 'mechanism-unknown'
  | 'certificate-required'
  | 'already-authenticated'
  | 'login-required'
  | 'mid-transaction'
  | 'preauth-in-clear';

/** What else can fail before a login. `refusalReply()` returns the line of each protocol. */
export type AccessFailure =
  | 'syntax-error'
  | 'bad-sequence'
  | 'command-too-long'
  | 'too-many-errors'
  | 'login-timeout'
  | 'credentials-missing'
  | 'credentials-malformed'
  | 'auth-cancelled'
  | 'server-unavailable'
  | 'banned';

/** What a client may do now about TLS and logging in, independent of the protocol. */
export interface AccessCapabilities {
  /** STARTTLS or STLS is available. */
  readonly starttls: boolean;
  /** IMAP LOGIN, or POP3 USER and PASS, is available. */
  readonly plainLogin: boolean;
  /** Available SASL mechanisms. */
  readonly mechanisms: readonly string[];
}
