import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../env/index.ts';
import { parseIp } from '../../net/index.ts';
import type { AuditSettings } from '../options.ts';
import type { CertificateAudit } from '../report.ts';
import { dnsNames, isSelfSigned, leadsToAuthority, sentChain } from './chain.ts';
import { signatureAlgorithm } from './der.ts';
import { namesHost } from './names.ts';

/** What judging a certificate asks of its surroundings; an {@link AuditContext} has it. */
export interface CertificateContext {
  readonly clock: Clock;
  readonly settings: Pick<AuditSettings, 'authorities' | 'expiryDays'>;
}

/** Faults of OpenSSL that are of a date: it names them before others. */
const DATES = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/**
 * The certificate that the server showed; undefined where it showed none.
 *
 * @param names all names that the host may rightly bear; addresses are looked for among the certificate's addresses
 */
export function readCertificate(
  socket: TLSSocket,
  names: readonly string[],
  context: CertificateContext,
): CertificateAudit | undefined {
  const chain = sentChain(socket);
  const [certificate] = chain;
  if (certificate === undefined) return undefined;
  const borne = dnsNames(certificate);
  const commonName = commonNameOf(certificate.subject);
  const selfSigned = isSelfSigned(certificate);
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: borne,
    commonName,
    notBefore: instant(certificate.validFrom),
    notAfter: instant(certificate.validTo),
    chain: chainState(socket, chain, selfSigned, context),
    selfSigned,
    nameMatches: names.some((name) =>
      parseIp(name) === undefined
        ? borne.some((presented) => namesHost(presented, name))
        : certificate.checkIP(name) !== undefined,
    ),
    key: keyOf(certificate),
    signature: signatureAlgorithm(certificate.raw),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** `valid`, or the first fault. That of a date is named only where it is the only one, or is not the host's own. */
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
  // OpenSSL has a clock of its own; the audit's is the one that counts.
  if (outside(certificate)) return fault;
  return others.some(outside) ? `${fault} (of an authority)` : 'valid';
}

/** Why Node.js would not trust the chain, whatever the name. */
export function chainFault(socket: TLSSocket): string | undefined {
  const why = socket.authorizationError as NodeJS.ErrnoException | string | null | undefined;
  if (why === undefined || why === null) return undefined;
  const code = typeof why === 'string' ? why : (why.code ?? why.message);
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? undefined : code;
}

/** The last, most specific one (RFC 6125 §6.4.4). */
const commonNameOf = (subject: string): string | undefined =>
  subject
    .split('\n')
    .filter((line) => line.startsWith('CN='))
    .at(-1)
    ?.slice(3);

const oneLine = (name: string | undefined): string => (name ?? '').split('\n').join(', ');

/** ISO 8601; a date that no clock knows is the end of time. */
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
