import { type AuditFinding, found, type Severity } from '../finding.ts';
import type { CertificateAudit } from '../report.ts';
import type { CertificateContext } from './certificate.ts';
import { namesHost } from './names.ts';

const DAY = 86_400_000;
/** RFC 9325 §4.5, RFC 5480 §4. */
const LEAST_RSA = 2_048;
const LEAST_CURVE = 224;

/**
 * What is wrong with a certificate. One cause, one finding: one that has expired is not untrusted as well for it, nor is
 * one that is signed by itself.
 *
 * @param subject the service, as findings name it
 * @param names all names that the host may rightly bear, as they were given to {@link readCertificate}
 * @param severity of a wrong name and of a chain that leads nowhere: `medium` where clients do not look (SMTP between
 *   MX hosts), `high` where they do. What has expired is `high` anyway.
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
        `The certificate is valid from ${certificate.notBefore.slice(0, 10)} on, and not before.`,
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
    const { names: borne, commonName } = certificate;
    const wanted = names.join(' or ');
    if (borne.length === 0 && commonName !== undefined && names.some((name) => namesHost(commonName, name)))
      findings.push(
        found(
          'certificate-common-name',
          subject,
          `The certificate has no DNS name; ${commonName} stands in its common name alone.`,
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
            `DNS names: ${borne.slice(0, 10).join(', ') || '(none)'}${borne.length > 10 ? ', …' : ''}`,
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
          'The certificate is signed with its own key.',
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

/** Whether the chain is in order, but for the dates of the certificate itself. */
export const isTrusted = ({ chain }: CertificateAudit): boolean =>
  chain === 'valid' || chain === 'CERT_HAS_EXPIRED' || chain === 'CERT_NOT_YET_VALID';

/** Whether a client that looks would take it: name, chain and dates. */
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
      return 'The server sends its own certificate alone, and the authority that signed it is not known';
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'The chain breaks off before an authority that is known';
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return 'The chain ends at an authority that is not known';
    case 'INVALID_PURPOSE':
      return 'The certificate is not meant for servers';
    default:
      return `The chain is not valid: ${chain}`;
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
