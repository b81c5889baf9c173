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

/** What is known of the TLS layer, once there is one. */
export interface TlsFacts {
  /** As TLS names it: `TLSv1.2`, `TLSv1.3`. */
  readonly version: string;
  readonly cipher?: string;
  /** The name the client asked for (SNI). */
  readonly serverName?: string;
  /** The client's certificate; only where it was asked for and verified. */
  readonly clientCertificate?: {
    /** Lower-case hexadecimal SHA-256 of the certificate. */
    readonly fingerprint: string;
    readonly subject?: string;
  };
}

/** What a listener is for: mail from the world (25), mail from one's own users (587, 465), or LMTP delivery. */
export type Role = 'mx' | 'submission' | 'lmtp';

/** Counts of one session, the command at hand included. */
export interface SessionTally {
  readonly commands: number;
  /** Commands that were answered with a 4xx or 5xx. */
  readonly errors: number;
  readonly authFailures: number;
}

/** Known as soon as there is a connection. */
export interface ConnectFacts {
  readonly session: {
    /** Unique among the sessions of the fleet: leases are held in its name. */
    readonly id: string;
    readonly role: Role;
    /** The connection began inside TLS (port 465), rather than with STARTTLS. */
    readonly implicitTls?: boolean;
    /** The server's own name, as its banner says it. */
    readonly serverName?: string;
    /** When the connection was taken, in milliseconds since the epoch. */
    readonly since?: number;
    /** What has been seen of this session so far. */
    readonly tally?: SessionTally;
  };
  readonly client: {
    /** The client: the peer of the connection, or who a trusted proxy says it is. */
    readonly ip: IpAddress;
    readonly port?: number;
    /**
     * Set if a trusted proxy made the connection. `proxy-header` and `xclient`: the address is the one that the proxy named, in a
     * header of the PROXY protocol or with XCLIENT. `proxy`: the proxy named no client (a health check, or a client it does not
     * know); the address is the proxy's own, and must not be trusted for it.
     */
    readonly via?: 'proxy-header' | 'xclient' | 'proxy';
    /** The connection came over a socket in the file system. The address is then 127.0.0.1. */
    readonly unixSocket?: boolean;
    /** The client's autonomous system number, where the host knows it. */
    readonly asn?: number;
  };
  /** `null` while the connection is in clear text. */
  readonly tls: TlsFacts | null;
}

/** Known after HELO, EHLO or LHLO. */
export interface HeloFacts extends ConnectFacts {
  readonly helo: {
    readonly verb: 'HELO' | 'EHLO' | 'LHLO';
    /** As the client wrote it. */
    readonly name: string;
    /** What it is: a domain name, an address literal, or neither. */
    readonly domain?: DomainName;
    readonly literal?: IpAddress;
  };
}

/** Known when the client asks to log in; before any secret has crossed the wire. */
export interface AuthFacts extends HeloFacts {
  readonly attempt: {
    /** In upper case: `PLAIN`, `SCRAM-SHA-256`. */
    readonly mechanism: string;
  };
}

/** Known after MAIL FROM. */
export interface MailFacts extends HeloFacts {
  /** Who has logged in. */
  readonly auth: { readonly identity: string; readonly mechanism?: string } | null;
  /** `null` is the null reverse-path `<>` (RFC 5321 §4.5.5). */
  readonly reversePath: Mailbox | null;
  /** The parameters of MAIL, names in upper case; a parameter without a value is `true`. */
  readonly mailParameters?: { readonly [name: string]: string | true };
  /** Messages that this session has brought to an end before, accepted or not. */
  readonly messagesBefore?: number;
}

/** Known at each RCPT TO. */
export interface RcptFacts extends MailFacts {
  readonly forwardPath: Mailbox;
  /** The path carried a source route, which was dropped (RFC 5321 appendix C). */
  readonly sourceRoute?: boolean;
  /** Recipients of this message that have been accepted before. */
  readonly recipientsBefore?: number;
}

/**
 * What stands in a message and must not: 7bit and 8bit data have CR and LF only as CR LF, and no NUL (RFC 2045 §2.7, §2.8;
 * RFC 5321 §2.3.8).
 */
export interface BareLineEndings {
  /** CR that no LF follows. */
  readonly cr: number;
  /** LF that no CR precedes. */
  readonly lf: number;
  readonly nul: number;
}

/** Known when the message has been read. */
export interface DataFacts extends MailFacts {
  readonly forwardPaths: readonly Mailbox[];
  readonly message: MessageFacts & {
    /** As they arrived, also if the session has replaced them. Left out by hosts that do not count them. */
    readonly bareLineEndings?: BareLineEndings;
    /**
     * The octets, where the session was told to keep them (`keepMessage`); undefined where the message was longer. Left out
     * of the JSON.
     */
    readonly raw?: () => Uint8Array | undefined;
  };
}

/** Known when the message has been read, where the policy says how it is authenticated. */
export interface AuthenticatedDataFacts extends DataFacts {
  readonly authentication: MessageAuthentication;
}

/** What is known at each stage of an SMTP session; each holds all that the ones before it held. */
export interface SmtpStages {
  connect: ConnectFacts;
  helo: HeloFacts;
  auth: AuthFacts;
  mail: MailFacts;
  rcpt: RcptFacts;
  data: DataFacts;
}

/** The same, where the policy says how a message is authenticated. */
export interface AuthenticatedStages extends SmtpStages {
  data: AuthenticatedDataFacts;
}

/** Whether the client has logged in. */
export const authenticated = (facts: Pick<MailFacts, 'auth'>): boolean => facts.auth !== null;

/** Whether the mail is for a postmaster, who must stay reachable (RFC 5321 §4.5.1). */
export const toPostmaster = (facts: Pick<RcptFacts, 'forwardPath'>): boolean =>
  /^postmaster$/i.test(facts.forwardPath.localPart);
