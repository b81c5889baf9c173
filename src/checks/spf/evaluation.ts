import type { Clock, DnsAnswer, RecordType } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { parseIp } from '../../net/index.ts';
import { LookAhead, MAX_HOSTS } from './look-ahead.ts';
import type { Evaluator, MacroValues, NodeRecord, NodeResolve, SpfMatch } from './mailauth.ts';
import type { Question, Questions } from './questions.ts';

/** The limits of RFC 7208 §4.6.4. */
export interface Limits {
  readonly lookups: number;
  readonly voids: number;
}

/**
 * How an evaluation ends early. mailauth reads `spfResult`. It passes over errors of the look-ups for `ptr` and `%{p}`
 * (RFC 7208 §5.5), unless `code` says that the time is over: so `final` errors carry that code.
 */
class Halt {
  readonly spfResult: { error: 'permerror' | 'temperror'; text: string };
  readonly code: 'ESPFTIMELIMIT' | undefined;
  constructor(error: 'permerror' | 'temperror', text: string, final = false) {
    this.spfResult = { error, text };
    this.code = final ? 'ESPFTIMELIMIT' : undefined;
  }
}

/** A host of one `mx` or `ptr`, or of one `%{p}`, that is being looked up. */
interface Host {
  readonly name: string;
  answer: DnsAnswer | undefined;
  /** Tells mailauth that there is no answer. */
  fail: () => void;
}

/** One run of mailauth over a record: what it counts, and the resolvers that mailauth is given. */
export class Evaluation {
  /** Terms that have asked the DNS. */
  terms = 0;
  /** Terms that have found nothing. */
  voids = 0;
  /** The last name asked for by each kind of term: mailauth does not tell which of several terms matched. */
  readonly last: { host: string; mx: string } = { host: '', mx: '' };
  readonly context: { readonly warnings: Set<string>; usedLocalPart: boolean } = {
    warnings: new Set(),
    usedLocalPart: false,
  };

  readonly #questions: Questions;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #values: Omit<MacroValues, 'domain'>;
  readonly #mailauth: Evaluator;
  readonly #lookAhead: LookAhead | undefined;
  #first = true;
  #explaining = false;
  #over: Halt | undefined;
  #wake: (() => void) | undefined;
  #end: (match: SpfMatch) => void = () => undefined;

  constructor(
    questions: Questions,
    client: IpAddress,
    clock: Clock,
    limits: Limits,
    who: { readonly sender: string; readonly helo: string; readonly mta: string },
    mailauth: Evaluator,
    lookAhead: boolean,
  ) {
    this.#questions = questions;
    this.#clock = clock;
    this.#limits = limits;
    this.#mailauth = mailauth;
    this.#values = { sender: who.sender, ip: client, addr: mailauth.parseIp(client)!, helo: who.helo, mta: who.mta };
    this.#lookAhead = lookAhead ? new LookAhead(questions, client, this.#values, mailauth, limits) : undefined;
  }

  /** Never rejects. */
  run(domain: string): Promise<SpfMatch> {
    this.#lookAhead?.from(this.#questions.ask(domain, 'TXT'));
    return new Promise((resolve) => {
      this.#end = (match) => {
        this.#lookAhead?.stop();
        resolve(match);
      };
      const { sender, ip, addr, helo, mta } = this.#values;
      this.#mailauth
        .verify(domain, {
          sender,
          ip,
          addr,
          helo,
          mta,
          strict: true,
          ctx: this.context,
          resolver: this.#resolve,
          expResolver: this.#resolveForExplanation,
          createSubResolver: this.#hostResolver,
        })
        .then(
          (match) => this.#end(match === false ? {} : match),
          // An error of mailauth's own is not for headers: only its kind is told.
          (error: { spfResult?: SpfMatch }) =>
            this.#end(error.spfResult ?? { error: 'temperror', text: 'the evaluation failed' }),
        );
    });
  }

  /**
   * Ends the evaluation. Where a `fail` is certain and only its explanation is outstanding, the explanation is given up
   * and not the result.
   */
  giveUp(reason: string): void {
    this.#over = new Halt('temperror', reason);
    this.#lookAhead?.stop();
    if (this.#explaining) this.#wake?.();
    else this.#end({ ...this.#over.spfResult });
  }

  /** What a domain-spec of the record of `domain` means. */
  expand(spec: string, domain: string): string {
    return this.#mailauth.expand(spec, { ...this.#values, domain });
  }

  /** For the terms of a record: counted (§4.6.4). The first question is for the record itself and is free. */
  readonly #resolve: NodeResolve = (name, type) => {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (this.#first) this.#first = false;
    else if (++this.terms > this.#limits.lookups)
      return Promise.reject(new Halt('permerror', `more than ${this.#limits.lookups} terms that ask the DNS`));
    const question = this.#questions.ask(name, type as RecordType);
    this.#questions.use(question);
    if (type === 'MX') this.last.mx = question.name;
    else if (type !== 'TXT') this.last.host = question.name;
    return new Promise((resolve, reject) => {
      this.#questions.when(question, (answer) => {
        if (type === 'TXT') this.#questions.recordOf(question);
        if (answer.status === 'found') resolve(nodeRecords(answer));
        // Without its names, nobody knows whether the client is the one that `ptr` or `%{p}` asks for.
        else if (answer.status === 'temperror') reject(trouble(question, answer.reason, type === 'PTR'));
        else if (++this.voids > this.#limits.voids)
          reject(new Halt('permerror', `more than ${this.#limits.voids} terms that find nothing`));
        else resolve([]);
      });
    });
  };

  /**
   * For the hosts of one `mx` or `ptr`: not terms, and not counted as void, but no more than ten (§4.6.4). A host without an
   * answer is reported when the others have theirs: only then it is clear whether it matters.
   */
  readonly #hostResolver = (): NodeResolve => {
    const hosts: Host[] = [];
    const settle = (): void => {
      if (hosts.some((host) => host.answer === undefined)) return;
      for (const host of hosts) {
        host.fail();
        host.fail = nothing;
      }
    };
    return (name, type) => {
      if (this.#over !== undefined) return Promise.reject(this.#over);
      if (hosts.length >= MAX_HOSTS)
        return Promise.reject(new Halt('permerror', `more than ${MAX_HOSTS} hosts of one term`));
      const question = this.#questions.ask(name, type as RecordType);
      this.#questions.use(question);
      const host: Host = { name: question.name, answer: undefined, fail: nothing };
      hosts.push(host);
      return new Promise((resolve, reject) => {
        this.#questions.when(question, (answer) => {
          host.answer = answer;
          if (answer.status === 'temperror')
            host.fail = () => reject(trouble(question, answer.reason, this.#mayBeClient(host, hosts)));
          else resolve(answer.status === 'found' ? nodeRecords(answer) : []);
          // mailauth asks for all hosts of a `ptr` at once; an answer may be there before it has asked for the next.
          void Promise.resolve().then(settle);
        });
      });
    };
  };

  /**
   * Whether a host without an answer could change what a `ptr` or a `%{p}` comes to, beside the hosts that have one.
   * mailauth does not say for which term it asks; the terms of all records that were read are considered.
   */
  #mayBeClient(host: Host, hosts: readonly Host[]): boolean {
    const confirmed = hosts.filter(({ answer }) => this.#isClient(answer));
    /** §7.3: the domain itself is preferred, then a name below it, then any; among equals the first. */
    const rank = ({ name }: Host, domain: string): number =>
      name === domain ? 2 : name.endsWith(`.${domain}`) ? 1 : 0;
    for (const { name: domain, record } of this.#questions.records()) {
      for (const { kind, spec } of record.asking) {
        if (/%\{p/i.test(spec)) {
          const chosen = confirmed.some(
            (one) =>
              rank(one, domain) > rank(host, domain) ||
              (rank(one, domain) === rank(host, domain) && hosts.indexOf(one) < hosts.indexOf(host)),
          );
          if (!chosen) return true;
        } else if (kind === 'ptr') {
          const target = this.#targetOf(spec, domain);
          if (rank(host, target) > 0 && !confirmed.some((one) => rank(one, target) > 0)) return true;
        }
      }
    }
    return false;
  }

  #targetOf(spec: string, domain: string): string {
    try {
      return spec === '' ? domain : this.expand(spec, domain).replace(/\.$/, '').toLowerCase();
    } catch {
      return domain;
    }
  }

  #isClient(answer: DnsAnswer | undefined): boolean {
    return (
      answer?.status === 'found' &&
      answer.records.some(
        (record) => (record.type === 'A' || record.type === 'AAAA') && parseIp(record.address) === this.#values.ip,
      )
    );
  }

  /** For the explanation of a fail that is certain: not counted (§4.6.4), and any trouble means that there is none. */
  readonly #resolveForExplanation: NodeResolve = (name, type) => {
    this.#explaining = true;
    const question = this.#questions.ask(name, type as RecordType);
    this.#questions.use(question);
    return new Promise((resolve, reject) => {
      this.#wake = () => reject(this.#over);
      if (this.#over !== undefined) this.#wake();
      this.#questions.when(question, (answer) => {
        if (answer.status !== 'found') return reject(trouble(question, answer.status));
        const records = nodeRecords(answer);
        resolve(
          type === 'TXT' ? records.map((text) => (typeof text === 'string' ? this.#explain(text) : text)) : records,
        );
      });
    });
  };

  /**
   * `%{t}` is the time on the clock that was handed in (§7.3). The nibbles of `%{i}` are in upper case, as the RFC's own
   * test suite wants them where people read them; in the names of questions they are in lower case, as §7.4 has them.
   */
  #explain(text: string): string {
    return text.replace(macro, (written: string, letter: string | undefined) => {
      const kind = letter?.toLowerCase();
      if (kind === 't') return String(Math.round(this.#clock.now() / 1000));
      return kind === 'i' ? this.expand(written, '').toUpperCase() : written;
    });
  }
}

const nothing = (): void => {};

const trouble = ({ type, name }: Question, reason: string, final = false): Halt =>
  new Halt('temperror', `${type} ${name}: ${reason}`, final);

const macro = /%[%_-]|%\{([a-z])(\d*)(r?)([-.+,/_=]*)\}/gi;

/**
 * Delimiters are a set (§7.1), but mailauth puts them into a character class as they come, where `+-/` is a range that
 * holds the dot and the comma. With the hyphen in front it means itself.
 */
const plainDelimiters = (text: string): string =>
  text.includes('%{')
    ? text.replace(macro, (all: string, letter: string | undefined, digits: string, reverse: string, marks: string) =>
        letter === undefined || !marks.includes('-', 1)
          ? all
          : `%{${letter}${digits}${reverse}-${marks.replaceAll('-', '')}}`,
      )
    : text;

/** An answer in the shapes of `node:dns`. */
function nodeRecords(answer: DnsAnswer & { status: 'found' }): NodeRecord[] {
  const found: NodeRecord[] = [];
  for (const record of answer.records) {
    if (record.type === 'TXT') found.push(plainDelimiters(record.text));
    else if (record.type === 'A' || record.type === 'AAAA') found.push(record.address);
    else if (record.type === 'PTR') found.push(record.name);
    else if (record.type === 'MX') found.push({ exchange: record.exchange, priority: record.preference });
  }
  return found;
}
