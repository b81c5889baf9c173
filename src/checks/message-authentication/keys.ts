import { questionName } from '../../dns/index.ts';
import type { DnsAnswer, DnsResolver, RecordType } from '../../env/index.ts';
import { parseIp } from '../../net/index.ts';
import type { NodeResolve } from './mailauth.ts';

/** A question about one message may be asked so often: a cap for hostile headers, far above what mail needs. */
const MAX_QUESTIONS = 120;

/** The questions of one message: each once, all given up at once. */
export interface Lookups {
  /** In the shapes of `node:dns`, with its error codes. */
  readonly resolve: NodeResolve;
  /** Starts a question, so that its answer is there when it is needed. */
  warm(name: string, type: RecordType): void;
  /** Every question that is not answered fails from now on. */
  giveUp(): void;
  readonly count: number;
}

export function lookupsOf(dns: DnsResolver): Lookups {
  const asked = new Map<string, Promise<DnsAnswer>>();
  const control = new AbortController();
  let count = 0;
  let over: (answer: DnsAnswer) => void = () => undefined;
  const late = new Promise<DnsAnswer>((resolve) => {
    over = resolve;
  });
  const send = async (name: string, type: RecordType): Promise<DnsAnswer> => {
    try {
      return await Promise.race([dns.resolve(name, type, { signal: control.signal }), late]);
    } catch (error) {
      return { status: 'temperror', reason: error instanceof Error ? error.message : 'the resolver failed' };
    }
  };
  const ask = (text: string, type: RecordType): Promise<DnsAnswer> => {
    const name = questionName(text);
    if (name === undefined || name === '' || parseIp(name) !== undefined)
      return Promise.resolve({ status: 'nxdomain', ttl: 0 });
    const key = `${type} ${name}`;
    let answer = asked.get(key);
    if (answer === undefined) {
      answer =
        count++ < MAX_QUESTIONS
          ? send(name, type)
          : Promise.resolve({ status: 'temperror', reason: 'more questions than one message may ask' });
      asked.set(key, answer);
    }
    return answer;
  };
  return {
    resolve: async (name, type) => {
      const answer = await ask(name, type as RecordType);
      if (answer.status === 'nxdomain') throw coded('ENOTFOUND', name);
      if (answer.status === 'temperror') throw coded('ETIMEOUT', answer.reason);
      if (answer.status !== 'found') throw coded('ENODATA', name);
      return answer.records.map((record) => {
        if (record.type === 'TXT') return [record.text];
        return 'address' in record ? record.address : 'name' in record ? record.name : '';
      });
    },
    warm: (name, type) => void ask(name, type),
    giveUp: () => {
      over({ status: 'temperror', reason: 'no answer within the time allowed' });
      control.abort();
    },
    get count() {
      return Math.min(count, MAX_QUESTIONS);
    },
  };
}

const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });
