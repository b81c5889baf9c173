import type { DnsAnswer } from '../../env/index.ts';
import type { AuditFinding } from '../finding.ts';
import { lookupFailed, questionsOf, type RecordsContext, unansweredOf } from './questions.ts';

/**
 * The TLSA records of a service (RFC 6698 §3), with the word of the resolver on whether they are authentic: records of a
 * zone that is not signed have no effect.
 *
 * @param host the name of the MX or SRV record
 */
export async function auditTlsa(
  host: string,
  port: number,
  context: RecordsContext,
): Promise<{ readonly answer: DnsAnswer<'TLSA'>; readonly findings: readonly AuditFinding[] }> {
  const name = `_${port}._tcp.${host}`;
  const answer = await questionsOf(context).resolve(name, 'TLSA');
  return { answer, findings: lookupFailed('dane', host, unansweredOf([{ name, type: 'TLSA', answer }])) };
}
