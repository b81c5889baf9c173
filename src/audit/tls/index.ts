/**
 * Checks TLS of a server: the certificate, the TLS versions, and DANE.
 *
 * **Answers**: is this certificate valid for this host, which versions are supported, do the TLSA records match?
 * **Knows**: a TLS connection, opened without verification. **Asks**: the clock.
 * **Standards**: RFC 9525 (names), RFC 5280 (dates, chains), RFC 8996 and 8997 (versions), RFC 7671 and 7672 (DANE).
 * **Limits**: it does not check revocation. OpenSSL verifies the chain; if it stops at an error about a date, only signatures
 * and issuer names of the rest are checked.
 *
 * @module
 */
export { type CertificateContext, readCertificate } from './certificate.ts';
export { sentChain } from './chain.ts';
export { daneMatches, isUsable } from './dane.ts';
export { certificateFindings, isTrusted, isValid } from './findings.ts';
export { namesHost } from './names.ts';
export { probeVersions, tlsVersions, versionFindings } from './versions.ts';
