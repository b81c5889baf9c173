import { createHash, type X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { RecordOf } from '../../env/index.ts';
import type { TlsAudit } from '../report.ts';
import { dnsNames, sentChain, signedBy } from './chain.ts';
import { namesHost } from './names.ts';

const DANE_TA = 2;
const DANE_EE = 3;

/**
 * Whether SMTP clients can use a record (RFC 7672 §3.1.3): DANE-TA or DANE-EE, for the certificate or its key, in full or as
 * a SHA-256 or SHA-512 digest of the right length.
 */
export function isUsable({ usage, selector, matching, data }: RecordOf<'TLSA'>): boolean {
  if ((usage !== DANE_TA && usage !== DANE_EE) || selector > 1 || matching > 2) return false;
  return matching === 0 ? data.length > 0 : data.length === (matching === 1 ? 64 : 128);
}

/**
 * Compares the TLSA records of a service with its certificate (RFC 7672 §3, RFC 7671 §5).
 *
 * DANE-EE compares only the key or the certificate, without names and dates. DANE-TA requires that the chain leads to the
 * authority, that the dates are valid, and that the certificate contains one of the names.
 *
 * @param tlsa the DNS answer; without the AD bit the result is `unsigned`
 * @param shown the connection, or the chain in the order in which the server sent it
 * @param names the host name, and the domain that receives the mail (RFC 7672 §3.2.2)
 * @param now milliseconds since the epoch
 */
export function daneMatches(
  tlsa: { readonly records: readonly RecordOf<'TLSA'>[]; readonly authentic: boolean },
  shown: TLSSocket | readonly X509Certificate[],
  names: readonly string[],
  now: number,
): NonNullable<TlsAudit['dane']> {
  if (!tlsa.authentic) return 'unsigned';
  const usable = tlsa.records.filter(isUsable);
  if (usable.length === 0) return 'unusable';
  const chain = 'getPeerCertificate' in shown ? sentChain(shown) : shown;
  return usable.some((record) => matches(record, chain, names, now)) ? 'match' : 'mismatch';
}

function matches(
  record: RecordOf<'TLSA'>,
  chain: readonly X509Certificate[],
  names: readonly string[],
  now: number,
): boolean {
  const [certificate] = chain;
  if (certificate === undefined) return false;
  if (record.usage === DANE_EE) return matchesOne(record, certificate);
  const named = dnsNames(certificate).some((presented) => names.some((name) => namesHost(presented, name)));
  if (!named) return false;
  // Follow the path from the certificate to the authority of the record. The record may match the leaf itself (RFC 7671 §5.2.2).
  const path: X509Certificate[] = [];
  for (let at: X509Certificate | undefined = certificate; at !== undefined && !path.includes(at); ) {
    const current: X509Certificate = at;
    path.push(current);
    if (matchesOne(record, current)) return path.every((one) => isCurrent(one, now));
    at = chain.find((other) => !path.includes(other) && other.ca && signedBy(current, other));
  }
  return false;
}

const isCurrent = (certificate: X509Certificate, now: number): boolean =>
  now >= Date.parse(certificate.validFrom) && now <= Date.parse(certificate.validTo);

function matchesOne({ selector, matching, data }: RecordOf<'TLSA'>, certificate: X509Certificate): boolean {
  try {
    const octets = selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
    const shown =
      matching === 0
        ? octets.toString('hex')
        : createHash(matching === 1 ? 'sha256' : 'sha512')
            .update(octets)
            .digest('hex');
    return shown === data.toLowerCase();
  } catch {
    return false;
  }
}
