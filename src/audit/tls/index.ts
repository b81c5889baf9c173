/**
 * What TLS looks like from outside: the certificate, the versions, and what DANE says about them.
 *
 * **Answers**: is this certificate in order for this host, which versions are spoken, do the TLSA records match?
 * **Knows**: a connection on which TLS was begun, whatever the certificate. **Asks**: the clock.
 * **Standards**: RFC 9525 (names), RFC 5280 (dates, chains), RFC 8996 and 8997 (versions), RFC 7671 and 7672 (DANE).
 * **Limits**: nobody is asked whether a certificate was revoked. Chains are as OpenSSL judges them; where it stops at a
 * date, the rest is judged by signatures and names of issuers alone.
 *
 * @module
 */
export { type CertificateContext, readCertificate } from './certificate.ts';
export { sentChain } from './chain.ts';
export { daneMatches, isUsable } from './dane.ts';
export { certificateFindings, isTrusted, isValid } from './findings.ts';
export { namesHost } from './names.ts';
export { probeVersions, tlsVersions, versionFindings } from './versions.ts';
