/**
 * The questions of one evaluation.
 *
 * **Answers**: each question once, however often it comes up, and what was learnt from those that counted.
 * **Asks**: `dns`, with a signal that ends all that is outstanding.
 *
 * @module
 */
import { questionName } from '../../dns/index.ts';
import type { DnsAnswer, DnsRecord, DnsResolver, RecordType, ResolveOptions } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { parseIp } from '../../net/index.ts';
import type { SpfRecord } from './record.ts';
import { readRecord, spfRecord } from './record.ts';

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

/** A question on its way, or answered. */
export interface Question {
  readonly name: string;
  readonly type: RecordType;
  answer: DnsAnswer | undefined;
  /** The SPF record in the answer, once it has been looked for; null where there is none, or more than one. */
  record: SpfRecord | null | undefined;
  used: boolean;
  waiting: ((answer: DnsAnswer) => void)[];
}

/** What a finding carries of the evidence; the log is not a copy of the DNS. */
const MAX_EVIDENCE = 40;
const MAX_RECORDS = 10;
const MAX_TEXT = 512;

/** No mail server has such a name: asking would only be a round trip to a certain answer. */
const nowhere: DnsAnswer = { status: 'nxdomain', ttl: 0 };

/**
 * The signal that ends what is outstanding. It is made where a resolver looks at it: made for each evaluation, it would
 * cost as much as a short evaluation does.
 */
class Outstanding implements ResolveOptions {
  #controller: AbortController | undefined;
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }
  abort(): void {
    this.#controller?.abort();
  }
}

export class Questions {
  /** How many questions went out. */
  count = 0;
  readonly #dns: DnsResolver;
  readonly #client: IpAddress;
  readonly #asked = new Map<string, Question>();
  readonly #used: Question[] = [];
  readonly #options = new Outstanding();
  #outstanding = 0;

  constructor(dns: DnsResolver, client: IpAddress) {
    this.#dns = dns;
    this.#client = client;
  }

  /** A name that the wire cannot carry, or that is an address, does not exist. */
  ask(text: string, type: RecordType): Question {
    const key = `${type} ${text}`;
    let question = this.#asked.get(key);
    if (question !== undefined) return question;
    const name = questionName(text);
    const nobody = name === undefined || name === '' || (endsInDigit(name) && parseIp(name) !== undefined);
    if (nobody || name === text) {
      question = { name: text, type, answer: undefined, record: undefined, used: false, waiting: [] };
      if (nobody) question.answer = nowhere;
      else this.#send(question);
    } else question = this.ask(name, type);
    this.#asked.set(key, question);
    return question;
  }

  /** Calls `then` with the answer: at once where it is there. */
  when(question: Question, then: (answer: DnsAnswer) => void): void {
    if (question.answer === undefined) question.waiting.push(then);
    else then(question.answer);
  }

  /** Says that the evaluation rests on the question. */
  use(question: Question): void {
    if (question.used) return;
    question.used = true;
    this.#used.push(question);
  }

  /** The SPF record in the answer to a TXT question. */
  recordOf(question: Question): SpfRecord | null {
    if (question.record === undefined) {
      const text = question.answer === undefined ? undefined : spfRecord(texts(question.answer));
      question.record = text === undefined ? null : readRecord(text, this.#client);
    }
    return question.record;
  }

  /** The SPF records that the evaluation has read, in order. */
  records(): SpfRecord[] {
    const records: SpfRecord[] = [];
    for (const question of this.#used) if (question.record) records.push(question.record);
    return records;
  }

  /** The same, with the names they were found at. */
  recordsByDomain(): { readonly domain: string; readonly text: string }[] {
    return this.#used.flatMap(({ name, record }) => (record ? [{ domain: name, text: record.text }] : []));
  }

  /** Gives up what has not been answered yet. */
  abandon(): void {
    if (this.#outstanding > 0) this.#options.abort();
  }

  evidence(): Evidence[] {
    const used = this.#used.length > MAX_EVIDENCE ? this.#used.slice(0, MAX_EVIDENCE) : this.#used;
    return used.map(written);
  }

  #send(question: Question): void {
    this.count++;
    this.#outstanding++;
    const arrived = (answer: DnsAnswer): void => {
      this.#outstanding--;
      question.answer = answer;
      for (const then of question.waiting) then(answer);
      question.waiting = [];
    };
    const broken = (error: unknown): void =>
      arrived({ status: 'temperror', reason: error instanceof Error ? error.message : 'the resolver failed' });
    try {
      this.#dns.resolve(question.name, question.type, this.#options).then(arrived, broken);
    } catch (error) {
      broken(error);
    }
  }
}

const endsInDigit = (name: string): boolean => {
  const last = name.charCodeAt(name.length - 1);
  return last >= 0x30 && last <= 0x39;
};

/** The texts of the TXT records of an answer. */
export function texts(answer: DnsAnswer): string[] {
  const found: string[] = [];
  if (answer.status === 'found')
    for (const record of answer.records) if (record.type === 'TXT') found.push(record.text);
  return found;
}

/** MX records in the order in which they are asked for. */
export function byPreference(answer: DnsAnswer): { exchange: string; preference: number }[] {
  const found: { exchange: string; preference: number }[] = [];
  if (answer.status === 'found') for (const record of answer.records) if (record.type === 'MX') found.push(record);
  return found.length > 1 ? found.sort((a, b) => a.preference - b.preference) : found;
}

function written({ name, type, answer = { status: 'temperror', reason: 'not answered' } }: Question): Evidence {
  const { status } = answer;
  if (status === 'temperror') return { name: cut(name), type, status, reason: cut(answer.reason) };
  if (status !== 'found') return { name: cut(name), type, status };
  const records: string[] = [];
  for (const record of answer.records) {
    if (records.length === MAX_RECORDS) break;
    records.push(cut(print(record)));
  }
  return { name, type, status, records };
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
