import type { DnsAnswer } from '../../env/index.ts';
import type { Find } from '../finding.ts';
import type { MtaStsPolicy } from '../records/index.ts';
import type { CertificateAudit, ServiceAudit, TlsAudit } from '../report.ts';
import { isTrusted, isUsable, namesHost } from '../tls/index.ts';

/** Checks that the server meets its TLSA records (RFC 7672 §2.2). */
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
    find('dane-unsigned', `The TLSA records of ${host} are not signed, so they have no effect.`, records);
  else if (!tlsa.records.some(isUsable))
    find('dane-unusable', `No TLSA record of ${host} is usable for SMTP.`, records);
  else if (starttls === 'missing')
    find('dane-no-tls', `${host} has TLSA records, but its server does not offer TLS.`, records);
  else if (tls?.dane === 'mismatch')
    find('dane-mismatch', `The certificate of ${host} does not match its TLSA records.`, [
      ...records,
      `SHA-256 of the certificate: ${tls.certificate?.fingerprint ?? '(none)'}`,
    ]);
}

/** Checks that the server meets the MTA-STS policy (RFC 8461 §4.1, §4.2). */
export function stsFindings(
  policy: MtaStsPolicy | undefined,
  certificate: CertificateAudit | undefined,
  { starttls, host }: ServiceAudit,
  now: number,
  find: Find,
): void {
  if (policy === undefined) return;
  const reasons: string[] = [];
  if (starttls === 'missing') reasons.push('it does not offer TLS');
  else if (starttls === 'failed') reasons.push('TLS cannot be negotiated');
  if (certificate !== undefined) {
    if (!certificate.names.some((name) => namesHost(name, host)))
      reasons.push(`its certificate has no DNS name ${host}`);
    if (!isTrusted(certificate)) reasons.push('its certificate chain is not trusted');
    if (now > Date.parse(certificate.notAfter)) reasons.push('its certificate has expired');
    if (now < Date.parse(certificate.notBefore)) reasons.push('its certificate is not valid yet');
  }
  if (reasons.length === 0) return;
  const testing = policy.mode === 'testing';
  find(
    'mta-sts-tls',
    `The MTA-STS policy (mode ${policy.mode}) names ${host}, but ${reasons.join(', and ')}: ${
      testing ? 'senders report a failure' : 'senders refuse to deliver to it'
    }.`,
    [`mode: ${policy.mode}`, `mx: ${policy.mx.slice(0, 10).join(', ')}`],
    testing ? { severity: 'medium' } : {},
  );
}
