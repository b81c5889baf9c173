import type { ConnectFacts } from '../smtp/index.ts';

/** The protocols in which people log in to their mail. */
export type AccessProtocol = 'imap' | 'pop3' | 'smtp' | 'managesieve';

/**
 * Known as soon as there is a connection. Everything that an SMTP session knows then is among it, so that checks on
 * addresses, bans and limits stand here as they do there; `role` is `submission` for every protocol but SMTP on port 25.
 */
export interface AccessConnectFacts extends ConnectFacts {
  readonly session: ConnectFacts['session'] & { readonly protocol: AccessProtocol };
}

/** What the client asks for. Known from the command line alone: before any secret is read, or asked for. */
export interface AccessCommand {
  /**
   * In upper case: `LOGIN`, `AUTHENTICATE`, `STLS`, `MAIL`. The server's own first word is the command `GREETING`.
   */
  readonly name: string;
  /** The SASL mechanism that `AUTHENTICATE` and `AUTH` name, as written; absent where none was named. */
  readonly mechanism?: string;
  /** `STARTTLS` had an argument, which it must not have (RFC 3207 §4). */
  readonly argument?: boolean;
  /** Octets have arrived behind this command, before it was answered. */
  readonly pipelined?: boolean;
}

/** Known at each command. */
export interface AccessCommandFacts extends AccessConnectFacts {
  /** Whether a TLS layer can be had: `none` is not configured, `broken` is configured and cannot be used now. */
  readonly tlsOffer: 'ready' | 'broken' | 'none';
  /** `open`: not logged in. `transaction`: SMTP between MAIL and the end of DATA. */
  readonly state: 'open' | 'authenticated' | 'transaction';
  readonly command: AccessCommand;
}

/** What is known at each stage of a login; `connect` before the greeting, `command` at each command that matters. */
export interface AccessStages {
  connect: AccessConnectFacts;
  command: AccessCommandFacts;
}

/** Why a login, or what would lead to one, is refused. Each has its words in each protocol, in `reply.ts`. */
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

/** What a client may do now about TLS and logging in, before it is said in the words of a protocol. */
export interface AccessCapabilities {
  /** STARTTLS or STLS may be asked for. */
  readonly starttls: boolean;
  /** IMAP LOGIN, or POP3 USER and PASS, may be used. */
  readonly plainLogin: boolean;
  /** SASL mechanisms that may be used. */
  readonly mechanisms: readonly string[];
}
