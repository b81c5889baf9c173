import { type AuditFinding, found, type Severity } from '../finding.ts';
import type { CertificateAudit } from '../report.ts';
import type { CertificateContext } from './certificate.ts';
import { namesHost } from './names.ts';

const DAY = 86_400_000;
/** Minimum key sizes in bits (RFC 9325 §4.5, RFC 5480 §4). */
const LEAST_RSA = 2_048;
const LEAST_CURVE = 224;

/**
 * Reports what is wrong with a certificate, one finding per cause: an expired or self-signed certificate is not reported as
 * untrusted as well.
 *
 * @param subject the subject of the findings
 * @param names the names given to {@link readCertificate}
 * @param severity severity of a wrong name and an untrusted chain: `medium` if clients do not verify certificates (SMTP
 *   between servers), `high` if they do
 */
export function certificateFindings(
  subject: string,
  certificate: CertificateAudit,
  names: readonly string[],
  { clock, settings }: CertificateContext,
  severity: Severity,
): readonly AuditFinding[] {
  const findings: AuditFinding[] = [];
  const now = clock.now();
  const from = Date.parse(certificate.notBefore);
  const to = Date.parse(certificate.notAfter);
  const dates = `valid from ${certificate.notBefore} to ${certificate.notAfter}`;
  const who = `subject ${certificate.subject || '(empty)'}; issuer ${certificate.issuer || '(empty)'}`;
  const day = certificate.notAfter.slice(0, 10);

  if (now > to)
    findings.push(found('certificate-expired', subject, `The certificate expired on ${day}.`, [dates, who]));
  else if (now < from)
    findings.push(
      found(
        'certificate-not-yet-valid',
        subject,
        `The certificate is not valid before ${certificate.notBefore.slice(0, 10)}.`,
        [dates, who],
      ),
    );
  else if (to - now < settings.expiryDays * DAY)
    findings.push(
      found(
        'certificate-expires-soon',
        subject,
        `The certificate expires on ${day}, in ${days(Math.floor((to - now) / DAY))}.`,
        [dates, who],
      ),
    );

  if (!certificate.nameMatches) {
    const { names: dns, commonName } = certificate;
    const wanted = names.join(' or ');
    if (dns.length === 0 && commonName !== undefined && names.some((name) => namesHost(commonName, name)))
      findings.push(
        found(
          'certificate-common-name',
          subject,
          `The certificate has no DNS name. It contains ${commonName} only as its common name.`,
          [who],
        ),
      );
    else
      findings.push(
        found(
          'certificate-name',
          subject,
          `The certificate is not for ${wanted}.`,
          [
            `wanted: ${wanted}`,
            `DNS names: ${dns.slice(0, 10).join(', ') || '(none)'}${dns.length > 10 ? ', …' : ''}`,
            who,
          ],
          { severity },
        ),
      );
  }

  if (!isTrusted(certificate)) {
    if (certificate.selfSigned)
      findings.push(
        found(
          'certificate-self-signed',
          subject,
          'The certificate is self-signed.',
          [who, `chain: ${certificate.chain}`],
          { severity },
        ),
      );
    else
      findings.push(
        found(
          'certificate-untrusted',
          subject,
          `${untrusted(certificate.chain)}.`,
          [who, `chain: ${certificate.chain}`],
          { severity },
        ),
      );
  }

  const weak = weaknesses(certificate);
  if (weak.length > 0)
    findings.push(found('certificate-weak', subject, `The certificate has ${weak.join(' and ')}.`, weak));
  return findings;
}

/** Whether the chain is valid, apart from the dates of the certificate itself. */
export const isTrusted = ({ chain }: CertificateAudit): boolean =>
  chain === 'valid' || chain === 'CERT_HAS_EXPIRED' || chain === 'CERT_NOT_YET_VALID';

/** Whether a client that verifies certificates accepts it: name, chain and dates. */
export function isValid(certificate: CertificateAudit, now: number): boolean {
  return (
    certificate.nameMatches &&
    isTrusted(certificate) &&
    now >= Date.parse(certificate.notBefore) &&
    now <= Date.parse(certificate.notAfter)
  );
}

function untrusted(chain: string): string {
  switch (chain) {
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return 'The server sends only its own certificate, and the authority that signed it is not trusted';
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'The chain ends before a trusted authority';
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return 'The chain ends at an authority that is not trusted';
    case 'INVALID_PURPOSE':
      return 'The certificate is not for use by servers';
    default:
      return `The chain is invalid: ${chain}`;
  }
}

function weaknesses({ key, signature }: CertificateAudit): string[] {
  const weak: string[] = [];
  const [kind, size = ''] = key.split(' ');
  const bits = Number(/\d{3,}/.exec(size)?.[0] ?? Number.NaN);
  if ((kind === 'RSA' || kind === 'DSA') && bits < LEAST_RSA) weak.push(`a key of ${bits} bits (${kind})`);
  if (kind === 'EC' && bits < LEAST_CURVE) weak.push(`a key on a curve of ${bits} bits (${size})`);
  const digest = /\b(?:MD[245]|SHA-1)$/.exec(signature)?.[0];
  if (digest !== undefined) weak.push(`a signature with ${digest}`);
  return weak;
}

const days = (count: number): string => (count === 1 ? '1 day' : `${count} days`);
