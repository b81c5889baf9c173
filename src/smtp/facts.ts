import type { MessageFacts } from '../message/index.ts';
import type { DomainName, IpAddress, Mailbox } from '../net/index.ts';
import type { MessageAuthentication } from './authentication.ts';

export type {
  ArcOutcome,
  DkimOutcome,
  DmarcOutcome,
  DmarcPolicy,
  MessageAuthentication,
  SpfFact,
} from './authentication.ts';

/** The TLS layer of a connection. */
export interface TlsFacts {
  /** Protocol version: `TLSv1.2`, `TLSv1.3`. */
  readonly version: string;
  readonly cipher?: string;
  /** The name the client asked for (SNI). */
  readonly serverName?: string;
  /** The client's certificate. Present only if the server requested and verified one. */
  readonly clientCertificate?: {
    /** Lower-case hexadecimal SHA-256 of the certificate. */
    readonly fingerprint: string;
    readonly subject?: string;
  };
}

/** Purpose of a listener: mail from the Internet (25), mail from local users (587, 465), or LMTP delivery. */
export type Role = 'mx' | 'submission' | 'lmtp';

/** Counters of one session. They include the current command. */
export interface SessionTally {
  readonly commands: number;
  /** Number of commands that got a 4xx or 5xx reply. */
  readonly errors: number;
  readonly authFailures: number;
}

/** Facts available once the client has connected. */
export interface ConnectFacts {
  readonly session: {
    /** Unique among the sessions of all hosts, because leases are held under this ID. */
    readonly id: string;
    readonly role: Role;
    /** The connection started with TLS (port 465) instead of using STARTTLS. */
    readonly implicitTls?: boolean;
    /** The server's hostname, as in its banner. */
    readonly serverName?: string;
    /** When the connection was accepted, in milliseconds since the epoch. */
    readonly since?: number;
    /** Counters of this session so far. */
    readonly tally?: SessionTally;
  };
  readonly client: {
    /** Address of the client: the peer of the connection, or the address that a trusted proxy reported. */
    readonly ip: IpAddress;
    readonly port?: number;
    /**
     * Set if a trusted proxy made the connection.
     *
     * - `proxy-header`: the proxy reported the address in a PROXY protocol header
     * - `xclient`: the proxy reported the address with XCLIENT
     * - `proxy`: the proxy did not name a client (a health check, or a client it does not know). The address is the proxy's
     *   own, so it must not earn the client any trust.
     */
    readonly via?: 'proxy-header' | 'xclient' | 'proxy';
    /** The client connected over a Unix domain socket. The address is then 127.0.0.1. */
    readonly unixSocket?: boolean;
    /** The client's autonomous system number, if the host knows it. */
    readonly asn?: number;
  };
  /** `null` while the connection is in clear text. */
  readonly tls: TlsFacts | null;
}

/** Facts available after HELO, EHLO or LHLO. */
export interface HeloFacts extends ConnectFacts {
  readonly helo: {
    readonly verb: 'HELO' | 'EHLO' | 'LHLO';
    /** The name exactly as the client sent it. */
    readonly name: string;
    /** Set if the name is a domain name. */
    readonly domain?: DomainName;
    /** Set if the name is an address literal. */
    readonly literal?: IpAddress;
  };
}

/** Facts available when the client starts AUTH, before it has sent any secret. */
export interface AuthFacts extends HeloFacts {
  readonly attempt: {
    /** SASL mechanism in upper case: `PLAIN`, `SCRAM-SHA-256`. */
    readonly mechanism: string;
  };
}

/** Facts available after MAIL FROM. */
export interface MailFacts extends HeloFacts {
  /** The authenticated user, or `null` if the client has not logged in. */
  readonly auth: { readonly identity: string; readonly mechanism?: string } | null;
  /** `null` is the null reverse-path `<>` (RFC 5321 §4.5.5). */
  readonly reversePath: Mailbox | null;
  /** Parameters of MAIL, keyed by upper-case name. A parameter without a value is `true`. */
  readonly mailParameters?: { readonly [name: string]: string | true };
  /** Number of earlier messages in this session, accepted or not. */
  readonly messagesBefore?: number;
}

/** Facts available at each RCPT TO. */
export interface RcptFacts extends MailFacts {
  readonly forwardPath: Mailbox;
  /** The path had a source route, which was removed (RFC 5321 appendix C). */
  readonly sourceRoute?: boolean;
  /** Number of recipients already accepted for this message. */
  readonly recipientsBefore?: number;
}

/**
 * Counts the characters that a message must not contain: CR and LF outside a CRLF pair, and NUL (RFC 2045 §2.7, §2.8;
 * RFC 5321 §2.3.8).
 */
export interface BareLineEndings {
  /** Number of CRs not followed by LF. */
  readonly cr: number;
  /** Number of LFs not preceded by CR. */
  readonly lf: number;
  readonly nul: number;
}

/** Facts available once the message has been received. */
export interface DataFacts extends MailFacts {
  readonly forwardPaths: readonly Mailbox[];
  readonly message: MessageFacts & {
    /** Counted on arrival, before the session replaces any. Missing if the host does not count them. */
    readonly bareLineEndings?: BareLineEndings;
    /**
     * Returns the bytes of the message, if the session keeps them (`keepMessage`). Undefined if the message is longer than
     * that. Not part of the JSON.
     */
    readonly raw?: () => Uint8Array | undefined;
  };
}

/** Facts available once the message has been received, if the policy has an authenticator. */
export interface AuthenticatedDataFacts extends DataFacts {
  readonly authentication: MessageAuthentication;
}

/** Maps each stage of an SMTP session to its facts. Most stages include the facts of earlier ones. */
export interface SmtpStages {
  connect: ConnectFacts;
  helo: HeloFacts;
  auth: AuthFacts;
  mail: MailFacts;
  rcpt: RcptFacts;
  data: DataFacts;
}

/** Maps each stage to its facts, if the policy has an authenticator. */
export interface AuthenticatedStages extends SmtpStages {
  data: AuthenticatedDataFacts;
}

/** Reports whether the client has logged in. */
export const authenticated = (facts: Pick<MailFacts, 'auth'>): boolean => facts.auth !== null;

/** Reports whether the recipient is a postmaster, who must stay reachable (RFC 5321 §4.5.1). */
export const toPostmaster = (facts: Pick<RcptFacts, 'forwardPath'>): boolean =>
  /^postmaster$/i.test(facts.forwardPath.localPart);
