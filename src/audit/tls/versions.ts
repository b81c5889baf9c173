import { type AuditFinding, found, type Severity } from '../finding.ts';
import type { TlsAudit, TlsVersion } from '../report.ts';
import type { TlsBegun } from '../wire/index.ts';

/** From the oldest. */
export const tlsVersions: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/**
 * Which versions of TLS a server speaks, each tried on a connection of its own, at the same time.
 *
 * A version is spoken if the handshake was done, and is not if the server or TLS refused it. Some servers refuse by closing
 * the connection without an alert: that counts if the same server does a handshake with another version. Otherwise a version
 * stays unknown if the try ended in anything else: no connection, no answer, a connection that was closed.
 *
 * @param begin connects, goes as far as the handshake, does it with this version, closes, and says how it went
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

/** This side's own trouble is not the server's: a key that is too small for it was agreed on, and so was the version. */
const OWN = /NO_PROTOCOLS_AVAILABLE|KEY_TOO_SMALL|NO_CIPHERS_AVAILABLE/;

const refusal = (begun: TlsBegun): boolean =>
  begun.status === 'failed' && /^(?:ERR_SSL_|EPROTO)/.test(begun.reason) && !OWN.test(begun.reason);

/**
 * What is wrong with the versions that a server speaks.
 *
 * @param severity of old versions beside new ones: `low` where TLS is opportunistic, since none at all would be worse;
 *   `medium` for logins
 */
export function versionFindings(
  subject: string,
  { versions, negotiated }: Pick<TlsAudit, 'versions' | 'negotiated'>,
  severity: Severity,
): readonly AuditFinding[] {
  const old = (['TLSv1', 'TLSv1.1'] as const).filter((version) => versions[version] === true);
  // What is negotiated when all are offered is the newest that the server knows.
  const negotiatedOld = negotiated === 'TLSv1' || negotiated === 'TLSv1.1';
  if (old.length === 0 && !negotiatedOld) return [];
  const evidence = tlsVersions
    .filter((version) => versions[version] !== undefined)
    .map((version) => `${nameOf(version)}: ${versions[version] ? 'spoken' : 'refused'}`);
  const spoken = old.length > 0 ? old.map(nameOf).join(' and ') : nameOf(negotiated as TlsVersion);
  const newer = versions['TLSv1.2'] === true || versions['TLSv1.3'] === true;
  const noNewer = versions['TLSv1.2'] === false && versions['TLSv1.3'] === false;
  if (!newer && (noNewer || negotiatedOld))
    return [found('tls-old-only', subject, `The server speaks ${spoken}, and nothing newer.`, evidence)];
  return [found('tls-old', subject, `The server still speaks ${spoken}.`, evidence, { severity })];
}

const nameOf = (version: TlsVersion): string => (version === 'TLSv1' ? 'TLS 1.0' : version.replace('TLSv', 'TLS '));
