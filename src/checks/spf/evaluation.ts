import type { Question } from '../../dns/index.ts';
import type { Clock, DnsAnswer, RecordType } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { parseIp } from '../../net/index.ts';
import { LookAhead, MAX_HOSTS } from './look-ahead.ts';
import type { Evaluator, MacroValues, NodeRecord, NodeResolve, SpfMatch } from './mailauth.ts';
import type { Trail } from './trail.ts';

/** The limits of RFC 7208 §4.6.4. */
export interface Limits {
  readonly lookups: number;
  readonly voids: number;
}

/**
 * The error that ends an evaluation early. mailauth reads `spfResult`. It ignores lookup errors for `ptr` and `%{p}` (RFC 7208
 * §5.5) unless `code` marks a time limit, so `final` errors carry that code.
 */
class Halt {
  readonly spfResult: { error: 'permerror' | 'temperror'; text: string };
  readonly code: 'ESPFTIMELIMIT' | undefined;
  constructor(error: 'permerror' | 'temperror', text: string, final = false) {
    this.spfResult = { error, text };
    this.code = final ? 'ESPFTIMELIMIT' : undefined;
  }
}

/** A host of one `mx`, `ptr` or `%{p}` whose addresses are looked up. */
interface Host {
  readonly name: string;
  answer: DnsAnswer | undefined;
  /** Reports a failed lookup to mailauth. */
  fail: () => void;
}

/** One run of mailauth over a record: the limits of RFC 7208 §4.6.4, and the resolvers that mailauth calls. */
export class Evaluation {
  /** Terms that caused a DNS lookup. */
  terms = 0;
  /** Terms whose lookup found nothing. */
  voids = 0;
  /** The last name that a term looked up, `include` excepted. mailauth does not report which of several terms matched. */
  lastName = '';
  readonly context: { readonly warnings: Set<string>; usedLocalPart: boolean } = {
    warnings: new Set(),
    usedLocalPart: false,
  };

  readonly #trail: Trail;
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
    trail: Trail,
    client: IpAddress,
    clock: Clock,
    limits: Limits,
    who: { readonly sender: string; readonly helo: string; readonly mta: string },
    mailauth: Evaluator,
    lookAhead: boolean,
  ) {
    this.#trail = trail;
    this.#clock = clock;
    this.#limits = limits;
    this.#mailauth = mailauth;
    this.#values = { sender: who.sender, ip: client, addr: mailauth.parseIp(client)!, helo: who.helo, mta: who.mta };
    this.#lookAhead = lookAhead ? new LookAhead(trail, client, this.#values, mailauth, limits) : undefined;
  }

  /** Evaluates the record of a domain. Never rejects. */
  run(domain: string): Promise<SpfMatch> {
    this.#lookAhead?.from(this.#trail.ask(domain, 'TXT'));
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
          // An internal error of mailauth must not appear in headers.
          (error: { spfResult?: SpfMatch }) =>
            this.#end(error.spfResult ?? { error: 'temperror', text: 'the evaluation failed' }),
        );
    });
  }

  /** Ends the evaluation. If only the explanation of a `fail` is outstanding, the `fail` stands without it. */
  giveUp(reason: string): void {
    this.#over = new Halt('temperror', reason);
    this.#lookAhead?.stop();
    if (this.#explaining) this.#wake?.();
    else this.#end({ ...this.#over.spfResult });
  }

  /** Expands a domain-spec in the record of `domain`. */
  expand(spec: string, domain: string): string {
    return this.#mailauth.expand(spec, { ...this.#values, domain });
  }

  /** The resolver for terms, which are counted (§4.6.4). The first question is for the record itself and is not. */
  readonly #resolve: NodeResolve = (name, type) => {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (this.#first) this.#first = false;
    else if (++this.terms > this.#limits.lookups)
      return Promise.reject(new Halt('permerror', `more than ${this.#limits.lookups} terms with DNS lookups`));
    const question = this.#use(name, type);
    if (type !== 'TXT') this.lastName = question.name;
    return new Promise((resolve, reject) => {
      question.when((answer) => {
        if (type === 'TXT') this.#trail.recordOf(question);
        if (answer.status === 'found') resolve(nodeRecords(answer));
        // Without the PTR names it is unknown whether `ptr` or `%{p}` means the client, so the error is final.
        else if (answer.status === 'temperror') reject(trouble(question, answer.reason, type === 'PTR'));
        else if (++this.voids > this.#limits.voids)
          reject(new Halt('permerror', `more than ${this.#limits.voids} void lookups`));
        else resolve([]);
      });
    });
  };

  #use(name: string, type: string): Question {
    const question = this.#trail.ask(name, type as RecordType);
    this.#trail.use(question);
    return question;
  }

  /**
   * The resolver for the hosts of one `mx` or `ptr`: not counted as terms or void lookups, but at most ten (§4.6.4). A failed
   * lookup is reported after all others have answers, since only then is it known whether it matters.
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
      const question = this.#use(name, type);
      const host: Host = { name: question.name, answer: undefined, fail: nothing };
      hosts.push(host);
      return new Promise((resolve, reject) => {
        question.when((answer) => {
          host.answer = answer;
          if (answer.status === 'temperror')
            host.fail = () => reject(trouble(question, answer.reason, this.#mayBeClient(host, hosts)));
          else resolve(answer.status === 'found' ? nodeRecords(answer) : []);
          // mailauth looks up all hosts of a `ptr` in parallel. An answer may arrive before the next lookup starts.
          void Promise.resolve().then(settle);
        });
      });
    };
  };

  /**
   * Returns whether a host whose lookup failed could change the result of a `ptr` or `%{p}`, given the other hosts.
   *
   * mailauth does not report the term, so the terms of all records read so far are considered.
   */
  #mayBeClient(host: Host, hosts: readonly Host[]): boolean {
    const confirmed = hosts.filter(({ answer }) => this.#isClient(answer));
    /** §7.3: the domain itself is preferred, then a subdomain, then any name; of equals the first. */
    const rank = ({ name }: Host, domain: string): number =>
      name === domain ? 2 : name.endsWith(`.${domain}`) ? 1 : 0;
    for (const { name: domain, record } of this.#trail.records()) {
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

  /** The resolver for the explanation of a certain `fail`: not counted (§4.6.4). Any error means no explanation. */
  readonly #resolveForExplanation: NodeResolve = (name, type) => {
    this.#explaining = true;
    const question = this.#use(name, type);
    return new Promise((resolve, reject) => {
      this.#wake = () => reject(this.#over);
      if (this.#over !== undefined) this.#wake();
      question.when((answer) => {
        if (answer.status !== 'found') return reject(trouble(question, answer.status));
        const records = nodeRecords(answer);
        resolve(
          type === 'TXT' ? records.map((text) => (typeof text === 'string' ? this.#explain(text) : text)) : records,
        );
      });
    });
  };

  /**
   * Expands two macros of an explanation: `%{t}` with the given clock (§7.3), and `%{i}` in upper case, as the test suite of the
   * RFC requires in explanations. In names it is lower case (§7.4).
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
 * Puts the hyphen first in the delimiters of macros. Delimiters are a set (§7.1), but mailauth copies them into a character
 * class, where `+-/` is a range that contains the dot and the comma.
 */
const plainDelimiters = (text: string): string =>
  text.includes('%{')
    ? text.replace(macro, (all: string, letter: string | undefined, digits: string, reverse: string, marks: string) =>
        letter === undefined || !marks.includes('-', 1)
          ? all
          : `%{${letter}${digits}${reverse}-${marks.replaceAll('-', '')}}`,
      )
    : text;

/** Converts an answer to the shapes of `node:dns`. */
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
