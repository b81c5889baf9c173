import type { RedundancyReport } from '../checks/mx-redundancy/index.ts';
import type { ProbeName } from './catalogue.ts';
import type { AuditFinding } from './finding.ts';

/** Version of the report format. It changes when a field is removed or changes its meaning, not when one is added. */
export const REPORT_VERSION = 2;

/** The report of an audit. Plain JSON; all output formats are made from it. See `report.schema.json`. */
export interface AuditReport {
  readonly schema: 'postern-audit-report';
  readonly version: typeof REPORT_VERSION;
  /** Version of the package. */
  readonly postern: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly finished: string;
  /** The worst state of all domains. */
  readonly state: AuditState;
  /** Which probes ran. */
  readonly probes: readonly ProbeName[];
  /** Circumstances that affect the results, for example that the audit ran on the mail host itself. */
  readonly notes: readonly string[];
  readonly domains: readonly DomainAudit[];
}

/**
 * - `problems`: there is a problem more severe than `info`
 * - `could-not-check`: no such problem was found, but something could not be checked
 * - `clean`: everything was checked, and there are no problems
 */
export type AuditState = 'clean' | 'problems' | 'could-not-check';

/** The result for one domain. */
export interface DomainAudit {
  /** In A-labels. */
  readonly domain: string;
  readonly state: AuditState;
  /** Milliseconds. */
  readonly durationMs: number;
  /** Sorted by severity, the worst first. */
  readonly findings: readonly AuditFinding[];
  /** The MX hosts, their addresses and networks. */
  readonly redundancy: RedundancyReport;
  /** All services that were contacted, sorted by MX preference, host, port and address. */
  readonly services: readonly ServiceAudit[];
  readonly records: RecordsAudit;
}

/** Names of the services, as in `--ports`. */
export type ServiceName = 'smtp' | 'submission' | 'submissions' | 'imap' | 'imaps' | 'pop3' | 'pop3s' | 'managesieve';

/** One service on one address. */
export interface ServiceAudit {
  readonly service: ServiceName;
  /** The name that clients use, and that the certificate should contain. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly tls: 'implicit' | 'starttls';
  /** Why it was checked: an MX record, an SRV record, a usual name (`imap.<domain>`), or an option. */
  readonly because: 'mx' | 'srv' | 'usual-name' | 'given';
  /** Preference of the MX record. */
  readonly preference?: number;
  /**
   * - `open`: it sends a valid greeting · `mute`: it accepts the connection but sends no greeting
   * - `refused`, `timeout`, `unreachable`: no connection · `no-service`: the greeting is a refusal
   * - `wrong-protocol`: the port speaks another protocol · `broken-off`: the connection was closed early
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
  /** Capabilities before TLS and over TLS. */
  readonly capabilities?: { readonly before?: readonly string[]; readonly after?: readonly string[] };
  /** `offered`: TLS works, also if it is implicit. `missing`: not available. `failed`: TLS could not be negotiated. */
  readonly starttls?: 'offered' | 'missing' | 'failed';
  readonly session?: TlsAudit;
  /** Results of the open relay test, by form of the foreign address. */
  readonly relay?: readonly {
    readonly form: string;
    readonly path: string;
    readonly reply: string;
    readonly accepted: boolean;
  }[];
  /** Milliseconds from the start of the connection to the greeting. */
  readonly greetingMs?: number;
}

/** TLS of a service. */
export interface TlsAudit {
  /** Whether the server supports each version. A version is absent if the test was inconclusive. */
  readonly versions: { readonly [version in TlsVersion]?: boolean | undefined };
  /** Version negotiated when the client offers all versions. */
  readonly negotiated?: string;
  readonly cipher?: string;
  readonly certificate?: CertificateAudit;
  /** Whether the TLSA records match. Absent without TLSA records. */
  readonly dane?: 'match' | 'mismatch' | 'unsigned' | 'unusable';
}

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** A server certificate. */
export interface CertificateAudit {
  readonly subject: string;
  readonly issuer: string;
  /** DNS names of subjectAltName. */
  readonly names: readonly string[];
  readonly commonName?: string;
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** `valid`, or the first verification error. */
  readonly chain: string;
  readonly selfSigned: boolean;
  /** Whether the certificate contains the host name. */
  readonly nameMatches: boolean;
  /** `RSA 2048`, `EC P-256`, … */
  readonly key: string;
  /** Signature algorithm: `RSA SHA-256`, `ECDSA SHA-256`, … */
  readonly signature: string;
  /** SHA-256 of the certificate in lower-case hexadecimal. */
  readonly fingerprint: string;
}

/** DNS records of the domain. A field is absent if its probe did not run. */
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
  /** Reverse DNS of each address, and whether it is forward-confirmed. */
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
  /** Whether the records of the domain and its MX hosts are signed. `unknown`: the resolver does not validate. */
  readonly dnssec?: readonly { readonly name: string; readonly state: 'signed' | 'unsigned' | 'unknown' }[];
  /** The CAA records that apply to each MX host below the domain, and the name that has them. */
  readonly caa?: readonly { readonly host: string; readonly name?: string; readonly records: readonly string[] }[];
}

/** State of one DNS record. */
export interface PublishedRecord {
  readonly state: 'found' | 'missing' | 'invalid' | 'could-not-check';
  readonly text?: string;
}
