import type { Result } from '../../core/index.ts';
import { questionName } from '../../dns/index.ts';
import type { Clock, DnsAnswer, DnsResolver, RecordType } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { parseDomain, parseIp } from '../../net/index.ts';
import { byPreference, lookAhead, MAX_HOSTS, texts } from './look-ahead.ts';
import type { Evaluator, NodeRecord, NodeResolve, SpfMatch } from './mailauth.ts';
import { evaluator } from './mailauth.ts';
import type { Evidence, Questions } from './questions.ts';
import { questionsTo } from './questions.ts';
import { broadTerms, spfRecord } from './record.ts';

/** Who is asked about (RFC 7208 §4.1). */
export interface SpfSubject {
  /** The client's address. An IPv4-mapped address is its IPv4 address. */
  readonly ip: string;
  /** What the client called itself in HELO or EHLO. */
  readonly helo: string;
  /** The reverse-path; `''` or `null`, the null reverse-path, means the HELO identity (§2.4). */
  readonly mailFrom: string | null;
}

export interface CheckHostOptions {
  /** After so many milliseconds the result is `temperror`; 20,000 where not given, the least that §4.6.4 wants. */
  readonly timeoutMs?: number | undefined;
  /** How many terms may ask the DNS; 10 (§4.6.4). */
  readonly lookups?: number | undefined;
  /** How many of them may find nothing; 2 (§4.6.4). */
  readonly voids?: number | undefined;
  /** The name of the host that asks, for the `r` macro of explanations; `unknown` (§7.3). */
  readonly receiver?: string | undefined;
  /** Ask ahead and in parallel; true. Without it a record's questions go out one by one. */
  readonly lookAhead?: boolean | undefined;
  /** Gives up early, with `temperror`. */
  readonly signal?: AbortSignal | undefined;
}

/** What `check_host()` came to, and why. Plain JSON. */
export interface SpfOutcome {
  /**
   * - `pass`: the client may send for the domain
   * - `none`: the domain has no record, or is no domain
   * - `neutral`: the domain does not say
   * - `softfail`: probably not
   * - `fail`: it may not
   * - `temperror`: the DNS did not answer
   * - `permerror`: the record cannot be used
   */
  readonly result: Result;
  /** Which identity was checked (§2.3, §2.4). */
  readonly identity: 'mailfrom' | 'helo';
  /** The domain of that identity. */
  readonly domain: string;
  /** For `fail`: what the domain itself has to say (`exp=`, §6.2). A stranger's text. */
  readonly explanation?: string | undefined;
  /** The term that decided, as the record has it: `-all`, `include:_spf.example.org`. Absent: none did. */
  readonly term?: string | undefined;
  /** The terms from the outermost `include` to the one that matched. */
  readonly matched?: readonly string[] | undefined;
  /** Why there is an error, or no answer. */
  readonly reason?: string | undefined;
  /** The domain's record. */
  readonly record?: string | undefined;
  /** Terms of the records read that let in more than anybody can vouch for. */
  readonly broad?: readonly string[] | undefined;
  /** The record has macros that hold the local part of the sender (RFC 8601 §2.7.2). */
  readonly localPartUsed?: true | undefined;
  /** What counted towards the limits of §4.6.4, and how many questions went out, those asked ahead included. */
  readonly lookups: { readonly terms: number; readonly voids: number; readonly questions: number };
  /** What the DNS said, in the order in which the evaluation needed it. */
  readonly evidence: readonly Evidence[];
}

const TIMEOUT_MS = 20_000; // RFC 7208 §4.6.4
const MAX_LOOKUPS = 10; // RFC 7208 §4.6.4
const MAX_VOIDS = 2; // RFC 7208 §4.6.4

/**
 * Whether `ip` may send mail in the name of the sender's domain: `check_host()` of RFC 7208 §4.
 *
 * @param env `dns` is asked, each question once; `clock` ends an evaluation that takes too long
 * @returns never an exception for what the world or the sender did
 * @throws TypeError for an option that cannot be meant
 */
export async function checkHost(
  subject: SpfSubject,
  env: { readonly dns: DnsResolver; readonly clock: Clock },
  options: CheckHostOptions = {},
): Promise<SpfOutcome> {
  assertOptions('checkHost', options);
  const { sender, domain, identity } = identityOf(subject);
  const nothing = { identity, domain, lookups: { terms: 0, voids: 0, questions: 0 }, evidence: [] };
  const client = parseIp(subject.ip);
  if (client === undefined) return { ...nothing, result: 'permerror', reason: 'the client has no IP address' };
  // §4.3: what is no domain of at least two labels has no policy.
  if (
    questionName(domain) === undefined ||
    !domain.includes('.') ||
    parseIp(domain) !== undefined ||
    domain.endsWith(']')
  )
    return { ...nothing, result: 'none', reason: 'the identity has no domain of more than one label' };

  const outstanding = new AbortController();
  const questions = questionsTo(env.dns, outstanding.signal);
  void questions.ask(domain, 'TXT'); // on its way while the evaluator loads
  const mailauth = await evaluator();
  if (!mailauth.isName(domain)) return { ...nothing, result: 'none', reason: 'the identity has no domain' };
  const evaluation = new Evaluation(questions, client, options, env.clock);
  const ended = new Promise<SpfMatch>((resolve) => {
    evaluation.end = resolve;
  });
  const cancel = env.clock.after(options.timeoutMs ?? TIMEOUT_MS, () =>
    evaluation.giveUp('no result within the time allowed'),
  );
  const aborted = (): void => evaluation.giveUp('given up');
  options.signal?.addEventListener('abort', aborted, { once: true });
  if (options.signal?.aborted) aborted();
  const helo = subject.helo;
  const match = await Promise.race([
    evaluation.run({ domain, sender, helo, mta: options.receiver ?? 'unknown' }, mailauth),
    ended,
  ]);
  cancel();
  options.signal?.removeEventListener('abort', aborted);
  if (questions.outstanding > 0) outstanding.abort();
  return { identity, domain, ...evaluation.outcome(match) };
}

/** §2.3, §2.4, §4.3: which identity is checked, as which sender, and for which domain. */
function identityOf({ mailFrom, helo }: SpfSubject): { sender: string; domain: string; identity: 'mailfrom' | 'helo' } {
  const path = mailFrom === null ? '' : mailFrom.trim().replace(/^<(.*)>$/, '$1');
  const identity = path === '' ? 'helo' : 'mailfrom';
  const written = path === '' ? helo.trim() : path;
  // A quoted local part may hold an `@`; the domain follows the last one.
  const at = written.lastIndexOf('@');
  const host = written.slice(at + 1).replace(/\.$/, '');
  // RFC 8616 §4: U-labels become A-labels, also where macros expand to them.
  const ascii = /^[\x20-\x7e]*$/.test(host);
  const domain = ascii ? host : (parseDomain(host) ?? host);
  const localPart = at > 0 && path !== '' ? written.slice(0, at) : 'postmaster'; // §4.3
  return { sender: `${localPart}@${domain}`, domain: domain.toLowerCase(), identity };
}

/** One evaluation: what it has counted, what it has seen, and the resolvers that mailauth is given. */
class Evaluation {
  end: (match: SpfMatch) => void = () => undefined;
  #terms = 0;
  #voids = 0;
  #first = true;
  #explaining = false;
  #over: Halt | undefined;
  #wake: (() => void) | undefined;
  readonly #records = new Map<string, string>();
  /** The last name asked for by each kind of term, to tell which of several terms matched. */
  readonly #last = { host: '', mx: '', record: '' };
  readonly #context: { readonly warnings: Set<string>; usedLocalPart: boolean } = {
    warnings: new Set(),
    usedLocalPart: false,
  };
  readonly #questions: Questions;
  readonly #client: IpAddress;
  readonly #options: CheckHostOptions;
  readonly #clock: Clock;
  #expand: (spec: string, domain: string) => string = (spec) => spec;
  #ahead: { stop(): void } | undefined;

  constructor(questions: Questions, client: IpAddress, options: CheckHostOptions, clock: Clock) {
    this.#questions = questions;
    this.#client = client;
    this.#options = options;
    this.#clock = clock;
  }

  async run(
    who: { readonly domain: string; readonly sender: string; readonly helo: string; readonly mta: string },
    mailauth: Evaluator,
  ): Promise<SpfMatch> {
    const addr = mailauth.parseIp(this.#client)!;
    const values = { sender: who.sender, ip: this.#client as string, addr, helo: who.helo, mta: who.mta };
    this.#expand = (spec, domain) => mailauth.expand(spec, { ...values, domain });
    if (this.#options.lookAhead !== false) {
      const { lookups = MAX_LOOKUPS, voids = MAX_VOIDS } = this.#options;
      const ahead = lookAhead(this.#questions, this.#client, values, mailauth, { lookups, voids });
      this.#ahead = ahead;
      ahead.from(who.domain);
    }
    try {
      const match = await mailauth.verify(who.domain, {
        ...values,
        strict: true,
        ctx: this.#context,
        resolver: this.#resolve,
        expResolver: this.#resolveForExplanation,
        createSubResolver: this.#hostResolver,
      });
      return match === false ? {} : match;
    } catch (error) {
      if (error instanceof Halt) return error.spfResult;
      const { spfResult, message } = error as { spfResult?: SpfMatch; message?: string };
      return spfResult ?? { error: 'temperror', text: message ?? 'the evaluation failed' };
    } finally {
      this.#ahead?.stop();
    }
  }

  /**
   * Ends the evaluation. Where a `fail` is certain and only its explanation is outstanding, the explanation is given up
   * and not the result.
   */
  giveUp(reason: string): void {
    this.#over = new Halt('temperror', reason);
    this.#ahead?.stop();
    if (this.#explaining) this.#wake?.();
    else this.end(this.#over.spfResult);
  }

  outcome(match: SpfMatch): Omit<SpfOutcome, 'identity' | 'domain'> {
    const result = match.error ?? resultOf[match.qualifier ?? '?'];
    const matched = match.error === undefined && match.type !== undefined ? this.#path(match) : [];
    const records = [...this.#records.values()];
    const broad = broadTerms(records);
    return {
      result,
      ...(result === 'fail' && match.explanation !== undefined ? { explanation: match.explanation } : {}),
      ...(matched.length > 0 ? { term: matched[0], matched } : {}),
      ...(match.error !== undefined && match.text !== undefined ? { reason: match.text } : {}),
      ...(records.length > 0 ? { record: records[0] } : {}),
      ...(broad.length > 0 ? { broad } : {}),
      ...(this.#context.usedLocalPart ? { localPartUsed: true } : {}),
      lookups: { terms: this.#terms, voids: this.#voids, questions: this.#questions.count },
      evidence: this.#questions.evidence(),
    };
  }

  /** For the terms of a record: counted (§4.6.4). The first question is for the record itself and is free. */
  readonly #resolve: NodeResolve = async (name, type) => {
    const { lookups = MAX_LOOKUPS, voids = MAX_VOIDS } = this.#options;
    if (this.#first) this.#first = false;
    else if (++this.#terms > lookups) throw new Halt('permerror', `more than ${lookups} terms that ask the DNS`);
    const answer = await this.#ask(name, type as RecordType);
    if (answer.status === 'temperror') throw new Halt('temperror', `${type} ${name}: ${answer.reason}`);
    if (type === 'TXT') {
      this.#last.record = name;
      const record = spfRecord(texts(answer));
      if (record !== undefined) this.#records.set(name, record);
    } else if (type === 'MX') this.#last.mx = name;
    else this.#last.host = name;
    if (answer.status === 'found') return nodeRecords(answer);
    if (++this.#voids > voids) throw new Halt('permerror', `more than ${voids} questions without an answer`);
    return [];
  };

  /** For the hosts of one `mx` or `ptr`: not terms, and not counted as void, but no more than ten (§4.6.4). */
  readonly #hostResolver = (): NodeResolve => {
    let hosts = 0;
    return async (name, type) => {
      if (++hosts > MAX_HOSTS) throw new Halt('permerror', `more than ${MAX_HOSTS} hosts`);
      const answer = await this.#ask(name, type as RecordType);
      if (answer.status === 'temperror') throw new Halt('temperror', `${type} ${name}: ${answer.reason}`);
      return answer.status === 'found' ? nodeRecords(answer) : [];
    };
  };

  /** For the explanation of a fail that is certain: not counted (§4.6.4), and any trouble means that there is none. */
  readonly #resolveForExplanation: NodeResolve = async (name, type) => {
    this.#explaining = true;
    const late = new Promise<undefined>((resolve) => {
      this.#wake = () => resolve(undefined);
    });
    const answer = await Promise.race([this.#ask(name, type as RecordType), late]);
    if (answer === undefined) throw this.#over;
    if (answer.status !== 'found') return [];
    if (type !== 'TXT') return nodeRecords(answer);
    return nodeRecords(answer).map((record) => (typeof record === 'string' ? this.#explain(record) : record));
  };

  /**
   * `%{t}` is the time on the clock that was handed in (§7.3). The nibbles of `%{i}` are in upper case, as the RFC's own
   * test suite wants them where people read them; in the names of questions they are in lower case, as §7.4 has them.
   */
  #explain(text: string): string {
    return text.replace(macro, (written, letter: string | undefined) => {
      if (letter === 't' && written === '%{t}') return String(Math.round(this.#clock.now() / 1000));
      return letter?.toLowerCase() === 'i' ? this.#expand(written, '').toUpperCase() : written;
    });
  }

  async #ask(name: string, type: RecordType): Promise<DnsAnswer> {
    if (this.#over !== undefined) throw this.#over;
    const answer = await this.#questions.ask(name, type);
    this.#questions.used(name, type, answer);
    return answer;
  }

  /** The terms that matched, from the outermost `include` inwards, as the records have them. */
  #path(match: SpfMatch): string[] {
    const path: string[] = [];
    for (let at: SpfMatch | undefined = match; at?.type !== undefined; at = at.include) path.push(this.#term(at));
    return path;
  }

  #term({ type, val, qualifier }: SpfMatch): string {
    const sign = qualifier === '+' ? '' : (qualifier ?? '');
    if (type === 'all') return qualifier === '+' ? 'all' : `${sign}all`;
    if (type === 'ip4' || type === 'ip6' || type === 'include') return `${sign}${type}:${val}`;
    // mailauth tells what matched, not which term: look for the one that leads to the last name asked for.
    const name = type === 'mx' ? this.#last.mx : this.#last.host;
    for (const [domain, record] of [...this.#records].reverse()) {
      for (const term of record.split(' ').slice(1)) {
        const parts = /^([-+?~]?)(\w+)(?::(.*?))?(?:\/\d+)?(?:\/\/\d+)?$/.exec(term);
        if (parts === null || parts[2]!.toLowerCase() !== type || (parts[1] || '+') !== qualifier) continue;
        if (type === 'ptr' || this.#leadsTo(parts[3], domain, name)) return term;
      }
    }
    return `${sign}${type}`;
  }

  #leadsTo(spec: string | undefined, domain: string, name: string): boolean {
    if (spec === undefined) return domain === name;
    if (/%\{p/i.test(spec)) return true;
    try {
      return this.#expand(spec, domain).replace(/\.$/, '').toLowerCase() === name.toLowerCase();
    } catch {
      return false;
    }
  }
}

/** How an evaluation ends early. mailauth reads `spfResult`; what it is otherwise does not matter to it. */
class Halt {
  readonly spfResult: { error: 'permerror' | 'temperror'; text: string };
  constructor(error: 'permerror' | 'temperror', text: string) {
    this.spfResult = { error, text };
  }
}

const resultOf = { '+': 'pass', '-': 'fail', '~': 'softfail', '?': 'neutral' } as const;

const macro = /%[%_-]|%\{([a-z])(\d*)(r?)([-.+,/_=]*)\}/gi;

/**
 * Delimiters are a set (§7.1), but mailauth puts them into a character class as they come, where `+-/` is a range that
 * holds the dot and the comma. With the hyphen in front it means itself.
 */
const plainDelimiters = (text: string): string =>
  text.includes('%{')
    ? text.replace(macro, (all, letter, digits, reverse, delimiters) =>
        letter === undefined || !delimiters.includes('-', 1)
          ? all
          : `%{${letter}${digits}${reverse}-${delimiters.replaceAll('-', '')}}`,
      )
    : text;

/** An answer in the shapes of `node:dns`. */
function nodeRecords(answer: DnsAnswer & { status: 'found' }): NodeRecord[] {
  const found: NodeRecord[] = [];
  for (const record of answer.records) {
    if (record.type === 'TXT') found.push(plainDelimiters(record.text));
    else if (record.type === 'A' || record.type === 'AAAA') found.push(record.address);
    else if (record.type === 'PTR') found.push(record.name);
  }
  for (const { exchange, preference } of byPreference(answer)) found.push({ exchange, priority: preference });
  return found;
}

export function assertOptions(who: string, options: CheckHostOptions): void {
  const { timeoutMs, lookups, voids, receiver } = options;
  if (timeoutMs !== undefined && !(timeoutMs > 0 && Number.isFinite(timeoutMs)))
    throw new TypeError(`${who}: timeoutMs ${String(timeoutMs)} must be a number of milliseconds above 0`);
  for (const [name, value] of Object.entries({ lookups, voids })) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value <= 100))
      throw new TypeError(`${who}: ${name} ${String(value)} must be a whole number from 0 to 100`);
  }
  if (receiver !== undefined && (typeof receiver !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(receiver)))
    throw new TypeError(
      `${who}: receiver ${JSON.stringify(receiver)} is not a host name; give it like "mx.example.org"`,
    );
}
