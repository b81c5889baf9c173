/**
 * Asks early what the evaluation is going to ask, so that the time to an answer is the depth of the dependencies and not
 * the number of the terms.
 *
 * **Answers**: nothing; it warms the questions.
 * **Knows**: the records as they arrive. **Asks**: TXT for `include` and `redirect`, A or AAAA for `a` and `exists`, MX and
 * then its hosts, PTR and then its hosts.
 * **Standards**: RFC 7208 §4.6.4: no more terms than the limit, no more hosts of an MX or PTR than 10.
 * **Limits**: a term with the `p` macro waits for the evaluation. What stands behind a term that matches is asked in
 * vain; what stands behind `all`, or an `ip4` or `ip6` that holds the client, is not asked. Where more than two terms
 * find nothing, the evaluation ends in an error after the third, when all of them have been asked already.
 *
 * @module
 */
import type { DnsAnswer, RecordType } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, reverseName } from '../../net/index.ts';
import type { Evaluator, MacroValues } from './mailauth.ts';
import type { Question, Questions } from './questions.ts';
import { exchanges } from './questions.ts';
import type { AskingTerm } from './record.ts';

export const MAX_HOSTS = 10; // RFC 7208 §4.6.4, for mx and for ptr

/** A domain-spec with macros is longer than the 253 octets of a name, but not by much. */
const MAX_SPEC = 1024;

export class LookAhead {
  readonly #questions: Questions;
  readonly #client: IpAddress;
  readonly #values: Omit<MacroValues, 'domain'>;
  readonly #mailauth: Evaluator;
  readonly #maxVoids: number;
  /** The type of address that the client has. */
  readonly #addresses: 'A' | 'AAAA';
  #left: number;
  #voids = 0;
  #stopped = false;

  constructor(
    questions: Questions,
    client: IpAddress,
    values: Omit<MacroValues, 'domain'>,
    mailauth: Evaluator,
    limits: { readonly lookups: number; readonly voids: number },
  ) {
    this.#questions = questions;
    this.#client = client;
    this.#values = values;
    this.#mailauth = mailauth;
    this.#maxVoids = limits.voids;
    this.#left = limits.lookups;
    this.#addresses = ipVersion(client) === 4 ? 'A' : 'AAAA';
  }

  /** Follows the record in the answer to a TXT question, as soon as that is there. */
  from(question: Question): void {
    this.#questions.when(question, () => this.#read(question));
  }

  /** Nothing more is asked. */
  stop(): void {
    this.#stopped = true;
  }

  #read(question: Question): void {
    if (this.#stopped) return;
    const record = this.#questions.recordOf(question);
    if (record === null) return;
    for (const term of record.asking) {
      if (this.#left <= 0 || this.#voids > this.#maxVoids) return;
      this.#follow(term, question.name);
    }
  }

  #follow({ kind, spec }: AskingTerm, domain: string): void {
    const name = kind === 'ptr' ? reverseName(this.#client) : this.#target(spec, domain);
    if (name === undefined) return;
    this.#left--;
    const question = this.#questions.ask(name, this.#typeFor(kind));
    this.#questions.when(question, (answer) => {
      if (answer.status !== 'found') {
        if (answer.status !== 'temperror') this.#voids++;
      } else if (kind === 'include' || kind === 'redirect') this.#read(question);
      else if (kind === 'mx' || kind === 'ptr') this.#hosts(kind, answer);
    });
  }

  #typeFor(kind: AskingTerm['kind']): RecordType {
    if (kind === 'a') return this.#addresses;
    return kind === 'exists' ? 'A' : kind === 'mx' ? 'MX' : kind === 'ptr' ? 'PTR' : 'TXT';
  }

  #hosts(kind: 'mx' | 'ptr', answer: DnsAnswer & { status: 'found' }): void {
    if (this.#stopped) return;
    const names =
      kind === 'mx'
        ? exchanges(answer, MAX_HOSTS)
        : answer.records.flatMap((record) => (record.type === 'PTR' ? [record.name] : []));
    for (let i = 0; i < names.length && i < MAX_HOSTS; i++) {
      const name = names[i]!;
      if (name !== '') this.#questions.ask(name, this.#addresses);
    }
  }

  /** The name that a domain-spec means, where that can be said without a question. */
  #target(spec: string, domain: string): string | undefined {
    if (spec === '') return domain;
    // A plain name is judged by the evaluation; one that is no name is not put on the wire.
    if (!spec.includes('%')) return spec.includes('.') ? spec.toLowerCase() : undefined;
    // Not validated yet: what is far longer than a name is left to the evaluation.
    if (spec.length > MAX_SPEC || /%\{p/i.test(spec)) return undefined;
    const { expand, fitName, isName } = this.#mailauth;
    try {
      const name = fitName(expand(spec, { ...this.#values, domain }));
      return isName(name) ? name.toLowerCase() : undefined;
    } catch {
      return undefined;
    }
  }
}
