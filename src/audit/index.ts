/**
 * Audits the mail setup of a domain from outside: its DNS records and its servers.
 *
 * **Answers**: does mail for this domain survive the loss of a server; can an eavesdropper read passwords; is an MX host an
 * open relay; are certificates, MTA-STS, DANE, SPF, DKIM and DMARC correct?
 * **Knows**: a domain name. **Asks**: the DNS; and, unless `dnsOnly` is set, the MX hosts and login services of the
 * domain over SMTP, IMAP, POP3 and ManageSieve, and the MTA-STS policy over HTTPS.
 * **Standards**: RFC 5321, 3207, 7208, 7489, 6376, 8461, 8460, 7672, 8314, 9051, 1939, 2595, 6186, 5804, 9525.
 * **Limits**: it never sends mail and never logs in. It cancels each mail transaction before the message, and tries logins
 * only with an account that does not exist. Results depend on where it runs: a server may trust its own address or network.
 * Audit only domains that you are responsible for.
 *
 * @example
 * ```ts
 * import { audit, systemEnv } from 'postern/audit';
 * import { zone } from 'postern/testing';
 *
 * const dns = zone({
 *   'example.org': { MX: [[10, 'mx.example.org']], TXT: ['v=spf1 mx -all'] },
 *   'mx.example.org': { A: ['192.0.2.1'] },
 * });
 * const report = await audit(['example.org'], { dnsOnly: true, only: ['mx', 'spf'] }, systemEnv({ dns }));
 * for (const { findings } of report.domains)
 *   for (const { severity, id, what, fix } of findings) console.log(severity, id, what, fix); // high mx-single …
 * ```
 *
 * @module
 */
export { audit } from './audit.ts';
export type { CatalogueEntry, ProbeFindingId, ProbeName } from './catalogue.ts';
export { auditCatalogue, probeNames } from './catalogue.ts';
export type { AuditEnv } from './context.ts';
export type { AuditFinding, FindingId, Severity } from './finding.ts';
export { bySeverity, rank } from './finding.ts';
export { subjectsOf } from './group.ts';
export type { AuditOptions, AuditProgress } from './options.ts';
export { usualPorts } from './options.ts';
/** @internal */
export { wrapWords } from './report/characters.ts';
export type {
  AnyReport,
  AuditDiff,
  CheckAnswer,
  CheckedMessage,
  CheckedSubject,
  CheckFinding,
  CheckReport,
  DomainDiff,
  TextOptions,
} from './report/index.ts';
export {
  CHECK_REPORT_VERSION,
  diffReports,
  htmlReport,
  jsonReport,
  junitReport,
  newFindings,
  prometheusReport,
  readReport,
  sarifReport,
  textDiff,
  textReport,
} from './report/index.ts';
/** @internal */
export { sheetOf } from './report/sheet.ts';
export type {
  AuditReport,
  AuditState,
  CertificateAudit,
  DomainAudit,
  PublishedRecord,
  RecordsAudit,
  ServiceAudit,
  ServiceName,
  TlsAudit,
  TlsVersion,
} from './report.ts';
export { REPORT_VERSION } from './report.ts';
export { type SystemEnvOptions, systemEnv } from './system.ts';
export type { Connect, ConnectOptions, Opened, ReadLine, TlsAsk, TlsBegun, Wire } from './wire/index.ts';
export { tcpConnect } from './wire/index.ts';

// For this project only.

/** @internal */
export { entriesOf } from './catalogue.ts';
/** @internal */
export { evidenceOf, printable } from './finding.ts';
/** @internal */
export { apart, joined } from './group.ts';
/** @internal */
export { packageVersion } from './package-version.ts';
/** @internal */
export { stateOf, worst } from './verdict.ts';
