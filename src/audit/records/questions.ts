import { questionName } from '../../dns/index.ts';
import type { DnsAnswer, DnsResolver, RecordType } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import type { ProbeName } from '../catalogue.ts';
import type { AuditContext } from '../context.ts';
import { type AuditFinding, found } from '../finding.ts';

/** What looking at records asks of its surroundings. */
export type RecordsContext = Pick<AuditContext, 'dns' | 'clock' | 'settings' | 'signal'>;

/** The resolver of one probe. */
export interface Questions extends DnsResolver {
  /** The texts of the TXT records that have come, those of one name after the other. */
  texts(): readonly string[];
}

/** A question that was not answered. */
export interface Unanswered {
  readonly name: string;
  readonly type: RecordType;
  readonly reason: string;
}

/**
 * The resolver of the audit, as one probe uses it: each question once, no answer later than the step may take, and no
 * exception even of a resolver that breaks its contract.
 */
export function questionsOf({ dns, clock, settings, signal }: RecordsContext): Questions {
  const asked = new Map<string, Promise<DnsAnswer>>();
  const texts: string[] = [];
  const send = (name: string, type: RecordType): Promise<DnsAnswer> => {
    if (signal?.aborted) return Promise.resolve({ status: 'temperror', reason: 'aborted' });
    return new Promise((resolve) => {
      const control = new AbortController();
      const end = (answer: DnsAnswer): void => {
        cancel();
        withdraw();
        resolve(answer);
      };
      const giveUp = (reason: string): void => {
        end({ status: 'temperror', reason });
        control.abort();
      };
      const failed = (error: unknown): void =>
        end({ status: 'temperror', reason: error instanceof Error ? error.message : 'the resolver failed' });
      const cancel = clock.after(settings.timeoutMs, () => giveUp(`no answer in ${settings.timeoutMs} ms`));
      const withdraw = onAbort(signal, () => giveUp('aborted'));
      try {
        dns.resolve(name, type, { signal: control.signal }).then((answer) => {
          if (answer.status === 'found')
            for (const record of answer.records) if (record.type === 'TXT') texts.push(record.text);
          end(answer);
        }, failed);
      } catch (error) {
        failed(error);
      }
    });
  };
  return {
    texts: () => texts,
    resolve<T extends RecordType>(text: string, type: T): Promise<DnsAnswer<T>> {
      const name = questionName(text);
      // Below a long domain there may be no room for the label of a service: the name does not exist then.
      if (name === undefined) return Promise.resolve({ status: 'nxdomain', ttl: 0 });
      const key = `${type} ${name}`;
      let answer = asked.get(key);
      if (answer === undefined) {
        answer = send(name, type);
        asked.set(key, answer);
      }
      return answer as Promise<DnsAnswer<T>>;
    },
  };
}

/** The texts of an answer; empty where there are none. */
export const textsOf = (answer: DnsAnswer<'TXT'>): readonly string[] =>
  answer.status === 'found' ? answer.records.map(({ text }) => text) : [];

/** What was not learnt, of several answers. */
export function unansweredOf(
  questions: readonly { readonly name: string; readonly type: RecordType; readonly answer: DnsAnswer }[],
): readonly Unanswered[] {
  return questions.flatMap(({ name, type, answer }) =>
    answer.status === 'temperror' ? [{ name, type, reason: answer.reason }] : [],
  );
}

/** That the DNS did not answer, which is never "there is none". Nothing where all was answered. */
export function lookupFailed(
  probe: ProbeName,
  subject: string,
  questions: readonly Unanswered[],
): readonly AuditFinding[] {
  const [first, ...others] = questions;
  if (first === undefined) return [];
  const more = others.length === 0 ? '' : `, nor for ${others.length} more`;
  return [
    found(
      'lookup-failed',
      subject,
      `The DNS did not answer when it was asked for ${first.type} of ${first.name}${more}.`,
      questions.map(({ name, type, reason }) => `${name} ${type}: ${reason}`),
      { probe },
    ),
  ];
}

/** Octets of a record that a report keeps. */
export const MAX_TEXT = 4_096;
