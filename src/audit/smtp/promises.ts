import type { DnsAnswer } from '../../env/index.ts';
import type { Find } from '../finding.ts';
import type { MtaStsPolicy } from '../records/index.ts';
import type { CertificateAudit, ServiceAudit, TlsAudit } from '../report.ts';
import { isTrusted, isUsable, namesHost } from '../tls/index.ts';

/** What TLSA records promise, and whether the server keeps it (RFC 7672 §2.2). */
export function daneFindings(
  tlsa: DnsAnswer<'TLSA'> | undefined,
  tls: TlsAudit | undefined,
  { starttls, host, port }: ServiceAudit,
  find: Find,
): void {
  if (tlsa?.status !== 'found') return;
  const records = tlsa.records.map(
    ({ usage, selector, matching, data }) =>
      `_${port}._tcp.${host} TLSA ${usage} ${selector} ${matching} ${data.slice(0, 64)}${data.length > 64 ? '…' : ''}`,
  );
  if (!tlsa.authentic)
    find('dane-unsigned', `The DNS does not vouch for the TLSA records of ${host}: they are without effect.`, records);
  else if (!tlsa.records.some(isUsable)) find('dane-unusable', `No TLSA record of ${host} is of use.`, records);
  else if (starttls === 'missing')
    find('dane-no-tls', `${host} publishes TLSA records, and its server offers no TLS.`, records);
  else if (tls?.dane === 'mismatch')
    find('dane-mismatch', `The certificate of ${host} matches none of its TLSA records.`, [
      ...records,
      `SHA-256 of the certificate: ${tls.certificate?.fingerprint ?? '(none)'}`,
    ]);
}

/** What the policy promises, and whether the server keeps it (RFC 8461 §4.1, §4.2). */
export function stsFindings(
  policy: MtaStsPolicy | undefined,
  certificate: CertificateAudit | undefined,
  { starttls, host }: ServiceAudit,
  now: number,
  find: Find,
): void {
  if (policy === undefined) return;
  const reasons: string[] = [];
  if (starttls === 'missing') reasons.push('it offers no TLS');
  else if (starttls === 'failed') reasons.push('TLS cannot be negotiated');
  if (certificate !== undefined) {
    if (!certificate.names.some((name) => namesHost(name, host)))
      reasons.push(`its certificate has no DNS name ${host}`);
    if (!isTrusted(certificate)) reasons.push(`its certificate leads to no authority that is known`);
    if (now > Date.parse(certificate.notAfter)) reasons.push('its certificate has expired');
    if (now < Date.parse(certificate.notBefore)) reasons.push('its certificate is not valid yet');
  }
  if (reasons.length === 0) return;
  const testing = policy.mode === 'testing';
  find(
    'mta-sts-tls',
    `The MTA-STS policy (mode ${policy.mode}) names ${host}, but ${reasons.join(', and ')}: ${
      testing ? 'senders report it' : 'senders refuse to deliver to it'
    }.`,
    [`mode: ${policy.mode}`, `mx: ${policy.mx.slice(0, 10).join(', ')}`],
    testing ? { severity: 'medium' } : {},
  );
}
