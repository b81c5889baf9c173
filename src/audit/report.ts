import type { RedundancyReport } from '../checks/mx-redundancy/index.ts';
import type { ProbeName } from './catalogue.ts';
import type { AuditFinding } from './finding.ts';

/** The version of the report's form. It grows when a field is taken away or changes its meaning, not when one is added. */
export const REPORT_VERSION = 2;

/** What an audit found, in whole. Plain JSON: every printed form is a function of it. See `report.schema.json`. */
export interface AuditReport {
  readonly schema: 'postern-audit-report';
  readonly version: typeof REPORT_VERSION;
  /** Of the package. */
  readonly postern: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly finished: string;
  /** The worst of the domains'. */
  readonly state: AuditState;
  /** Which probes ran. */
  readonly probes: readonly ProbeName[];
  /** What a reader must know to read the rest: that the audit ran on the mail host itself, say. */
  readonly notes: readonly string[];
  readonly domains: readonly DomainAudit[];
}

/**
 * - `problems`: something is wrong, whatever its severity but `info`
 * - `could-not-check`: nothing is known to be wrong, and something could not be looked at
 * - `clean`: everything that was looked at is as it should be
 */
export type AuditState = 'clean' | 'problems' | 'could-not-check';

/** What was found about one domain. */
export interface DomainAudit {
  /** In A-labels. */
  readonly domain: string;
  readonly state: AuditState;
  /** Milliseconds. */
  readonly durationMs: number;
  /** The worst first. */
  readonly findings: readonly AuditFinding[];
  /** The MX hosts, their addresses and networks; the map is drawn from these. */
  readonly redundancy: RedundancyReport;
  /** What was connected to, in order of host, port and address. */
  readonly services: readonly ServiceAudit[];
  readonly records: RecordsAudit;
}

/** What kind of service; the words of `--ports`. */
export type ServiceName = 'smtp' | 'submission' | 'submissions' | 'imap' | 'imaps' | 'pop3' | 'pop3s' | 'managesieve';

/** One service on one address. */
export interface ServiceAudit {
  readonly service: ServiceName;
  /** The name that it was reached by, and that its certificate should bear. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly tls: 'implicit' | 'starttls';
  /** Why it was looked at: an MX record, an SRV record, a usual name (`imap.<domain>`), or because it was given. */
  readonly because: 'mx' | 'srv' | 'usual-name' | 'given';
  /** Of the MX record. */
  readonly preference?: number;
  /**
   * - `open`: it greets as its protocol says · `mute`: it takes connections and says nothing
   * - `refused`, `timeout`, `unreachable`: there was no connection · `no-service`: it greets with a refusal
   * - `wrong-protocol`: something else answers · `broken-off`: the connection was closed early
   */
  readonly reach:
    | 'open'
    | 'mute'
    | 'refused'
    | 'timeout'
    | 'unreachable'
    | 'no-service'
    | 'wrong-protocol'
    | 'broken-off';
  readonly greeting?: string;
  /** What was offered before TLS, and after it. */
  readonly capabilities?: { readonly before?: readonly string[]; readonly after?: readonly string[] };
  /** `offered` and done, `missing`, or `failed` in the handshake; always `offered` where TLS is implicit and works. */
  readonly starttls?: 'offered' | 'missing' | 'failed';
  readonly session?: TlsAudit;
  /** What came of the forms of a foreign address: the form's name and the reply. */
  readonly relay?: readonly {
    readonly form: string;
    readonly path: string;
    readonly reply: string;
    readonly taken: boolean;
  }[];
  /** Milliseconds until the greeting was there. */
  readonly greetingMs?: number;
}

/** What TLS looked like. */
export interface TlsAudit {
  /** Versions that were tried, and whether they were spoken. */
  readonly versions: { readonly [version in TlsVersion]?: boolean | undefined };
  /** What was negotiated when nothing was asked for. */
  readonly negotiated?: string;
  readonly cipher?: string;
  readonly certificate?: CertificateAudit;
  /** Whether a TLSA record matched; only where such records were found. */
  readonly dane?: 'match' | 'mismatch' | 'unsigned' | 'unusable';
}

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** A certificate, as far as it matters here. */
export interface CertificateAudit {
  readonly subject: string;
  readonly issuer: string;
  /** DNS names of subjectAltName. */
  readonly names: readonly string[];
  readonly commonName?: string;
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** `valid`, or the first reason for which the chain is not. */
  readonly chain: string;
  readonly selfSigned: boolean;
  /** Whether the host's name is among its names. */
  readonly nameMatches: boolean;
  /** `RSA 2048`, `EC P-256`, … */
  readonly key: string;
  /** What it is signed with: `RSA SHA-256`, `ECDSA SHA-256`, … */
  readonly signature: string;
  /** SHA-256 of the certificate, lower-case hexadecimal. */
  readonly fingerprint: string;
}

/** What the domain publishes. A field is absent where it was not asked for. */
export interface RecordsAudit {
  readonly spf?: PublishedRecord;
  readonly dmarc?: PublishedRecord;
  readonly dkim?: readonly (PublishedRecord & { readonly selector: string })[];
  readonly tlsRpt?: PublishedRecord;
  readonly mtaSts?: PublishedRecord & {
    readonly policy?: {
      readonly mode: 'enforce' | 'testing' | 'none';
      readonly mx: readonly string[];
      readonly maxAge: number;
    };
  };
  readonly srv?: readonly {
    readonly service: ServiceName;
    readonly target: string;
    readonly port: number;
    readonly priority: number;
    readonly weight: number;
  }[];
  /** By address: the names, and whether one of them leads back. */
  readonly ptr?: readonly {
    readonly address: string;
    readonly names: readonly string[];
    readonly confirmed: boolean;
  }[];
  readonly lists?: readonly {
    readonly address: string;
    readonly list: string;
    readonly result: 'listed' | 'not-listed' | 'broken';
  }[];
  /** Of the domain and its MX hosts, whether their records are signed; `unknown` if the resolver does not tell. */
  readonly dnssec?: readonly { readonly name: string; readonly state: 'signed' | 'unsigned' | 'unknown' }[];
  /** Of the MX hosts below the domain: the CAA records that hold for them, and at which name they are. */
  readonly caa?: readonly { readonly host: string; readonly name?: string; readonly records: readonly string[] }[];
}

/** One record that is there, is not, or could not be looked up. */
export interface PublishedRecord {
  readonly state: 'found' | 'missing' | 'invalid' | 'could-not-check';
  readonly text?: string;
}
