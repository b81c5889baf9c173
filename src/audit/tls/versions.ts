import { type AuditFinding, found, type Severity } from '../finding.ts';
import type { TlsAudit, TlsVersion } from '../report.ts';
import type { TlsBegun } from '../wire/index.ts';

/** TLS versions, the oldest first. */
export const tlsVersions: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/**
 * Tests which TLS versions a server supports, each on its own connection, in parallel.
 *
 * A version is supported if the handshake succeeds, and not supported if the server sends an alert. A connection closed during
 * the handshake counts as a rejection only if the server supports another version. In all other cases the result is unknown,
 * and the version is absent.
 *
 * @param begin connects, runs the handshake with this version, closes the connection, and returns the result
 */
export async function probeVersions(
  begin: (version: TlsVersion) => Promise<TlsBegun>,
): Promise<{ readonly [version in TlsVersion]?: boolean | undefined }> {
  const tried = await Promise.all(
    tlsVersions.map(async (version): Promise<readonly [TlsVersion, TlsBegun]> => {
      try {
        return [version, await begin(version)];
      } catch (error) {
        return [version, { status: 'aborted', reason: (error as Error).message }];
      }
    }),
  );
  const some = tried.some(([, { status }]) => status === 'secure');
  const versions: { [version in TlsVersion]?: boolean } = {};
  for (const [version, begun] of tried) {
    if (begun.status === 'secure') versions[version] = true;
    else if (refusal(begun) || (some && begun.status === 'closed' && begun.during === 'handshake'))
      versions[version] = false;
  }
  return versions;
}

/** Local errors. For KEY_TOO_SMALL, the handshake had already agreed on the version. */
const OWN = /NO_PROTOCOLS_AVAILABLE|KEY_TOO_SMALL|NO_CIPHERS_AVAILABLE/;

const refusal = (begun: TlsBegun): boolean =>
  begun.status === 'failed' && /^(?:ERR_SSL_|EPROTO)/.test(begun.reason) && !OWN.test(begun.reason);

/**
 * Reports old TLS versions.
 *
 * @param severity severity if the server supports new versions too: `low` for opportunistic TLS, where the alternative is
 *   cleartext; `medium` for logins
 */
export function versionFindings(
  subject: string,
  { versions, negotiated }: Pick<TlsAudit, 'versions' | 'negotiated'>,
  severity: Severity,
): readonly AuditFinding[] {
  const old = (['TLSv1', 'TLSv1.1'] as const).filter((version) => versions[version] === true);
  // With all versions offered, a server negotiates the newest that it supports.
  const negotiatedOld = negotiated === 'TLSv1' || negotiated === 'TLSv1.1';
  if (old.length === 0 && !negotiatedOld) return [];
  const evidence = tlsVersions
    .filter((version) => versions[version] !== undefined)
    .map((version) => `${nameOf(version)}: ${versions[version] ? 'supported' : 'rejected'}`);
  const supported = old.length > 0 ? old.map(nameOf).join(' and ') : nameOf(negotiated as TlsVersion);
  const newer = versions['TLSv1.2'] === true || versions['TLSv1.3'] === true;
  const noNewer = versions['TLSv1.2'] === false && versions['TLSv1.3'] === false;
  if (!newer && (noNewer || negotiatedOld))
    return [found('tls-old-only', subject, `The server supports ${supported} but nothing newer.`, evidence)];
  return [found('tls-old', subject, `The server supports ${supported}.`, evidence, { severity })];
}

const nameOf = (version: TlsVersion): string => (version === 'TLSv1' ? 'TLS 1.0' : version.replace('TLSv', 'TLS '));
