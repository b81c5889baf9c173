import type { DnsAnswer } from '../../env/index.ts';
import { questionsOf, type RecordsContext } from './questions.ts';

/**
 * The TLSA records of a service (RFC 6698 §3), with the word of the resolver on whether they are authentic: records of a
 * zone that is not signed have no effect.
 *
 * @param host the name of the MX or SRV record
 */
export const findTlsa = (host: string, port: number, context: RecordsContext): Promise<DnsAnswer<'TLSA'>> =>
  questionsOf(context).resolve(`_${port}._tcp.${host}`, 'TLSA');
