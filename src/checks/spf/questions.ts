/**
 * The questions of one evaluation.
 *
 * **Answers**: each question once, however often it comes up, and what was learnt from those that counted.
 * **Asks**: `dns`, with a signal that ends all that is outstanding.
 *
 * @module
 */
import { questionName } from '../../dns/index.ts';
import type { DnsAnswer, DnsRecord, DnsResolver, RecordType } from '../../env/index.ts';
import { parseIp } from '../../net/index.ts';

/** A question that the result rests on, and what the DNS said. */
export interface Evidence {
  readonly name: string;
  readonly type: RecordType;
  readonly status: DnsAnswer['status'];
  /** As a zone file would have them; cut where they are many or long. */
  readonly records?: readonly string[] | undefined;
  /** Why nothing was learnt. */
  readonly reason?: string | undefined;
}

/** What a finding carries of the evidence; the log is not a copy of the DNS. */
const MAX_EVIDENCE = 40;
const MAX_RECORDS = 10;
const MAX_TEXT = 512;

type Asked = { readonly name: string; readonly type: RecordType; readonly answer: DnsAnswer };

export interface Questions {
  /** Never rejects. A name that the wire cannot carry, or that is an address, does not exist. */
  ask(name: string, type: RecordType): Promise<DnsAnswer>;
  /** Says that the evaluation has used an answer. */
  used(name: string, type: RecordType, answer: DnsAnswer): void;
  /** How many questions went out. */
  readonly count: number;
  /** How many of them have not been answered yet. */
  readonly outstanding: number;
  evidence(): Evidence[];
}

const nowhere: DnsAnswer = { status: 'nxdomain', ttl: 0 };

export function questionsTo(dns: DnsResolver, signal: AbortSignal): Questions {
  const asked = new Map<string, Promise<DnsAnswer>>();
  const used = new Map<string, Asked>();
  let count = 0;
  let outstanding = 0;
  const resolve = async (name: string, type: RecordType): Promise<DnsAnswer> => {
    count++;
    outstanding++;
    try {
      return await dns.resolve(name, type, { signal });
    } catch (error) {
      return { status: 'temperror', reason: error instanceof Error ? error.message : 'the resolver failed' };
    } finally {
      outstanding--;
    }
  };
  return {
    ask(text, type) {
      const key = `${type} ${text}`;
      let answer = asked.get(key);
      if (answer !== undefined) return answer;
      const name = questionName(text);
      if (name === undefined || name === '' || parseIp(name) !== undefined) answer = Promise.resolve(nowhere);
      else if (name === text) answer = resolve(name, type);
      else answer = this.ask(name, type);
      asked.set(key, answer);
      return answer;
    },
    used(name, type, answer) {
      if (used.size < MAX_EVIDENCE) used.set(`${type} ${name}`, { name, type, answer });
    },
    get count() {
      return count;
    },
    get outstanding() {
      return outstanding;
    },
    evidence: () => Array.from(used.values(), written),
  };
}

function written({ name, type, answer }: Asked): Evidence {
  const question = { name: cut(name.toLowerCase()), type, status: answer.status };
  if (answer.status === 'temperror') return { ...question, reason: cut(answer.reason) };
  if (answer.status !== 'found') return question;
  return { ...question, records: answer.records.slice(0, MAX_RECORDS).map((record) => cut(print(record))) };
}

const cut = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 3)}...` : text);

function print(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.address;
    case 'MX':
      return `${record.preference} ${record.exchange}`;
    case 'TXT':
      return record.text;
    case 'PTR':
      return record.name;
    default:
      return record.type;
  }
}
