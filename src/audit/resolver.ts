import type { DnsAnswer, DnsResolver, RecordType } from '../env/index.ts';
import { probeResolver, type RecordsContext } from './records/probe-resolver.ts';

/** Counts the answers of a resolver. NXDOMAIN is an answer. */
export interface AnswerCounts {
  /** Answers for the domain and names below it. */
  within: number;
  /** Answers for other names. */
  outside: number;
  /** Failed queries with their reasons, without duplicates. */
  readonly failures: string[];
}

const MAX_FAILURES = 20;

/** Wraps a resolver so that its answers are counted. */
export const countingResolver = (dns: DnsResolver, domain: string, counts: AnswerCounts): DnsResolver => ({
  async resolve<T extends RecordType>(name: string, type: T, options?: Parameters<DnsResolver['resolve']>[2]) {
    const answer: DnsAnswer<T> = await dns.resolve(name, type, options);
    if (answer.status !== 'temperror') counts[name === domain || name.endsWith(`.${domain}`) ? 'within' : 'outside']++;
    else {
      const line = `${name} ${type}: ${answer.reason}`;
      if (counts.failures.length < MAX_FAILURES && !counts.failures.includes(line)) counts.failures.push(line);
    }
    return answer;
  },
});

/**
 * Finds out which side is silent if no query about the domain was answered: the resolver, or the name servers of the domain.
 * If the resolver has not answered at all, it is tested with top-level domains.
 */
export async function silentSide(
  domain: string,
  { within, outside, failures }: AnswerCounts,
  context: RecordsContext,
): Promise<'resolver' | 'domain' | undefined> {
  if (within > 0 || failures.length === 0 || context.signal?.aborted) return undefined;
  if (outside > 0) return 'domain';
  const dns = probeResolver(context);
  const others = await Promise.all(
    [...new Set([domain.slice(domain.lastIndexOf('.') + 1), 'com'])].map((name) => dns.resolve(name, 'NS')),
  );
  return others.every(({ status }) => status === 'temperror') ? 'resolver' : 'domain';
}
