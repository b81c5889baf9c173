/**
 * Checks the DNS records that a domain publishes about its mail, apart from the MX records.
 *
 * **Answers**: are the SPF, DMARC, DKIM, MTA-STS, TLS-RPT and SRV records valid; do the addresses of the MX hosts have
 * reverse DNS, and are they on DNS lists; are the records signed, and who may issue certificates?
 * **Knows**: a domain, or addresses. **Asks**: the DNS; for MTA-STS, one file over HTTPS.
 * **Standards**: RFC 7208; RFC 7489 and RFC 9989; RFC 6376, 8301, 8463; RFC 8461; RFC 8460; RFC 6186, 8314, 2782; RFC 8601
 * §3; RFC 5782; RFC 6698; RFC 4035; RFC 8659.
 * **Limits**: a query that fails is reported as `lookup-failed`, never as a missing record. No function here rejects. DKIM
 * keys are found only if their selectors are given.
 *
 * @module
 */
export { auditDkim } from './dkim.ts';
export { auditDmarc } from './dmarc.ts';
export { auditLists } from './lists.ts';
export { auditMtaSts } from './mta-sts.ts';
export { type MtaStsPolicy, mtaStsAllows, mtaStsFindings, readMtaStsPolicy } from './mta-sts-policy.ts';
export { auditCaa, auditDnssec, auditWildcard } from './names.ts';
export { type ProbeResolver, probeResolver, type RecordsContext } from './probe-resolver.ts';
export { auditPtr } from './ptr.ts';
export { type AuditSpfOptions, auditSpf } from './spf.ts';
export { auditSrv } from './srv.ts';
export { auditTlsRpt } from './tls-rpt.ts';
export { auditTlsa } from './tlsa.ts';
