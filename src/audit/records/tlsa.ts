import type { DnsAnswer } from '../../env/index.ts';
import type { AuditFinding } from '../finding.ts';
import { failedOf, lookupFailed, probeResolver, type RecordsContext } from './probe-resolver.ts';

/**
 * Looks up the TLSA records of a service (RFC 6698 §3). The answer contains the AD bit of the resolver: records in an
 * unsigned zone have no effect.
 *
 * @param host the name of the MX or SRV record
 */
export async function auditTlsa(
  host: string,
  port: number,
  context: RecordsContext,
): Promise<{ readonly answer: DnsAnswer<'TLSA'>; readonly findings: readonly AuditFinding[] }> {
  const name = `_${port}._tcp.${host}`;
  const answer = await probeResolver(context).resolve(name, 'TLSA');
  return { answer, findings: lookupFailed('dane', host, failedOf([{ name, type: 'TLSA', answer }])) };
}
