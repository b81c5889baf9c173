/**
 * Asks early what the evaluation is going to ask, so that the time to an answer is the depth of the dependencies and not
 * the number of the terms.
 *
 * **Answers**: nothing; it warms the questions.
 * **Knows**: the records as they arrive. **Asks**: TXT for `include` and `redirect`, A or AAAA for `a` and `exists`, MX and
 * then its hosts, PTR and then its hosts.
 * **Standards**: RFC 7208 §4.6.4: no more terms than the limit, no more hosts of an MX or PTR than 10.
 * **Limits**: a term with the `p` macro waits for the evaluation. What stands behind a term that matches is asked in
 * vain; what stands behind `all`, or an `ip4` or `ip6` that holds the client, is not asked.
 *
 * @module
 */
import type { DnsAnswer } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, reverseName } from '../../net/index.ts';
import type { Evaluator, MacroValues } from './mailauth.ts';
import type { Questions } from './questions.ts';
import type { AskingTerm } from './record.ts';
import { askingTerms, spfRecord } from './record.ts';

export const MAX_HOSTS = 10; // RFC 7208 §4.6.4, for mx and for ptr

/** MX records in the order in which they are asked for. */
export const byPreference = (answer: DnsAnswer): { exchange: string; preference: number }[] =>
  answer.status === 'found'
    ? answer.records
        .flatMap((record) => (record.type === 'MX' ? [record] : []))
        .sort((a, b) => a.preference - b.preference)
    : [];

/** The texts of the TXT records of an answer. */
export const texts = (answer: DnsAnswer): string[] =>
  answer.status === 'found' ? answer.records.flatMap((record) => (record.type === 'TXT' ? [record.text] : [])) : [];

export interface LookAhead {
  /** Starts from the record of `domain`. */
  from(domain: string): void;
  /** Nothing more is asked. */
  stop(): void;
}

export function lookAhead(
  questions: Questions,
  client: IpAddress,
  values: Omit<MacroValues, 'domain'>,
  { expand, fitName, isName }: Evaluator,
  limits: { readonly lookups: number; readonly voids: number },
): LookAhead {
  const addresses = ipVersion(client) === 4 ? 'A' : 'AAAA';
  let left = limits.lookups;
  let voids = 0;
  let stopped = false;

  /** The name a domain-spec means, where that can be said without a question. */
  const target = (spec: string, domain: string): string | undefined => {
    if (spec === '') return domain;
    let name = spec;
    if (spec.includes('%')) {
      if (/%\{p/i.test(spec)) return undefined;
      try {
        name = expand(spec, { ...values, domain });
      } catch {
        return undefined;
      }
    }
    name = fitName(name);
    return isName(name) ? name.toLowerCase() : undefined;
  };

  const hosts = (names: readonly string[]): void => {
    if (stopped) return;
    for (const name of names.slice(0, MAX_HOSTS)) void questions.ask(name, addresses);
  };

  const follow = (term: AskingTerm, domain: string): void => {
    const { kind } = term;
    const name = kind === 'ptr' ? reverseName(client) : target(term.spec, domain);
    if (name === undefined) return;
    left--;
    const type =
      kind === 'mx' ? 'MX' : kind === 'ptr' ? 'PTR' : kind === 'a' ? addresses : kind === 'exists' ? 'A' : 'TXT';
    void questions.ask(name, type).then((answer) => {
      if (answer.status === 'nodata' || answer.status === 'nxdomain') voids++;
      if (answer.status !== 'found') return;
      if (type === 'TXT') read(answer, name);
      else if (type === 'MX') hosts(byPreference(answer).map(({ exchange }) => exchange));
      else if (type === 'PTR') hosts(answer.records.flatMap((record) => (record.type === 'PTR' ? [record.name] : [])));
    });
  };

  const read = (answer: DnsAnswer, domain: string): void => {
    if (stopped || left <= 0) return;
    const record = spfRecord(texts(answer));
    if (record === undefined) return;
    for (const term of askingTerms(record, client)) {
      if (left <= 0 || voids > limits.voids) return;
      follow(term, domain);
    }
  };

  return {
    from: (domain) => void questions.ask(domain, 'TXT').then((answer) => read(answer, domain)),
    stop: () => {
      stopped = true;
    },
  };
}
