import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../env/index.ts';
import { parseIp } from '../../net/index.ts';
import type { AuditSettings } from '../options.ts';
import type { CertificateAudit } from '../report.ts';
import { dnsNames, isSelfSigned, leadsToAuthority, sentChain } from './chain.ts';
import { signatureAlgorithm } from './der.ts';
import { namesHost } from './names.ts';

/** The part of the audit context that is needed to judge a certificate. */
export interface CertificateContext {
  readonly clock: Clock;
  readonly settings: Pick<AuditSettings, 'authorities' | 'expiryDays'>;
}

/** OpenSSL errors about dates. OpenSSL reports them before others. */
const DATES = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/**
 * Returns the certificate that the server sent, or undefined if it sent none.
 *
 * @param names host names or IP addresses, of which the certificate must contain one
 */
export function readCertificate(
  socket: TLSSocket,
  names: readonly string[],
  context: CertificateContext,
): CertificateAudit | undefined {
  const chain = sentChain(socket);
  const [certificate] = chain;
  if (certificate === undefined) return undefined;
  const dns = dnsNames(certificate);
  const commonName = commonNameOf(certificate.subject);
  const selfSigned = isSelfSigned(certificate);
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: dns,
    commonName,
    notBefore: instant(certificate.validFrom),
    notAfter: instant(certificate.validTo),
    chain: chainState(socket, chain, selfSigned, context),
    selfSigned,
    nameMatches: names.some((name) =>
      parseIp(name) === undefined
        ? dns.some((presented) => namesHost(presented, name))
        : certificate.checkIP(name) !== undefined,
    ),
    key: keyOf(certificate),
    signature: signatureAlgorithm(certificate.raw),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** Returns `valid` or the first error. An error about a date counts only if there is no other error. */
function chainState(
  socket: TLSSocket,
  chain: readonly X509Certificate[],
  selfSigned: boolean,
  { clock, settings }: CertificateContext,
): string {
  const fault = chainFault(socket);
  if (fault === undefined) return 'valid';
  const [certificate] = chain;
  if (!DATES.has(fault) || certificate === undefined) return fault;
  if (!leadsToAuthority(chain, settings.authorities))
    return selfSigned ? 'DEPTH_ZERO_SELF_SIGNED_CERT' : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
  const now = clock.now();
  const others = chain.slice(1);
  const outside = (of: X509Certificate): boolean => now < Date.parse(of.validFrom) || now > Date.parse(of.validTo);
  // OpenSSL uses its own clock. The clock of the audit is the one that counts.
  if (outside(certificate)) return fault;
  return others.some(outside) ? `${fault} (of an authority)` : 'valid';
}

/** Returns the reason why Node.js does not trust the chain, apart from the name. */
export function chainFault(socket: TLSSocket): string | undefined {
  const why = socket.authorizationError as NodeJS.ErrnoException | string | null | undefined;
  if (why === undefined || why === null) return undefined;
  const code = typeof why === 'string' ? why : (why.code ?? why.message);
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? undefined : code;
}

/** Returns the last and most specific common name (RFC 6125 §6.4.4). */
const commonNameOf = (subject: string): string | undefined =>
  subject
    .split('\n')
    .filter((line) => line.startsWith('CN='))
    .at(-1)
    ?.slice(3);

const oneLine = (name: string | undefined): string => (name ?? '').split('\n').join(', ');

/** Converts a date to ISO 8601. A date that cannot be parsed becomes the end of the year 9999. */
function instant(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? '9999-12-31T23:59:59.000Z' : date.toISOString();
}

const curves: { readonly [name in string]?: string } = {
  prime192v1: 'P-192',
  secp224r1: 'P-224',
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

function keyOf(certificate: X509Certificate): string {
  try {
    const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details = {} } = certificate.publicKey;
    if (type === 'rsa' || type === 'rsa-pss' || type === 'dsa')
      return `${type.slice(0, 3).toUpperCase()} ${details.modulusLength ?? 'unknown'}`;
    if (type === 'ec') return `EC ${curves[details.namedCurve ?? ''] ?? details.namedCurve ?? 'unknown'}`;
    return type.replace(/^ed/, 'Ed');
  } catch {
    return 'unknown';
  }
}
