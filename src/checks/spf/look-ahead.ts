/**
 * Asks the questions of an evaluation ahead and in parallel, so that its duration depends on the depth of the includes and
 * not on the number of terms.
 *
 * **Answers**: nothing; later questions find their answers.
 * **Knows**: the records as they arrive. **Asks**: TXT for `include` and `redirect`, A or AAAA for `a` and `exists`, MX and
 * then its hosts, PTR and then its hosts.
 * **Standards**: RFC 7208 §4.6.4: no more terms than the limit, and at most 10 hosts of an MX or PTR.
 * **Limits**: a term with the `p` macro is left to the evaluation. Terms after a match are asked in vain. Terms after `all`,
 * or after an `ip4` or `ip6` that contains the client, are not asked.
 *
 * @module
 */
import type { Question } from '../../dns/index.ts';
import type { DnsAnswer, RecordType } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, reverseName } from '../../net/index.ts';
import type { Evaluator, MacroValues } from './mailauth.ts';
import type { AskingTerm } from './record.ts';
import type { Trail } from './trail.ts';

export const MAX_HOSTS = 10; // RFC 7208 §4.6.4, for mx and for ptr

/** Limit of a domain-spec in characters: with macros it is longer than the 253 octets of a name, but not by much. */
const MAX_SPEC = 1024;

/** Returns the hosts of an MX answer, the most preferred ones if there are more than the limit. */
function mxHosts(answer: DnsAnswer & { status: 'found' }): string[] {
  const found = answer.records.flatMap((record) => (record.type === 'MX' ? [record] : []));
  if (found.length > MAX_HOSTS) found.sort((a, b) => a.preference - b.preference).splice(MAX_HOSTS);
  return found.map(({ exchange }) => exchange);
}

/** Asks ahead. */
export class LookAhead {
  readonly #trail: Trail;
  readonly #client: IpAddress;
  readonly #values: Omit<MacroValues, 'domain'>;
  readonly #mailauth: Evaluator;
  readonly #maxVoids: number;
  /** The record type for addresses of the client's family. */
  readonly #addresses: 'A' | 'AAAA';
  #left: number;
  #voids = 0;
  #stopped = false;

  constructor(
    trail: Trail,
    client: IpAddress,
    values: Omit<MacroValues, 'domain'>,
    mailauth: Evaluator,
    limits: { readonly lookups: number; readonly voids: number },
  ) {
    this.#trail = trail;
    this.#client = client;
    this.#values = values;
    this.#mailauth = mailauth;
    this.#maxVoids = limits.voids;
    this.#left = limits.lookups;
    this.#addresses = ipVersion(client) === 4 ? 'A' : 'AAAA';
  }

  /** Follows the record in the answer to a TXT question, as soon as it arrives. */
  from(question: Question): void {
    question.when(() => this.#read(question));
  }

  /** Asks no more questions. */
  stop(): void {
    this.#stopped = true;
  }

  #read(question: Question): void {
    if (this.#stopped) return;
    const record = this.#trail.recordOf(question);
    if (record === undefined) return;
    for (const term of record.asking) {
      if (this.#left <= 0 || this.#voids > this.#maxVoids) return;
      this.#follow(term, question.name);
    }
  }

  #follow({ kind, spec }: AskingTerm, domain: string): void {
    const name = kind === 'ptr' ? reverseName(this.#client) : this.#target(spec, domain);
    if (name === undefined) return;
    this.#left--;
    const question = this.#trail.ask(name, this.#typeFor(kind));
    question.when((answer) => {
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
        ? mxHosts(answer)
        : answer.records.flatMap((record) => (record.type === 'PTR' ? [record.name] : []));
    for (let i = 0; i < names.length && i < MAX_HOSTS; i++) {
      const name = names[i]!;
      if (name !== '') this.#trail.ask(name, this.#addresses);
    }
  }

  /** Returns the name that a domain-spec expands to, if that requires no DNS lookup. */
  #target(spec: string, domain: string): string | undefined {
    if (spec === '') return domain;
    // The evaluation validates the name. A single label is not asked.
    if (!spec.includes('%')) return spec.includes('.') ? spec.toLowerCase() : undefined;
    // The record is not validated yet. The evaluation rejects what is far too long.
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
