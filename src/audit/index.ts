/**
 * An audit of a site's own mail: what the domain publishes, and what its servers do.
 *
 * **Answers**: does mail for this domain survive the loss of a server; can a login be overheard; do the MX hosts relay
 * for strangers; do certificates, MTA-STS, DANE, SPF, DKIM and DMARC say what is so?
 * **Knows**: a domain name. **Asks**: the DNS; and, unless `dnsOnly` says otherwise, the MX hosts and login services that
 * the domain names, by SMTP, IMAP, POP3 and ManageSieve, and the MTA-STS policy by HTTPS.
 * **Standards**: RFC 5321, 3207, 7208, 7489, 6376, 8461, 8460, 7672, 8314, 9051, 1939, 2595, 6186, 5804, 9525.
 * **Limits**: it never sends mail and never logs in: recipients are offered and withdrawn, logins are of an account that does
 * not exist. It sees what the place that it runs on sees: a server may treat its own address, or its own network, as trusted.
 * Audit what is yours to audit.
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
export { auditCatalogue, entriesOf, probeNames } from './catalogue.ts';
export type { AuditEnv } from './context.ts';
export type { AuditFinding, FindingId, Severity } from './finding.ts';
export { bySeverity, evidenceOf, printable, rank } from './finding.ts';
export { apart, joined, subjectsOf } from './group.ts';
export type { AuditOptions } from './options.ts';
export { usualPorts } from './options.ts';
export { packageVersion } from './package-version.ts';
export type { AuditProgress } from './progress.ts';
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
export { stateOf, worst } from './verdict.ts';
export type { Connect, ConnectOptions, Opened, ReadLine, TlsAsk, TlsBegun, Wire } from './wire/index.ts';
export { tcpConnect } from './wire/index.ts';
