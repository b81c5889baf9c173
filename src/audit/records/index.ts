/**
 * What a domain publishes about its mail, beyond the MX records.
 *
 * **Answers**: do SPF, DMARC, DKIM, MTA-STS, TLS-RPT and SRV records say what their author wants; do the addresses of the
 * MX hosts have names, and do they stand on lists; are the records signed, and who may issue certificates?
 * **Knows**: a domain, or addresses. **Asks**: the DNS; for MTA-STS, one file by HTTPS.
 * **Standards**: RFC 7208; RFC 7489 and RFC 9989; RFC 6376, 8301, 8463; RFC 8461; RFC 8460; RFC 6186, 8314, 2782; RFC 8601
 * §3; RFC 5782; RFC 6698; RFC 4035; RFC 8659.
 * **Limits**: what the DNS does not answer is `lookup-failed`, never "there is none". Nothing here rejects. Keys of selectors
 * that nobody names cannot be found.
 *
 * @module
 */
export { auditDkim } from './dkim.ts';
export { auditDmarc } from './dmarc.ts';
export { auditLists } from './lists.ts';
export { auditMtaSts } from './mta-sts.ts';
export { type MtaStsPolicy, mtaStsAllows, mtaStsFindings, readMtaStsPolicy } from './mta-sts-policy.ts';
export { auditCaa, auditDnssec, auditWildcard } from './names.ts';
export { auditPtr } from './ptr.ts';
export type { RecordsContext } from './questions.ts';
export { type AuditSpfOptions, auditSpf } from './spf.ts';
export { auditSrv } from './srv.ts';
export { auditTlsRpt } from './tls-rpt.ts';
export { auditTlsa } from './tlsa.ts';
