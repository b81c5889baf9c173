import { questionName } from '../../dns/index.ts';
import type { DnsAnswer, DnsResolver, RecordType } from '../../env/index.ts';
import { withDeadline } from '../../env/index.ts';
import type { ProbeName } from '../catalogue.ts';
import type { AuditContext } from '../context.ts';
import { type AuditFinding, found } from '../finding.ts';

/** The part of the audit context that the probes of DNS records need. */
export type RecordsContext = Pick<AuditContext, 'dns' | 'clock' | 'settings' | 'signal'>;

/** The resolver of one probe. */
export interface ProbeResolver extends DnsResolver {
  /** Returns the texts of all TXT records received so far, in order of arrival. */
  texts(): readonly string[];
}

/** A query that failed. */
export interface FailedQuery {
  readonly name: string;
  readonly type: RecordType;
  readonly reason: string;
}

/**
 * Wraps the resolver of the audit for one probe: it sends each query once, gives up after `timeoutMs`, and returns
 * `temperror` even if the resolver throws.
 */
export function probeResolver({ dns, clock, settings, signal }: RecordsContext): ProbeResolver {
  const sent = new Map<string, Promise<DnsAnswer>>();
  const texts: string[] = [];
  const send = async (name: string, type: RecordType): Promise<DnsAnswer> => {
    const ended = await withDeadline(clock, settings.timeoutMs, signal, (abandoned) =>
      dns.resolve(name, type, { signal: abandoned }),
    );
    switch (ended.how) {
      case 'answered':
        if (ended.value.status === 'found')
          for (const record of ended.value.records) if (record.type === 'TXT') texts.push(record.text);
        return ended.value;
      case 'failed':
        return {
          status: 'temperror',
          reason: ended.error instanceof Error ? ended.error.message : 'the resolver failed',
        };
      case 'late':
        return { status: 'temperror', reason: `no answer in ${settings.timeoutMs} ms` };
      case 'aborted':
        return { status: 'temperror', reason: 'aborted' };
    }
  };
  return {
    texts: () => texts,
    resolve<T extends RecordType>(text: string, type: T): Promise<DnsAnswer<T>> {
      const name = questionName(text);
      // A label in front of a long domain can exceed the length limit: such a name cannot exist.
      if (name === undefined) return Promise.resolve({ status: 'nxdomain', ttl: 0 });
      const key = `${type} ${name}`;
      let answer = sent.get(key);
      if (answer === undefined) {
        answer = send(name, type);
        sent.set(key, answer);
      }
      return answer as Promise<DnsAnswer<T>>;
    },
  };
}

/** Returns the texts of an answer, or an empty array. */
export const textsOf = (answer: DnsAnswer<'TXT'>): readonly string[] =>
  answer.status === 'found' ? answer.records.map(({ text }) => text) : [];

/** Returns the queries that failed. */
export function failedOf(
  queries: readonly { readonly name: string; readonly type: RecordType; readonly answer: DnsAnswer }[],
): readonly FailedQuery[] {
  return queries.flatMap(({ name, type, answer }) =>
    answer.status === 'temperror' ? [{ name, type, reason: answer.reason }] : [],
  );
}

/** Reports failed queries as one finding. A failure never means that a record is missing. */
export function lookupFailed(
  probe: ProbeName,
  subject: string,
  queries: readonly FailedQuery[],
): readonly AuditFinding[] {
  const [first, ...others] = queries;
  if (first === undefined) return [];
  const more = others.length === 0 ? '' : ` ${others.length} more ${others.length === 1 ? 'query' : 'queries'} failed.`;
  return [
    found(
      'lookup-failed',
      subject,
      `The DNS query for ${first.name} ${first.type} failed.${more}`,
      queries.map(({ name, type, reason }) => `${name} ${type}: ${reason}`),
      { probe },
    ),
  ];
}

/** Maximum length of a record text in a report. */
export const MAX_TEXT = 4_096;
