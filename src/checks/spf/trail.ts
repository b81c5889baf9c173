import type { Question } from '../../dns/index.ts';
import { Questions } from '../../dns/index.ts';
import type { DnsAnswer, DnsRecord, DnsResolver, RecordType } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import type { SpfRecord } from './record.ts';
import { readRecord, spfRecord } from './record.ts';

/** A DNS answer on which the result is based. */
export interface Evidence {
  readonly name: string;
  readonly type: RecordType;
  readonly status: DnsAnswer['status'];
  /** The records as in a zone file, shortened if they are many or long. */
  readonly records?: readonly string[];
  /** Why the lookup failed. */
  readonly reason?: string;
}

/** Limits of the evidence in a finding, so that logs stay small. */
const MAX_EVIDENCE = 40;
const MAX_RECORDS = 10;
const MAX_TEXT = 512;

/** The questions of one evaluation, each asked once. Notes which of them the evaluation needed, and the SPF records found. */
export class Trail extends Questions {
  readonly #client: IpAddress;
  readonly #used = new Set<Question>();
  /** `null`: there is no record, or more than one. */
  readonly #records = new Map<Question, SpfRecord | null>();

  constructor(dns: DnsResolver, client: IpAddress) {
    super(dns);
    this.#client = client;
  }

  /** Notes that the evaluation needs the answer, as opposed to a question asked ahead. */
  use(question: Question): void {
    this.#used.add(question);
  }

  /** Returns the SPF record in the answer to a TXT question, if there is exactly one. */
  recordOf(question: Question): SpfRecord | undefined {
    let record = this.#records.get(question);
    if (record === undefined) {
      const text = spfRecord(question.answer);
      record = text === undefined ? null : readRecord(text, this.#client);
      this.#records.set(question, record);
    }
    return record ?? undefined;
  }

  /** Returns the SPF records that the evaluation needed, in order, with their names. */
  records(): { readonly name: string; readonly record: SpfRecord }[] {
    const records: { name: string; record: SpfRecord }[] = [];
    for (const question of this.#used) {
      const record = this.#records.get(question);
      if (record) records.push({ name: question.name, record });
    }
    return records;
  }

  /** Returns the answers that the evaluation needed, in order. */
  evidence(): Evidence[] {
    return [...this.#used].slice(0, MAX_EVIDENCE).map(evidenceOf);
  }
}

function evidenceOf({
  name: text,
  type,
  answer = { status: 'temperror', reason: 'not answered' },
}: Question): Evidence {
  const name = shorten(text);
  const { status } = answer;
  if (status === 'temperror') return { name, type, status, reason: shorten(answer.reason) };
  if (status !== 'found') return { name, type, status };
  return { name, type, status, records: answer.records.slice(0, MAX_RECORDS).map((record) => shorten(print(record))) };
}

const shorten = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 3)}...` : text);

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
