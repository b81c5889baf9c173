import type { DnsAnswer, DnsResolver, RecordType } from '../env/index.ts';
import { questionsOf, type RecordsContext } from './records/questions.ts';

/** What a resolver has answered so far. */
export interface Heard {
  /** Answers of any kind, NXDOMAIN too: about names of the domain, and about others. */
  within: number;
  outside: number;
  /** Why there was none, each reason once. */
  readonly failures: string[];
}

/** Reasons that are kept. */
const MAX_FAILURES = 20;

/** The same resolver; what it answers is counted in `heard`. */
export const listening = (dns: DnsResolver, domain: string, heard: Heard): DnsResolver => ({
  async resolve<T extends RecordType>(name: string, type: T, options?: Parameters<DnsResolver['resolve']>[2]) {
    const answer: DnsAnswer<T> = await dns.resolve(name, type, options);
    if (answer.status !== 'temperror') heard[name === domain || name.endsWith(`.${domain}`) ? 'within' : 'outside']++;
    else {
      const line = `${name} ${type}: ${answer.reason}`;
      if (heard.failures.length < MAX_FAILURES && !heard.failures.includes(line)) heard.failures.push(line);
    }
    return answer;
  },
});

/**
 * Who did not answer, if no question about the domain was answered: the resolver, or the name servers of the domain. A
 * resolver that has answered nothing is asked about top-level domains.
 */
export async function deafTo(
  domain: string,
  { within, outside, failures }: Heard,
  context: RecordsContext,
): Promise<'resolver' | 'domain' | undefined> {
  if (within > 0 || failures.length === 0 || context.signal?.aborted) return undefined;
  if (outside > 0) return 'domain';
  const dns = questionsOf(context);
  const others = await Promise.all(
    [...new Set([domain.slice(domain.lastIndexOf('.') + 1), 'com'])].map((name) => dns.resolve(name, 'NS')),
  );
  return others.every(({ status }) => status === 'temperror') ? 'resolver' : 'domain';
}
