import { X509Certificate } from 'node:crypto';
import { rootCertificates, type TLSSocket } from 'node:tls';

/** Maximum number of certificates read from a chain. */
const MAX_CHAIN = 16;

/** Returns the certificates that the server sent, its own first. Empty if it sent none that can be read. */
export function sentChain(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  try {
    // With an anonymous cipher, this is an empty object.
    for (let at = socket.getPeerCertificate(true); at?.raw !== undefined && chain.length < MAX_CHAIN; ) {
      chain.push(new X509Certificate(at.raw));
      const next = at.issuerCertificate;
      if (next === undefined || next === at || next.fingerprint256 === at.fingerprint256) break;
      at = next;
    }
  } catch {
    // Ignore certificates that cannot be read.
  }
  return chain;
}

/** Whether a certificate is signed with its own key. */
export const isSelfSigned = (certificate: X509Certificate): boolean =>
  certificate.subject === certificate.issuer && signedBy(certificate, certificate);

export function signedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/**
 * Whether the chain leads to a trusted authority, apart from dates. OpenSSL reports one error only, and an error about a date
 * hides the others.
 */
export function leadsToAuthority(chain: readonly X509Certificate[], authorities: readonly string[]): boolean {
  const given = authorities.flatMap(readPem);
  let at = chain[0];
  for (let steps = 0; at !== undefined && steps < MAX_CHAIN; steps++) {
    const certificate = at;
    const trusted = [...given, ...(roots().get(certificate.issuer) ?? [])];
    if (trusted.some((anchor) => anchor.fingerprint256 === certificate.fingerprint256 || signedBy(certificate, anchor)))
      return true;
    at = chain.find((other) => other !== certificate && other.ca && signedBy(certificate, other));
  }
  return false;
}

/** Returns the DNS names. The field looks like `DNS:a.example, IP Address:192.0.2.1, DNS:"quoted, name"`. */
export function dnsNames({ subjectAltName }: X509Certificate): string[] {
  const names: string[] = [];
  for (const [, kind, value = ''] of (subjectAltName ?? '').matchAll(/([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g))
    if (kind === 'DNS') names.push(value.startsWith('"') ? unquoted(value) : value);
  return names;
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}

let known: Map<string, X509Certificate[]> | undefined;

/** Returns the root certificates of Node.js by subject. Loaded lazily. */
function roots(): Map<string, X509Certificate[]> {
  if (known === undefined) {
    known = new Map();
    for (const root of rootCertificates.flatMap(readPem)) {
      const same = known.get(root.subject);
      if (same === undefined) known.set(root.subject, [root]);
      else same.push(root);
    }
  }
  return known;
}

function readPem(text: string): X509Certificate[] {
  const certificates: X509Certificate[] = [];
  for (const [pem] of text.matchAll(/-----BEGIN ((?:TRUSTED )?CERTIFICATE)-----[^-]*-----END \1-----/g)) {
    try {
      certificates.push(new X509Certificate(pem));
    } catch {
      // Not a certificate.
    }
  }
  return certificates;
}
