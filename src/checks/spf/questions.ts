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
  readonly records?: readonly string[];
  /** Why nothing was learnt. */
  readonly reason?: string;
}

type OnAnswer = (answer: DnsAnswer) => void;

/** A question on its way, or answered. */
export interface Question {
  readonly name: string;
  readonly type: RecordType;
  answer: DnsAnswer | undefined;
  /** The SPF record in the answer, once it has been looked for; null where there is none, or more than one. */
  record: SpfRecord | null | undefined;
  used: boolean;
  /** The question that the evaluation used after this one. */
  next: Question | undefined;
  /** Who is to be told; one function, since there is seldom more than one. */
  waiting: OnAnswer | undefined;
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
  /** By type and name: the names are whole strings whose hashes are known, a key made of both would not be. */
  readonly #asked = new Map<RecordType, Map<string, Question>>();
  #first: Question | undefined;
  #last: Question | undefined;
  readonly #options = new Outstanding();
  #outstanding = 0;

  constructor(dns: DnsResolver, client: IpAddress) {
    this.#dns = dns;
    this.#client = client;
  }

  /** A name that the wire cannot carry, or that is an address, does not exist. */
  ask(text: string, type: RecordType): Question {
    let asked = this.#asked.get(type);
    if (asked === undefined) {
      asked = new Map();
      this.#asked.set(type, asked);
    }
    let question = asked.get(text);
    if (question !== undefined) return question;
    const name = questionName(text);
    const nobody = name === undefined || name === '' || (endsInDigit(name) && parseIp(name) !== undefined);
    if (nobody || name === text) {
      question = {
        name: text,
        type,
        answer: undefined,
        record: undefined,
        used: false,
        next: undefined,
        waiting: undefined,
      };
      if (nobody) question.answer = nowhere;
      else this.#send(question);
    } else question = this.ask(name, type);
    asked.set(text, question);
    return question;
  }

  /** Calls `then` with the answer: at once where it is there. */
  when(question: Question, then: OnAnswer): void {
    const { answer, waiting } = question;
    if (answer !== undefined) then(answer);
    else if (waiting === undefined) question.waiting = then;
    else {
      question.waiting = (late) => {
        waiting(late);
        then(late);
      };
    }
  }

  /** Says that the evaluation rests on the question. */
  use(question: Question): void {
    if (question.used) return;
    question.used = true;
    if (this.#last === undefined) this.#first = question;
    else this.#last.next = question;
    this.#last = question;
  }

  /** The SPF record in the answer to a TXT question. */
  recordOf(question: Question): SpfRecord | null {
    if (question.record === undefined) {
      const text = question.answer === undefined ? undefined : spfRecord(texts(question.answer));
      question.record = text === undefined ? null : readRecord(text, this.#client);
    }
    return question.record;
  }

  /** The SPF records that the evaluation has read, in order, and the names they were found at. */
  records(): { readonly name: string; readonly record: SpfRecord }[] {
    const records: { name: string; record: SpfRecord }[] = [];
    for (let at = this.#first; at !== undefined; at = at.next)
      if (at.record) records.push({ name: at.name, record: at.record });
    return records;
  }

  /** Gives up what has not been answered yet. */
  abandon(): void {
    if (this.#outstanding > 0) this.#options.abort();
  }

  evidence(): Evidence[] {
    const evidence: Evidence[] = [];
    for (let at = this.#first; at !== undefined && evidence.length < MAX_EVIDENCE; at = at.next)
      evidence.push(written(at));
    return evidence;
  }

  #send(question: Question): void {
    this.count++;
    this.#outstanding++;
    const arrived = (answer: DnsAnswer): void => {
      this.#outstanding--;
      question.answer = answer;
      const { waiting } = question;
      question.waiting = undefined;
      waiting?.(answer);
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

/** The hosts of an MX answer; in the order of preference where the limit may leave some of them out. */
export function exchanges(answer: DnsAnswer, limit: number): string[] {
  if (answer.status !== 'found') return [];
  const found: { exchange: string; preference: number }[] = [];
  for (const record of answer.records) if (record.type === 'MX') found.push(record);
  if (found.length > limit) found.sort((a, b) => a.preference - b.preference).splice(limit);
  return found.map(({ exchange }) => exchange);
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
