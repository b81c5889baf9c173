import { createPublicKey } from 'node:crypto';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { PublishedRecord, RecordsAudit } from '../report.ts';
import { lookupFailed, MAX_TEXT, probeResolver, type RecordsContext, textsOf } from './probe-resolver.ts';
import { sendsNothing } from './spf.ts';
import { readTags } from './tags.ts';

type DkimAudit = NonNullable<RecordsAudit['dkim']>;

/**
 * Checks the DKIM keys of the selectors. Without selectors, only the absence of all keys can be detected: `_domainkey` does
 * not exist if no name below it exists (RFC 8020).
 */
export async function auditDkim(
  domain: string,
  selectors: readonly string[],
  context: RecordsContext,
): Promise<{ readonly audit: DkimAudit; readonly findings: readonly AuditFinding[] }> {
  const dns = probeResolver(context);
  if (selectors.length === 0) {
    const name = `_domainkey.${domain}`;
    const [keys, own] = await Promise.all([dns.resolve(name, 'TXT'), dns.resolve(domain, 'TXT')]);
    if (keys.status === 'temperror')
      return { audit: [], findings: lookupFailed('dkim', domain, [{ name, type: 'TXT', reason: keys.reason }]) };
    // A domain that sends no mail needs no key.
    if (keys.status !== 'nxdomain' || sendsNothing(textsOf(own))) return { audit: [], findings: [] };
    return {
      audit: [],
      findings: [found('dkim-missing', domain, `${domain} publishes no DKIM key.`, [`${name} TXT: nxdomain`])],
    };
  }
  const results = await Promise.all(
    [...new Set(selectors)].map(async (selector) => {
      const name = `${selector}._domainkey.${domain}`;
      const answer = await dns.resolve(name, 'TXT');
      if (answer.status === 'temperror') {
        const failed = lookupFailed('dkim', name, [{ name, type: 'TXT', reason: answer.reason }]);
        return { record: { selector, state: 'could-not-check' as const }, findings: failed };
      }
      const { audit, findings } = checkKeys(name, textsOf(answer));
      return { record: { selector, ...audit }, findings };
    }),
  );
  return { audit: results.map(({ record }) => record), findings: results.flatMap(({ findings }) => findings) };
}

/** Checks the TXT records of one selector. */
function checkKeys(
  name: string,
  texts: readonly string[],
): { readonly audit: PublishedRecord; readonly findings: readonly AuditFinding[] } {
  const keys = texts.filter(isKey);
  const [text, second] = keys;
  if (text === undefined) {
    const what =
      texts.length === 0 ? `There is no DKIM key at ${name}.` : `The TXT record at ${name} is not a DKIM key.`;
    return {
      audit: { state: 'missing' },
      findings: [
        found('dkim-key', name, what, texts.length === 0 ? [] : texts.slice(0, 5).map((one) => `${name} TXT ${one}`)),
      ],
    };
  }
  const audit = { text: printable(text, MAX_TEXT) };
  const shown = keys.slice(0, 5).map((one) => `${name} TXT ${one}`);
  const wrong = (what: string): ReturnType<typeof checkKeys> => ({
    audit: { state: 'invalid', ...audit },
    findings: [found('dkim-key', name, `The DKIM key at ${name} ${what}.`, shown)],
  });
  // RFC 6376 §3.6.2.2: the result is undefined if there are several records.
  if (second !== undefined && new Set(keys).size > 1)
    return wrong(`is one of ${keys.length}: verifiers may use any of them`);
  const key = readKey(text);
  if ('fault' in key) return wrong(key.fault);
  const weak = weakness(key);
  if (weak === undefined) return { audit: { state: 'found', ...audit }, findings: [] };
  return {
    audit: { state: 'found', ...audit },
    findings: [found('dkim-weak', name, `The DKIM key at ${name} ${weak.what}.`, shown, { severity: weak.severity })],
  };
}

/** Whether a text is meant as a key: `v` is optional, `p` is not (RFC 6376 §3.6.1). */
function isKey(text: string): boolean {
  if (/^\s*v\s*=\s*DKIM/i.test(text)) return true;
  return /(?:^|;)\s*p\s*=/.test(text) && !/^\s*v\s*=/.test(text);
}

interface Key {
  readonly kind: 'rsa' | 'ed25519';
  /** Bits. */
  readonly size: number;
  /** Only SHA-1 signatures are allowed. */
  readonly sha1: boolean;
}

/** Maximum length in base64, about three times that of a 16,384-bit RSA key. */
const MAX_KEY = 8_192;

/** Parses a key record (RFC 6376 §3.6.1, RFC 8463 §4). */
function readKey(text: string): Key | { readonly fault: string } {
  const { tags, first, faults } = readTags(text);
  const version = tags.get('v');
  if (version !== undefined && (version !== 'DKIM1' || first !== 'v'))
    return {
      fault: `is ignored: ${version === 'DKIM1' ? 'v=DKIM1 is not its first tag' : 'its version is not DKIM1'}`,
    };
  const written = tags.get('p');
  if (written === undefined) return { fault: 'has no p=' };
  const data = written.replace(/\s+/g, '');
  if (data === '') return { fault: 'is revoked: its p= is empty' };
  const twice = faults.find((fault) => fault.includes('twice'));
  if (twice !== undefined) return { fault: `is ignored: ${twice}` };
  const services = tags
    .get('s')
    ?.split(':')
    .map((one) => one.trim());
  if (services !== undefined && !services.includes('*') && !services.includes('email'))
    return { fault: 'is not for email: its s= contains neither "email" nor "*"' };
  const kind = (tags.get('k') ?? 'rsa').toLowerCase();
  if (kind !== 'rsa' && kind !== 'ed25519') return { fault: `has an unsupported key type: k=${printable(kind, 40)}` };
  if (data.length > MAX_KEY || !/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return { fault: 'cannot be decoded' };
  const hashes = tags
    .get('h')
    ?.split(':')
    .map((one) => one.trim().toLowerCase());
  if (hashes !== undefined && !hashes.includes('sha256') && !hashes.includes('sha1'))
    return { fault: 'allows no supported hash algorithm (h=)' };
  const octets = Buffer.from(data, 'base64');
  if (kind === 'ed25519')
    return octets.length === 32
      ? { kind, size: 256, sha1: false }
      : { fault: `is not an Ed25519 key: it has ${octets.length} bytes, not 32` };
  const size = sizeOfRsa(octets);
  if (size === undefined) return { fault: 'cannot be decoded as an RSA key' };
  return { kind, size, sha1: hashes !== undefined && !hashes.includes('sha256') };
}

/** RFC 6376 specifies RSAPublicKey, but records contain SubjectPublicKeyInfo. Both are accepted (erratum 3017). */
function sizeOfRsa(octets: Buffer): number | undefined {
  for (const type of ['spki', 'pkcs1'] as const) {
    try {
      const key = createPublicKey({ key: octets, format: 'der', type });
      if (key.asymmetricKeyType === 'rsa') return key.asymmetricKeyDetails?.modulusLength;
    } catch {
      // Try the other format.
    }
  }
  return undefined;
}

/** RFC 8301 §3.1, §3.2. */
function weakness({
  kind,
  size,
  sha1,
}: Key): { readonly what: string; readonly severity: 'high' | 'medium' } | undefined {
  if (kind === 'rsa' && size < 1_024) return { what: `has ${size} bits: verifiers reject it`, severity: 'high' };
  if (sha1) return { what: 'allows only SHA-1: verifiers reject it', severity: 'high' };
  if (kind === 'rsa' && size < 2_048) return { what: `has ${size} bits`, severity: 'medium' };
  return undefined;
}
